#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Three closes that tutorials print frame by frame, written as captures and read back: the tool
says all that is said there."""

import sys
import tempfile

import pcap
from harness import tap
from harness.segment import Segment
from harness.tap import Failure, case

S = 10 ** 9
START = 1_700_000_000 * S
NOTHING = bytes.fromhex("45000014000000004011000000000000" "00000000") # UDP without a header


def same(what, found, expected):
    if found != expected:
        raise Failure(f"{what} is {found!r}, expected {expected!r}")


class Story:
    """Frames of one connection; numbers are relative, windows as they are in the headers."""

    def __init__(self, client, server, isns):
        self.ends, self.isns, self.frames = (client, server), isns, []

    def add(self, time, end, flags, seq, ack, window, payload=0, options=b""):
        (source, target), numbers = self.ends, self.isns
        if end:
            (target, source), numbers = self.ends, (numbers[1], numbers[0])
        segment = Segment(source[0], target[0], source[1], target[1],
                          (numbers[0] + seq) % (1 << 32), (numbers[1] + ack) % (1 << 32), flags,
                          b"x" * payload, window, options)
        self.frames.append((START + round(time * S), pcap.frame(segment.build())))

    def open(self, answer, last, scales):
        """The handshake: when it is answered and done."""
        scale = [bytes((1, 3, 3, shift)) for shift in scales]
        self.add(0, 0, "SYN", 0, -self.isns[1], 64240, options=scale[0])
        self.add(answer, 1, "SYN,ACK", 0, 1, 65535, options=scale[1])
        self.add(last, 0, "ACK", 1, 1, 500)

    def fill(self, time, count):
        """Frames of others, until there are so many."""
        while len(self.frames) < count:
            self.frames.append((START + round(time * S), pcap.frame(NOTHING)))

    def told(self, output="json"):
        with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
            pcap.write(file, self.frames)
            found = pcap.tool(file.name, output)
        if output != "json":
            return found
        teardowns = [item for item in found if item["type"] == "teardown"]
        same("the number of teardowns", len(teardowns), 1)
        return teardowns[0]


def columns(segments, *names):
    return [tuple(segment.get(name) for name in names) for segment in segments]


def states(changes):
    return [(change["t_ns"], change["to"], change["observed"]) for change in changes]


def reference_a():
    story = Story(("192.168.139.29", 63164), ("110.42.175.115", 22), (1409610010, 3908230190))
    story.open(0.0448, 0.044892, (8, 7))
    story.add(1, 0, "PSH,ACK", 1, 1, 511, payload=1342)
    story.add(2, 0, "PSH,ACK", 1343, 1, 511, payload=1000)
    story.add(2.2, 0, "PSH,ACK", 1343, 1, 511, payload=1000) # again
    story.add(3, 1, "PSH,ACK", 1, 2343, 294, payload=4477)
    story.add(3, 0, "PSH,ACK", 2343, 4478, 511, payload=1000)
    story.add(3.1, 1, "ACK", 4478, 3343, 294)
    story.fill(300, 1474)
    story.add(316.527612, 0, "FIN,ACK", 3343, 4478, 511)
    story.add(316.563632, 1, "ACK", 4478, 3344, 294)
    story.add(316.565597, 1, "FIN,ACK", 4478, 3344, 294)
    story.add(316.565665, 0, "ACK", 3344, 4479, 511)
    return story


@case("A: the client closes first, with the handshake in the capture")
def close_a():
    told = reference_a().told()
    segments = told["segments"]
    same("A", columns(segments, "frame", "wave", "dir", "flags", "seq_rel", "ack_rel", "seq", "ack",
                      "window", "len"),
         [(1475, 1, "out", "FIN,ACK", 3343, 4478, 1409613353, 3908234668, 511 * 256, 0),
          (1476, 2, "in", "ACK", 4478, 3344, 3908234668, 1409613354, 294 * 128, 0),
          (1477, 3, "in", "FIN,ACK", 4478, 3344, 3908234668, 1409613354, 294 * 128, 0),
          (1478, 4, "out", "ACK", 3344, 4479, 1409613354, 3908234669, 511 * 256, 0)])
    same("what acknowledges what", columns(segments, "acks", "ack_rtt_ns"),
         [(None, None), (0, 36020000), (None, None), (2, 68000)])
    same("the local end", (told["local"], told["remote"]),
         ({"addr": "192.168.139.29", "port": 63164}, {"addr": "110.42.175.115", "port": 22}))
    same("the verdict", (told["kind"], told["closed_by"], told["role"], told["confidence"]),
         ("four-way", "local", "client", "inferred"))
    same("its states", states(told["states"]),
         [(0, "FIN_WAIT1", False), (36020000, "FIN_WAIT2", False), (37985000, "TIME_WAIT", False)])
    same("the other's", states(told["remote_states"]),
         [(0, "CLOSE_WAIT", False), (37985000, "LAST_ACK", False), (38053000, "CLOSED", False)])
    same("durations", told["durations_ns"], {"FIN_WAIT1": 36020000, "FIN_WAIT2": 1965000})
    same("the initial RTT", told["initial_rtt_ns"], 44892000)
    same("completeness", told["completeness"],
         {"value": 31, "syn": True, "syn_ack": True, "ack": True, "data": True, "fin": True,
          "rst": False})
    same("bytes, age, stream, inferred",
         [told.get(name) for name in ("bytes_sent", "bytes_received", "age_ns", "stream",
                                      "inferred")], [3342, 4477, 316527612000, 0, None])


@case("A as a ladder")
def ladder_a():
    lines = reference_a().told("text").splitlines()
    same("the ladder", lines[:10], [
        "192.168.139.29:63164 → 110.42.175.115:22   ↑3.3 kB ↓4.5 kB  age 5 min 16 s  client",
        "    iRTT 44.892 ms  stream 0",
        "    0.000 ms  ~FIN_WAIT1",
        "    0.000           ① FIN,ACK  seq 3343 ack 4478            #1475  ───────▶   "
        "~CLOSE_WAIT",
        "   36.020           ② ACK      ack 3344  (+36.020)          #1476  ◀───────",
        "   36.020     ~FIN_WAIT2",
        "   37.985           ③ FIN,ACK  seq 4478 ack 3344            #1477  ◀───────   ~LAST_ACK",
        "   37.985     ~TIME_WAIT",
        "   38.053           ④ ACK      ack 4479  (+0.068)           #1478  ───────▶   ~CLOSED",
        "  ~four-way (inferred), closed first by local; peer took 38.0 ms to close its half"])


@case("B: IPv6, the server closes first, large windows")
def close_b():
    story = Story(("240e:45d:ac30:296:fd26:30f5:4e8f:6da6", 64455), ("2a01:111:2003::52", 80),
                  (77, (1 << 32) - 100)) # its numbers wrap
    story.open(0.125, 0.1253, (8, 8))
    story.add(0.126, 0, "PSH,ACK", 1, 1, 510, payload=112)
    story.add(0.2514, 1, "PSH,ACK", 1, 113, 16386, payload=537)
    story.fill(0.2514, 30)
    story.add(0.251466, 1, "FIN,ACK", 538, 113, 16386)
    story.add(0.251572, 0, "ACK", 113, 539, 510)
    story.add(0.251773, 0, "FIN,ACK", 113, 539, 510)
    story.add(0.377119, 1, "ACK", 539, 114, 16386)
    told = story.told()
    same("B", columns(told["segments"], "frame", "wave", "dir", "flags", "seq_rel", "ack_rel",
                      "window", "acks", "ack_rtt_ns"),
         [(31, 1, "out", "FIN,ACK", 538, 113, 4194816, None, None),
          (32, 2, "in", "ACK", 113, 539, 130560, 0, 106000),
          (33, 3, "in", "FIN,ACK", 113, 539, 130560, None, None),
          (34, 4, "out", "ACK", 539, 114, 4194816, 2, 125346000)])
    same("the verdict", (told["local"]["addr"], told["closed_by"], told["role"], told["family"]),
         ("2a01:111:2003::52", "local", "server", 6))
    same("bytes", (told["bytes_sent"], told["bytes_received"]), (537, 112))
    same("its states", [change["to"] for change in told["states"]],
         ["FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"])
    same("the other's", [change["to"] for change in told["remote_states"]],
         ["CLOSE_WAIT", "LAST_ACK", "CLOSED"])


@case("C: nothing but the close, so relative numbers are assumed and say so")
def close_c():
    story = Story(("192.168.12.106", 50000), ("123.58.191.10", 443), (123456789, 987654321))
    story.add(0, 0, "FIN,ACK", 1, 1, 513)
    story.add(0.010, 1, "ACK", 1, 2, 83)
    story.add(0.011, 1, "FIN,ACK", 1, 2, 83)
    story.add(0.012, 0, "ACK", 2, 2, 513)
    told = story.told()
    same("C", columns(told["segments"], "frame", "wave", "flags", "seq_rel", "ack_rel", "acks",
                      "window", "window_raw"),
         [(1, 1, "FIN,ACK", 1, 1, None, None, 513), (2, 2, "ACK", 1, 2, 0, None, 83),
          (3, 3, "FIN,ACK", 1, 2, None, None, 83), (4, 4, "ACK", 2, 2, 2, None, 513)])
    same("who closed", (told["local"]["addr"], told["closed_by"], told["role"]),
         ("192.168.12.106", "local", "unknown"))
    same("what is inferred", told["inferred"],
         ["seq_rel", "ack_rel", "bytes_sent", "bytes_received"])
    same("what is not known", [name in told for name in ("initial_rtt_ns", "age_ns")],
         [False, False])
    same("completeness", told["completeness"]["value"], 20)
    text = story.told("text")
    if "seq ~1 ack ~1" not in text or "ack ~2  (+10.000)" not in text:
        raise Failure(f"the numbers are not marked:\n{text}")


if __name__ == "__main__":
    sys.exit(tap.main(root=False))
