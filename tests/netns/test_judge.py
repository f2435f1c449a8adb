#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The judge judged: captures written by hand, and what must be found in them."""

import contextlib
import os
import struct
import sys
import tempfile

from harness import tap
from harness.capture import Seen, compare, judge
from harness.segment import Segment
from harness.tap import Failure, case

LINKTYPE_RAW = 101
CLIENT, SERVER = ("10.1.1.1", 40000), ("10.1.1.2", 80)
CLIENT6, SERVER6 = ("fd01::1", 40000), ("fd01::2", 80)


def segment(source, target, flags, seq, ack, payload=b""):
    return Segment(source[0], target[0], source[1], target[1], seq, ack, flags, payload)


def judged(*segments, pause=None, length=1):
    """The judge's answer on a capture of these segments, with `length` s before number `pause`."""
    with tempfile.NamedTemporaryFile(suffix=".pcap", delete=False) as file:
        file.write(struct.pack("IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, LINKTYPE_RAW))
        for number, item in enumerate(segments):
            packet = item.build()
            time = number + round(length * 1e6) * (pause is not None and number >= pause)
            file.write(struct.pack("IIII", time // 1000000, time % 1000000, len(packet),
                                   len(packet)) + packet)
    with contextlib.ExitStack() as stack:
        stack.callback(os.unlink, file.name)
        return judge(file.name)


def same(found, expected):
    if found != expected:
        raise Failure(f"found    {found}\nexpected {expected}")


def opening(client=CLIENT, server=SERVER, seq=1000, ack=5000):
    return [segment(client, server, "SYN", seq, 0),
            segment(server, client, "SYN,ACK", ack, seq + 1),
            segment(client, server, "ACK", seq + 1, ack + 1)]


def four_way(client, server):
    return [segment(client, server, "FIN,ACK", 1001, 5001),
            segment(server, client, "ACK", 5001, 1002),
            segment(server, client, "FIN,ACK", 5001, 1002),
            segment(client, server, "ACK", 1002, 5002)]


def as_seen(*segments):
    return [Seen((item.source, item.source_port), item.seq, item.ack, item.flags)
            for item in segments]


def teardown(local, remote, segments):
    return {"local": dict(zip(("addr", "port"), local)),
            "remote": dict(zip(("addr", "port"), remote)),
            "segments": [{"dir": "out" if (item.source, item.source_port) == local else "in",
                          "seq": item.seq, "ack": item.ack, "flags": item.flags}
                         for item in segments]}


@case("the four of a close, and nothing of the opening")
def four():
    close = four_way(CLIENT, SERVER)
    streams = judged(*opening(), *close)
    same([stream.segments for stream in streams], [as_seen(*close)])
    same([stream.opened for stream in streams], [True])


@case("IPv6")
def four_6():
    close = four_way(CLIENT6, SERVER6)
    same(judged(*opening(CLIENT6, SERVER6), *close)[0].segments, as_seen(*close))


@case("the acknowledgement on data; later data does not count")
def data():
    fin = segment(CLIENT, SERVER, "FIN,ACK", 1001, 5001)
    before = segment(SERVER, CLIENT, "PSH,ACK", 5001, 1001, b"x" * 10)
    first = segment(SERVER, CLIENT, "PSH,ACK", 5011, 1002, b"x" * 10)
    later = segment(SERVER, CLIENT, "PSH,ACK", 5021, 1002, b"x" * 10)
    last = segment(SERVER, CLIENT, "FIN,ACK", 5031, 1002)
    streams = judged(*opening(), fin, before, first, later, last)
    same(streams[0].segments, as_seen(fin, first, last))


@case("the FIN's number comes after its data")
def data_with_fin():
    fin = segment(CLIENT, SERVER, "FIN,PSH,ACK", 1001, 5001, b"x" * 10)
    part = segment(SERVER, CLIENT, "ACK", 5001, 1011)
    whole = segment(SERVER, CLIENT, "ACK", 5001, 1012)
    same(judged(*opening(), fin, part, whole)[0].segments, as_seen(fin, whole))


@case("a FIN sent again is acknowledged again")
def again():
    fin, answer = four_way(CLIENT, SERVER)[:2]
    same(judged(*opening(), fin, fin, answer, answer, fin, answer)[0].segments,
         as_seen(fin, fin, answer, fin, answer))


@case("numbers that wrap")
def wrap():
    fin = segment(CLIENT, SERVER, "FIN,ACK", (1 << 32) - 1, 5001)
    before = segment(SERVER, CLIENT, "ACK", 5001, (1 << 32) - 1)
    answer = segment(SERVER, CLIENT, "ACK", 5001, 0)
    same(judged(*opening(seq=(1 << 32) - 2), fin, before, answer)[0].segments,
         as_seen(fin, answer))


@case("an answer that was overtaken: either will do, and only one")
def overtaken():
    fin = segment(CLIENT, SERVER, "FIN,ACK", 1001, 5001)
    early = segment(SERVER, CLIENT, "ACK", 5001, 1002)
    late = segment(SERVER, CLIENT, "PSH,ACK", 5001, 1002, b"x")
    answer = segment(SERVER, CLIENT, "FIN,ACK", 5001, 1002)
    last = segment(CLIENT, SERVER, "ACK", 1002, 5002)
    for captured, accepted, refused in (
            ((fin, answer, early, last), (fin, early, answer, last),
             (fin, early, early, answer, last)),
            ((fin, late, early), (fin, early), (fin, early, late)),
            # sent after the answer, so it cannot have been overtaken
            ((fin, early, late), (fin, early), (fin, late))):
        streams = judged(*opening(), *captured)
        same(compare([teardown(CLIENT, SERVER, accepted)], streams, 1), [])
        if not compare([teardown(CLIENT, SERVER, refused)], streams, 1):
            raise Failure(f"accepted: {refused}")


@case("a FIN sent again to who is in TIME_WAIT for a while: that end's story was told")
def late():
    close = four_way(CLIENT, SERVER)
    captured = [*opening(), *close, *close[2:]]
    for length, told, differences in (
            (1, (close, close + close[2:]), 0), (1, (close + close[2:], close), 2),
            (1, (close[:3], close + close[2:]), 1), (0.001, (close, close + close[2:]), 2)):
        streams = judged(*captured, pause=len(captured) - 2, length=length)
        found = compare([teardown(CLIENT, SERVER, told[0]), teardown(SERVER, CLIENT, told[1])],
                        streams, 2)
        if len(found) != differences:
            raise Failure(f"{len(found)} differences, expected {differences}: {found}")


@case("resets, also with other flags; a refused connect was never open")
def resets():
    syn = segment(CLIENT, SERVER, "SYN", 1000, 0)
    refusal = segment(SERVER, CLIENT, "RST,ACK", 0, 1001)
    streams = judged(syn, refusal)
    same(streams[0].segments, as_seen(refusal))
    same(streams[0].opened, False)
    bare = segment(CLIENT, SERVER, "RST", 1001, 0)
    same(judged(*opening(), bare)[0].segments, as_seen(bare))


@case("the comparison finds what is missing, extra, twice and not counted")
def comparison():
    close = four_way(CLIENT, SERVER)
    streams = judged(*opening(), *close)
    ours, theirs = teardown(CLIENT, SERVER, close), teardown(SERVER, CLIENT, close)
    same(compare([ours, theirs], streams, 2), [])
    same(compare([ours], streams, 1), [])
    for wrong, sentences in (
            ([ours], 1), ([ours, ours], 4), ([ours, theirs, theirs], 5),
            ([ours, teardown(SERVER, CLIENT, close[:3])], 1),
            ([ours, teardown(SERVER, CLIENT, close + close[:1])], 1),
            ([teardown(CLIENT, SERVER, four_way(SERVER, CLIENT)), theirs], 8)):
        found = compare(wrong, streams, 2)
        if len(found) != sentences:
            raise Failure(f"{len(found)} differences, expected {sentences}: {found}")


if __name__ == "__main__":
    sys.exit(tap.main())
