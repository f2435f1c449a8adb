#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Sockets that no program holds any more, and those that ended before they were anyone's."""

import socket
import struct
import sys

from harness import tap
from harness.expect import expect
from harness.tap import Failure, case
from harness.world import TUN_HERE, World

ORPHAN = "ESTABLISHED FIN_WAIT1 FIN_WAIT2"
FAST_OPEN_SERVER_WITHOUT_COOKIE = 0x1 | 0x2 | 0x200 | 0x400


def orphan(world, family=4):
    """A socket closed by its program and acknowledged by the peer: an orphan in FIN_WAIT2."""
    peer = world.peer(family)
    with world.puppet("puppet") as puppet:
        peer.answer(puppet)
        puppet.close()
        peer.receive("FIN,ACK")
        peer.send("ACK")
    return puppet, peer


def another_close(world):
    """A whole close of another connection; once it is reported, whatever was due before is too."""
    with world.peered() as (puppet, peer):
        puppet.close()
        peer.receive("FIN,ACK")
        peer.send("FIN,ACK")
        peer.receive("ACK")
        world.teardown(puppet)


def not_reported(world, puppet):
    for found in world.tracer.left():
        if found["type"] == "teardown" and found["local"]["port"] == puppet.local[1]:
            raise Failure("an orphaned FIN_WAIT2 is reported as closed")


def ends_by_fin(world, family):
    puppet, peer = orphan(world, family)
    another_close(world)
    not_reported(world, puppet)
    peer.send("FIN,ACK")
    peer.receive("ACK")
    ours = world.teardown(puppet)
    expect(ours, kind="four-way", closed_by="local", states=ORPHAN + " TIME_WAIT",
           close_call=("close", puppet.pid), process__pid=puppet.pid,
           segments=["> FIN,ACK 1", "< ACK 2", "< FIN,ACK 3", "> ACK 4"])


@case("an orphaned FIN_WAIT2 ended by FIN, IPv4")
def orphan_fin_4(world):
    ends_by_fin(world, 4)


@case("an orphaned FIN_WAIT2 ended by FIN, IPv6")
def orphan_fin_6(world):
    ends_by_fin(world, 6)


@case("an orphaned FIN_WAIT2 ended by data and FIN in one segment")
def orphan_data_fin(world):
    puppet, peer = orphan(world)
    peer.send("FIN,PSH,ACK", b"x" * 10)
    peer.receive_until("RST")
    ours = world.teardown(puppet)
    expect(ours, kind="reset-after-fin", closed_by="local", cause="data-after-close",
           states=ORPHAN + " CLOSED", reset__dir="out")


@case("an orphaned FIN_WAIT2 ended by RST")
def orphan_reset(world):
    puppet, peer = orphan(world)
    another_close(world)
    not_reported(world, puppet)
    peer.send("RST")
    ours = world.teardown(puppet)
    expect(ours, kind="reset-after-fin", closed_by="local", cause="peer-reset",
           states=ORPHAN + " CLOSED", reset__dir="in", close_call=("close", puppet.pid),
           segments=["> FIN,ACK 1", "< ACK 2", "< RST"])


@case("an orphaned FIN_WAIT2 ended by tcp_fin_timeout")
def orphan_timeout(world):
    world.here.sysctl("net.ipv4.tcp_fin_timeout", 1)
    try:
        puppet, peer = orphan(world)
    finally:
        world.here.sysctl("net.ipv4.tcp_fin_timeout", 60)
    another_close(world)
    not_reported(world, puppet)
    ours = world.teardown(puppet)
    expect(ours, kind="timeout", closed_by="local", cause="fin-wait2-timeout",
           states=ORPHAN + " CLOSED", segments=["> FIN,ACK 1", "< ACK 2"])
    waited = ours["durations_ns"]["FIN_WAIT2"]
    if not 1e9 <= waited < 1.5e9:
        raise Failure(f"FIN_WAIT2 lasted {waited} ns, tcp_fin_timeout is 1 s")
    peer.send("FIN,ACK")
    peer.receive("RST") # the mini-socket is gone, as was said


