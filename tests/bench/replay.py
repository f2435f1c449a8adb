# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A capture analysed by the tool and by tshark, which lists its conversations."""

import contextlib
import struct
import subprocess
import tempfile
import time
from functools import partial

from harness.namespace import require
from harness.paths import PROGRAM
from harness.tap import Failure
from pairs import pairs
from results import least, measure

SUBJECT = "replay"
FASTER, MEMORY = 5, 100_000_000
MEGABYTES = 100 # for each second that a load may take
SIDE_BY_SIDE = 200 # connections that are open at once
ETHERNET = bytes(12) + b"\x08\x00"
FIN, SYN, PSH, ACK = 1, 2, 8, 16
FLOW = struct.Struct("!4s4sHHII") # from the IP source to TCP's acknowledgement
FLOW_AT = 16 + len(ETHERNET) + 12


def conversation():
    """Sender, flags, relative numbers and payload of a request with a large answer."""
    yield 0, SYN, 0, 0, 0
    yield 1, SYN | ACK, 0, 1, 0
    yield 0, ACK, 1, 1, 0
    yield 0, PSH | ACK, 1, 1, 200
    sent = 1
    for number in range(40):
        yield 1, ACK, sent, 201, 1400
        sent += 1400
        if number % 2:
            yield 0, ACK, 201, sent, 0
    yield 0, FIN | ACK, 201, sent, 0
    yield 1, FIN | ACK, sent, 202, 0
    yield 0, ACK, 202, sent + 1, 0


def frame(flags, payload):
    length = 40 + payload
    packet = ETHERNET + struct.pack("!BBHHHBBH8x", 0x45, 0, length, 1, 0, 64, 6, 0) + \
        struct.pack("!HHIIBBHHH", 0, 0, 0, 0, 0x50, flags, 501, 0, 0) + bytes(payload)
    return bytearray(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)


def write_capture(file, size):
    steps = [(*step, frame(step[1], step[4])) for step in conversation()]
    file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
    written, number, microseconds = 24, 0, 1_700_000_000_000_000
    while written < size:
        for sender, _, seq, ack, _, packet in steps:
            for at in range(number, number + SIDE_BY_SIDE):
                client, server = struct.pack("!I", 0x0a000000 + at // 40000), b"\x0a\x63\0\1"
                microseconds += 3
                struct.pack_into("<II", packet, 0, *divmod(microseconds, 1_000_000))
                # The addresses, then ports and numbers: they lie one after the other.
                if sender:
                    FLOW.pack_into(packet, FLOW_AT, server, client, 443, 20000 + at % 40000,
                                   seq + at, ack)
                else:
                    FLOW.pack_into(packet, FLOW_AT, client, server, 20000 + at % 40000, 443, seq,
                                   ack + at if ack else 0)
                file.write(packet)
                written += len(packet)
        number += SIDE_BY_SIDE
    return number


def timed(*words):
    """Seconds and standard output."""
    started = time.monotonic()
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    elapsed = time.monotonic() - started
    if done.returncode:
        raise Failure(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
    return elapsed, done.stdout


@contextlib.contextmanager
def capture(megabytes):
    """Its path, and how many connections are in it."""
    with tempfile.NamedTemporaryFile(prefix="tcpclose-", suffix=".pcap") as file:
        connections = write_capture(file, megabytes * 1_000_000)
        file.flush()
        yield file.name, connections


def race(path, connections, rounds):
    """Seconds of ours and of tshark in pairs; ours told of every connection."""
    def ours():
        # More memory than that the kernel refuses, and then the program fails.
        seconds, told = timed("prlimit", f"--data={MEMORY}", PROGRAM, "-r", path, "-o", "json")
        if (count := told.count(b'"type":"teardown"')) != connections:
            raise Failure(f"{count} teardowns of {connections} connections")
        return seconds

    def theirs():
        return timed("tshark", "-r", path, "-q", "-z", "conv,tcp")[0]
    require("tshark")
    return pairs(ours, theirs, rounds)


def compare(settings):
    megabytes = int(MEGABYTES * settings.seconds)
    with capture(megabytes) as (path, connections):
        found = race(path, connections, settings.rounds)
    ours, theirs = zip(*found)
    return measure("MB/s", [megabytes / seconds for seconds in ours],
                   [megabytes / seconds for seconds in theirs], against="tshark -z conv,tcp",
                   goal=least(FASTER), megabytes=megabytes, connections=connections)


def benchmarks(settings):
    yield "a capture of large answers", partial(compare, settings)
