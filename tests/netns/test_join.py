#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Two recordings, one story: both ends of connections that a router translates between them."""

import collections
import contextlib
import json
import os
import re
import sys
import tempfile

from harness import tap
from harness.expect import equal, expect
from harness.tap import Failure, case
from harness.tcpdump import S, Tcpdump, is_syn, rewritten
from harness.tracer import Tracer, run
from harness.translated import INSIDE_6, OUTSIDE_6, PORT_INSIDE, PORT_OUTSIDE, Translated

SHIFT = 3 * S + S // 4
Close = collections.namedtuple("Close", "wanted client_port")


def close_four_way(client, server):
    client.close()
    server.read_end()
    server.acknowledge_now()
    server.close()
    return {"kind": "four-way", "closed_by": "local",
            "segments": ["> FIN,ACK 1", "< ACK 2", "< FIN,ACK 3", "> ACK 4"],
            "states": "ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT"}


def close_half(client, server):
    server.shutdown("write")
    client.read_end()
    client.acknowledge_now()
    client.send(1000)
    server.receive(1000)
    client.close()
    server.read_end()
    return {"kind": "four-way", "closed_by": "local",
            "segments": ["> FIN,ACK 1", "< ACK 2", "< FIN,ACK 3", "> ACK 4"],
            "states": "ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT"}


def close_three_way(client, server):
    client.send(10)
    server.receive(10)
    server.send(10) # from now on the server's acknowledgements wait for data
    client.receive(10)
    server.start("read_end_and_close")
    client.close()
    server.finish()
    return {"kind": "three-way", "closed_by": "local",
            "segments": ["> FIN,ACK 1", "< FIN,ACK 3", "> ACK 4"]}


def reset(client, server):
    client.send(10)
    server.receive(10)
    server.linger(0)
    server.close()
    client.wait_hangup()
    return {"kind": "reset", "closed_by": "local", "segments": ["> RST,ACK"]}


class World(Translated):
    """Closes of several kinds, captured at both ends and recorded at both ends, all at once."""

    def __enter__(self):
        super().__enter__()
        with contextlib.ExitStack() as stack:
            stack.push(super().__exit__)
            self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tcpclose-"))
            self.recordings = [os.path.join(self.folder, f"{label}.pcapng")
                               for label in ("client", "server")]
            captures = (Tcpdump(self.client_side, self.client_end, "10.77.1.2"),
                        Tcpdump(self.server_side, self.server_end, "10.77.2.1"))
            for capture in captures:
                stack.callback(capture.close)
            self.captures = [capture.path for capture in captures]
            with self._traced() as tracers:
                self.closes = list(self._close_all(tracers))
            for capture in captures:
                capture.finish()
            self._made = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._made.__exit__(*details)

    @contextlib.contextmanager
    def _traced(self):
        """One tracer of each end; they become ready at the same time."""
        tracers = [Tracer("--netns", side.name, "-w", path) for side, path in
                   zip((self.client_side, self.server_side), self.recordings)]
        with contextlib.ExitStack() as stack:
            for tracer in tracers:
                tracer.start()
                stack.enter_context(tracer)
            for tracer in tracers:
                if not tracer.wait_ready():
                    raise Failure(f"not ready: {tracer.stop().stderr}")
            yield tracers

    def _close_all(self, tracers):
        """Waits for both teardowns of each before the next: then their segments are captured."""
        for how in (close_four_way, close_half, close_three_way, reset):
            for addresses in ((), (INSIDE_6, OUTSIDE_6)):
                with self.connected(*addresses) as (client, server):
                    wanted = how(client, server)
                    port = client.local[1]
                    tracers[0].take(lambda found: found["type"] == "teardown" and
                                    found["local"]["port"] == port, "teardown of the client")
                    tracers[1].take(lambda found: found["type"] == "teardown",
                                    "teardown of the server")
                yield Close(wanted, port)


def joined(first, second, output="json"):
    status, out, error = run("-r", first, "-r", second, "-o", output)
    if status:
        raise Failure(f"exit status {status}: {error}")
    if output != "json":
        return out
    lines = [json.loads(line) for line in out.splitlines()]
    return lines[0], [line for line in lines if line["type"] == "teardown"]


def check_clock(clock, offset, names):
    equal("type of the first line", clock["type"], "clock_offset")
    equal("sources", clock["sources"], names)
    equal("knowledge", clock["knowledge"], "between")
    equal("agreeing", clock["agreeing"], clock["segments"])
    if not 0 < clock["error_ns"] < S // 100:
        raise Failure(f"the error is {clock['error_ns']} ns")
    if abs(clock["offset_ns"] - offset) > clock["error_ns"]:
        raise Failure(f"the offset is {clock['offset_ns']} ns, not {offset} ns, and the error "
                      f"only {clock['error_ns']} ns")