@case("TCP_LINGER2 below 0: no orphaned FIN_WAIT2")
def no_orphan(world):
    with world.peered() as (puppet, peer):
        puppet.option(socket.IPPROTO_TCP, socket.TCP_LINGER2, -1)
        puppet.shutdown("write")
        peer.receive("FIN,ACK")
        peer.send("ACK")
        puppet.close()
        peer.receive_until("RST")
        ours = world.teardown(puppet)
    expect(ours, kind="reset-after-fin", closed_by="local", cause="linger2",
           states=ORPHAN + " CLOSED", reset__dir="out",
           close_call=("shutdown", puppet.pid))


@case("FIN_WAIT2 with a program behind it lasts as long as the program wants")
def not_an_orphan(world):
    with world.peered() as (puppet, peer):
        puppet.shutdown("write")
        peer.receive("FIN,ACK")
        peer.send("ACK")
        another_close(world)
        not_reported(world, puppet)
        peer.send("FIN,ACK")
        peer.receive("ACK")
        puppet.read_end()
        ours = world.teardown(puppet)
    expect(ours, kind="four-way", closed_by="local", states=ORPHAN + " TIME_WAIT")


@case("a FIN never acknowledged, until the orphan is given up")
def given_up(world):
    world.here.sysctl("net.ipv4.tcp_orphan_retries", 1)
    try:
        with world.peered() as (puppet, peer):
            puppet.close()
            first = peer.receive("FIN,ACK")
            again = peer.receive("FIN,ACK")
            if first.seq != again.seq:
                raise Failure("the FIN was not sent again")
            ours = world.teardown(puppet)
    finally:
        world.here.sysctl("net.ipv4.tcp_orphan_retries", 0)
    expect(ours, kind="timeout", closed_by="local", cause="retransmission",
           states="ESTABLISHED FIN_WAIT1 CLOSED", close_call=("close", puppet.pid))
    fins = sum(segment["flags"] == "FIN,ACK" for segment in ours["segments"])
    if ours["fin_retransmissions"] != fins - 1 or fins < 2:
        raise Failure(f"{fins} FINs, fin_retransmissions {ours['fin_retransmissions']}")


@case("a FIN never acknowledged in LAST_ACK")
def given_up_in_last_ack(world):
    world.here.sysctl("net.ipv4.tcp_orphan_retries", 1)
    try:
        with world.peered() as (puppet, peer):
            peer.send("FIN,ACK")
            puppet.read_end()
            puppet.acknowledge_now()
            peer.receive("ACK")
            puppet.close()
            peer.receive("FIN,ACK")
            ours = world.teardown(puppet)
    finally:
        world.here.sysctl("net.ipv4.tcp_orphan_retries", 0)
    expect(ours, kind="timeout", closed_by="peer", cause="retransmission",
           states="ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED", close_call=("close", puppet.pid))


@case("closed in SYN_SENT")
def closed_in_syn_sent(world):
    peer = world.peer()
    with world.puppet("puppet") as puppet:
        puppet.begin_connect(peer.address, peer.port)
        peer.receive("SYN")
        puppet.close()
        ours = world.teardown(puppet, remote=(peer.address, peer.port))
    expect(ours, kind="silent", closed_by="local", cause="before-established",
           states="SYN_SENT CLOSED", segments=[], close_call=("close", puppet.pid))


@case("closed in SYN_RECV: a fast open child")
def closed_in_syn_recv(world):
    world.here.sysctl("net.ipv4.tcp_fastopen", FAST_OPEN_SERVER_WITHOUT_COOKIE)
    peer = world.peer()
    with world.puppet("server") as server:
        peer.host_port = server.listen(TUN_HERE[4])
        peer.send("SYN", b"x" * 10, options=struct.pack("!BBBB", 34, 2, 1, 1))
        peer.receive("SYN,ACK")
        server.accept()
        server.receive(10)
        server.close()
        peer.receive("FIN,ACK")
        peer.send("ACK")
        peer.send("FIN,ACK")
        peer.receive("ACK")
        ours = world.teardown(server)
    expect(ours, kind="four-way", closed_by="local",
           states="SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT", close_call=("close", server.pid),
           segments=["> FIN,ACK 1", "< ACK 2", "< FIN,ACK 3", "> ACK 4"])


@case("nothing else was reported, nothing was lost")
def conclusion(world):
    world.conclude()


if __name__ == "__main__":
    sys.exit(tap.main(World))
