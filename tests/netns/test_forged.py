#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Segments that no TCP sends, as bytes on the wire, to every hook: what they do to no connection,
and what they do to one that is alive. The kernel's own behaviour is the judge: a RST with wrong
numbers is answered by a challenge (RFC 5961) and ends nothing, so nothing may be told of it."""

import contextlib
import struct
import sys

from harness import tap
from harness.expect import equal
from harness.forgery import HOST, PORT, STRANGER, Attacked, frame
from harness.puppet import Puppet
from harness.segment import FLAGS, MODULUS, Segment
from harness.tap import Failure, case
from harness.tracer import Tracer
from harness.wire import Peer, Tun
from harness.world import TUN_HERE, TUN_PEER

WAYS = ((), ("--packets", "xdp"), ("--without", "tcx"))
TAGS = bytes.fromhex("81000064"), bytes.fromhex("88a80064")


@contextlib.contextmanager
def traced(world, *options):
    """The tracer, in the host; at the end a real close must be told as ever, and nothing lost but
    `world.unreadable` segments."""
    world.unreadable = 0
    with world.host:
        tracer = Tracer(*world.watched(), *options).__enter__()
    with tracer:
        yield tracer
        for family in (4, 6):
            with world.connected(family) as (client, server):
                client.close()
                server.read_end()
                server.close()
                found = tracer.take(of_host(world, server), "close afterwards")
            equal("kind", (found["kind"], found["complete"]), (found["kind"], True))
            if found["kind"] not in ("three-way", "four-way"):
                raise Failure(f"afterwards: {found}")
        outcome = tracer.stop()
    equal("status", outcome.status, 0)
    equal("lost", outcome.summary["lost"], world.unreadable)


def of_host(world, server):
    return lambda found: found["type"] == "teardown" and \
        found["local"].get("netns") == world.host.inode and \
        (found["local"]["port"], found["remote"]["port"]) == \
        (server.local[1], server.remote[1])


def each_way(world, send_all):
    """send_all(send), in front of each kind of program; the stats of each."""
    for options in WAYS:
        with traced(world, *options) as tracer, world.raw() as send:
            send_all(send)
        yield tracer


def names_of(number):
    return ",".join(name for bit, name in enumerate(FLAGS) if number >> bit & 1)


def stray(family, flags, number=0, **fields):
    return Segment(STRANGER[family], HOST[family], 20000 + number, PORT, 1000 * number + 1,
                   2000, flags, **fields).build()


# ---- of no connection

@case("every combination of flags, of no connection")
def every_flag(world):
    def send_all(send):
        for family in (4, 6):
            for number in range(256):
                send(frame(stray(family, names_of(number), number)))
    closing = sum(bool(number & 5) for number in range(256))
    for tracer in each_way(world, send_all):
        stats = tracer.objects("stats")[-1]
        # The host answers, too: each RST that it sends is one more.
        if not 2 * closing <= stats["unclaimed"] <= 2 * (closing + 256):
            raise Failure(f"{closing} FIN and RST for each family: {stats}")
        equal("teardowns of others", {found["local"]["port"] for found in tracer.objects()
                                      if found["local"].get("netns") == world.host.inode} &
              {PORT}, set())


def with_byte(packet, at, byte):
    return packet[:at] + bytes((byte,)) + packet[at + 1:]


def damaged(family):
    """Segments whose headers lie: versions, lengths, offsets, options, at each value that means
    something."""
    whole = stray(family, "FIN,ACK", payload=b"data")
    header = 20 if family == 4 else 40
    for value in range(256): # version and length of the header; offset of the data
        yield with_byte(whole, 0, value)
        yield with_byte(whole, header + 12, value)
    at = 2 if family == 4 else 4
    for length in (0, 1, 19, 20, 39, 40, 43, 44, 45, 59, 60, 1500, 65535):
        yield whole[:at] + struct.pack("!H", length) + whole[at + 2:]
    for length in range(len(whole)):
        yield whole[:length]
    for option in range(256): # of TCP: kinds and lengths, up to one that goes on beyond the end
        yield stray(family, "FIN,ACK", options=bytes((option, 0, 1, 255)))
        yield stray(family, "FIN,ACK", options=bytes((5, option, 255, 0)) * 10)
    for kind in range(256): # what follows IP's header
        yield with_byte(whole, 9 if family == 4 else 6, kind)


def fragmented():
    whole = stray(4, "FIN,ACK", payload=b"x" * 64)
    for word in (0x2000, 0x2001, 0x0001, 0x1fff, 0x3fff, 0x8000, 0xc000, 0xffff):
        yield whole[:6] + struct.pack("!H", word) + whole[8:]
    tcp = stray(6, "FIN,ACK", payload=b"x" * 64)
    head, rest = tcp[:40], tcp[40:]
    for word in (0, 1, 8, 9, 0xfff8, 0xfff9, 0xffff): # RFC 8200, 4.5; 0 is one alone
        extension = struct.pack("!BBHI", 6, 0, word, 77)
        yield with_length(head[:6] + b"\x2c" + head[7:], extension + rest)


def with_length(head, rest):
    return head[:4] + struct.pack("!H", len(rest)) + head[6:] + rest


def chained():
    """IPv6 extension headers: none to more than anybody sends, of all kinds, and with a length that
    is too great."""
    tcp = stray(6, "FIN,ACK")
    head, rest = tcp[:40], tcp[40:]
    for kind in (0, 43, 44, 50, 51, 60, 135, 139, 140, 253):
        for count in (1, 2, 7, 8, 9, 20):
            chain = b"".join(bytes((6 if i == count - 1 else kind, 0)) + bytes(6)
                             for i in range(count))
            yield with_length(head[:6] + bytes((kind,)) + head[7:], chain + rest)
        yield with_length(head[:6] + bytes((kind,)) + head[7:], bytes((6, 255)) + bytes(6) + rest)
    yield head[:4] + b"\0\0" + b"\0" + head[7:] + b"\x06\0\xc2\4" + struct.pack("!I", 80) + rest


def tagged(packet):
    """The frame with one VLAN tag, with two, with more than are read."""
    plain = frame(packet)
    for tags in ((0,), (1, 0), (0, 0), (1, 1, 0), (0,) * 40):
        yield plain[:12] + b"".join(TAGS[tag] for tag in tags) + plain[12:]


@case("lengths, offsets, options, fragments, extensions and tags that lie", deadline=120)
def lies(world):
    def send_all(send):
        for family in (4, 6):
            for packet in damaged(family):
                send(frame(packet))
            for tagged_frame in tagged(stray(family, "FIN,ACK")):
                send(tagged_frame)
                send(tagged_frame[:20])
        for packet in (*fragmented(), *chained()):
            send(frame(packet))
    for tracer in each_way(world, send_all):
        equal("teardowns of others", {found["local"]["port"] for found in tracer.objects()
                                      if found["local"].get("netns") == world.host.inode} &
              {PORT}, set())


# ---- of a connection that is alive

@contextlib.contextmanager
def attacked(world, family, dial):
    """A puppet on the host with a peer whose every segment is written here."""
    tun = Tun(world.host, "tun0", [TUN_HERE[4] + "/24", TUN_HERE[6] + "/64"])
    try:
        with Tracer("--netns", world.host.name) as tracer:
            puppet, peer = Puppet(world.host, "puppet"), Peer(tun, TUN_HERE[family],
                                                              TUN_PEER[family])
            try:
                if dial:
                    puppet.listen(TUN_HERE[family])
                    peer.dial(puppet)
                else:
                    peer.answer(puppet)
                yield tracer, puppet, peer
            finally:
                puppet.stop()
            outcome = tracer.stop()
        equal("lost", outcome.summary["lost"], 0)
    finally:
        tun.close()


def attack(peer):
    """Blind attempts to end the connection, and others that know one number of two."""
    far = 1 << 30
    for flags in ("RST", "RST,ACK"):
        for seq in (peer.seq + 1000, peer.seq - 1, peer.seq + far, peer.seq - far):
            peer.send(flags, seq=seq % MODULUS, advance=False)
    for flags in ("FIN,ACK", "FIN,ACK,PSH,URG", "FIN,RST,SYN,ACK,URG,PSH,ECE,CWR"):
        for seq in (peer.seq + far, peer.seq - far):
            peer.send(flags, seq=seq % MODULUS, advance=False)
    peer.send("FIN,ACK", ack=(peer.ack + far) % MODULUS, advance=False) # what was not sent yet
    peer.send("FIN", advance=False)
    peer.send("", advance=False)
    peer.send("SYN", advance=False)
    peer.send("SYN,FIN", advance=False)


def survive(peer, puppet):
    """It is alive: data go through, and none of the attempts counts for the numbers."""
    payload = b"still here"
    peer.send("ACK,PSH", payload)
    puppet.receive(len(payload))
    puppet.send(3)
    while not peer.receive().payload:
        pass
    peer.send("ACK")


def orderly(peer, puppet):
    puppet.start("shutdown", "write")
    peer.receive_until("FIN")
    puppet.finish()
    peer.send("ACK")
    peer.send("FIN,ACK")
    peer.receive()
    puppet.close()


@case("forged segments of a connection that is alive")
def blind_attack(world):
    for family in (4, 6):
        for dial in (False, True):
            with attacked(world, family, dial) as (tracer, puppet, peer):
                attack(peer)
                survive(peer, puppet)
                orderly(peer, puppet)
                found = tracer.take(
                    lambda found: found["type"] == "teardown" and
                    found["local"]["port"] == puppet.local[1], "close after the attack")
                check_untouched(found)


def check_untouched(found):
    equal("verdict", (found["kind"], found["closed_by"], found["complete"]),
          ("four-way", "local", True))
    equal("reset", found.get("reset"), None)
    equal("states", [state["to"] for state in found["states"]],
          ["FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"])


if __name__ == "__main__":
    sys.exit(tap.main(Attacked))