def check_segments(teardown):
    """Each was seen at both ends, first where it was sent, and none arrived before it left."""
    sources = {"out": teardown["joined"]["local_source"], "in": teardown["joined"]["remote_source"]}
    for segment in teardown["segments"]:
        seen = [(place["source"], place["t_ns"]) for place in segment["seen"]]
        equal("sources of a segment", sorted(source for source, _ in seen), [0, 1])
        equal("where it was seen first", seen[0][0], sources[segment["dir"]])
        equal("one_way_ns", segment["one_way_ns"], seen[1][1] - seen[0][1])
        if not 0 <= segment["one_way_ns"] < S // 10:
            raise Failure(f"a segment was on its way for {segment['one_way_ns']} ns")


def client_port(teardown):
    """As the client itself calls it: it is behind the router."""
    return next(teardown[far]["port"] for near, far in (("local", "remote"), ("remote", "local"))
                if teardown[near]["port"] == PORT_OUTSIDE)


def by_client_port(teardowns):
    """A teardown of a capture, with the ends as the client's side has them."""
    found = {}
    for teardown in teardowns:
        ends = teardown if PORT_OUTSIDE in (teardown["local"]["port"],
                                            teardown["remote"]["port"]) \
            else teardown["joined"]["remote_view"]
        found.setdefault(client_port(ends), []).append(teardown)
    return found


def check_captures(closes, teardowns):
    found = by_client_port(teardowns)
    equal("connections", sorted(found), sorted(close.client_port for close in closes))
    for close in closes:
        equal("teardowns of a connection", len(found[close.client_port]), 1)
        teardown, = found[close.client_port]
        expect(teardown, complete=True, confidence="inferred", **close.wanted)
        check_segments(teardown)
        ports = {teardown["local"]["port"], teardown["joined"]["remote_view"]["local"]["port"]}
        equal("ports of both ends, each as it knows itself", ports,
              {close.client_port, PORT_INSIDE})


@case("captures of both ends are one timeline for each connection")
def captures(world):
    clock, teardowns = joined(*world.captures)
    check_clock(clock, 0, world.captures)
    check_captures(world.closes, teardowns)


@case("a clock that is ahead is found out")
def ahead(world):
    shifted = os.path.join(world.folder, "ahead.pcap")
    rewritten(world.captures[1], shifted, SHIFT)
    clock, teardowns = joined(world.captures[0], shifted)
    check_clock(clock, SHIFT, [world.captures[0], shifted])
    check_captures(world.closes, teardowns)
    clock, teardowns = joined(shifted, world.captures[0])
    check_clock(clock, -SHIFT, [shifted, world.captures[0]])
    check_captures(world.closes, teardowns)


@case("without handshakes the numbers of the close join them")
def without_handshakes(world):
    late = [os.path.join(world.folder, f"late-{number}.pcap") for number in range(2)]
    for source, target in zip(world.captures, late):
        rewritten(source, target, keep=lambda frame: not is_syn(frame))
    clock, teardowns = joined(*late)
    check_clock(clock, 0, late)
    check_captures(world.closes, teardowns)


@case("recordings of both ends: both observed, and the same connection by both accounts")
def recordings(world):
    clock, teardowns = joined(*world.recordings)
    check_clock(clock, 0, world.recordings)
    sides = collections.defaultdict(list)
    for teardown in teardowns:
        sides[teardown["connection"]].append(teardown)
    equal("connections", len(sides), len(world.closes))
    for both in sides.values():
        both.sort(key=lambda teardown: teardown["joined"]["local_source"])
        equal("recordings that tell", [one["joined"]["local_source"] for one in both], [0, 1])
        equal("programs", [one["process"]["comm"] for one in both], ["client", "server"])
        for one in both:
            expect(one, complete=True, confidence="observed")
            check_segments(one)
    captured = joined(*world.captures)[1]
    equal("identities", set(sides), {teardown["connection"] for teardown in captured})


@case("a capture of one end completes the recording of the other")
def capture_and_recording(world):
    clock, teardowns = joined(world.captures[0], world.recordings[1])
    check_clock(clock, 0, [world.captures[0], world.recordings[1]])
    equal("connections", len(teardowns), len(world.closes))
    for teardown in teardowns:
        expect(teardown, complete=True, confidence="observed", process__comm="server",
               joined__local_source=1, joined__remote_source=0)
        check_segments(teardown)


@case("a ladder for each, with the time on the way")
def ladders(world):
    text = joined(*world.captures, output="text")
    equal("ladders", text.count("NAT: there "), len(world.closes))
    heading = " ".join(text.split("\n\n")[0].split())
    if not re.fullmatch(r"\S+ and \S+: the second clock is ~\d+\.\d{3} ± \d+\.\d{3} ms "
                        r"(ahead|behind) \(\d+ segments are in both\)", heading):
        raise Failure(f"the heading does not tell how far the clocks are apart: {heading}")
    if "not seen" in text:
        raise Failure("a segment is said not to have arrived")


if __name__ == "__main__":
    sys.exit(tap.main(World))
