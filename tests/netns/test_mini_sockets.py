#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What ends a mini-socket before its time, and what prevents it: TIME_WAIT and an orphaned
FIN_WAIT2, against a peer whose every segment the test writes."""

import select
import sys
import time

from harness import tap
from harness.expect import equal, expect
from harness.namespace import Namespace, command
from harness.pair import Pair, of, time_of, traced
from harness.puppet import Puppet
from harness.tap import Failure, case
from harness.tracer import Tracer
from harness.wire import Peer, Tun
from harness.world import TUN_HERE, TUN_PEER, World

ORPHAN = "ESTABLISHED FIN_WAIT1 FIN_WAIT2"
MS, S = 1_000_000, 1_000_000_000
FIN_TIMEOUT = 5
ROUND_TRIP = 0.3 # seconds
MISSED_BY = 20 * MS


def wait_of(tracer, port, kind="time_wait", namespace=None):
    return tracer.take(of(kind, port, namespace=namespace), kind)


def wait_here(world, port, kind="time_wait"):
    return wait_of(world.tracer, port, kind, world.here)


def lasted(wait, least, most):
    if not least <= wait["duration_ns"] < most:
        raise Failure(f"it lasted {wait['duration_ns']} ns: {wait}")


def waiting(world, puppet, peer):
    """The puppet closes first; its socket is in TIME_WAIT then."""
    puppet.close()
    peer.receive("FIN,ACK")
    peer.send("FIN,ACK")
    peer.receive("ACK")
    return world.teardown(puppet)


def orphan(puppet, peer):
    puppet.close()
    peer.receive("FIN,ACK")
    peer.send("ACK")


def reset(world, family):
    with world.peered(family) as (puppet, peer):
        told = waiting(world, puppet, peer)
        peer.send("RST", advance=False)
        wait = wait_here(world, puppet.local[1])
    expect(wait, ended_by="reset", connection=told["connection"], restarts=0, late_segments=1)
    lasted(wait, 0, S)


@case("a RST removes TIME_WAIT, IPv4")
def reset_4(world):
    reset(world, 4)


@case("a RST removes TIME_WAIT, IPv6")
def reset_6(world):
    reset(world, 6)


@case("a RST out of the window, and one with tcp_rfc1337, do not")
def reset_refused(world):
    with world.peered() as (puppet, peer), world.peered() as (other, other_peer):
        waiting(world, puppet, peer)
        waiting(world, other, other_peer)
        peer.send("RST", seq=(peer.seq - 10) % (1 << 32), advance=False)
        world.here.sysctl("net.ipv4.tcp_rfc1337", 1)
        other_peer.send("RST", advance=False)
        world.here.sysctl("net.ipv4.tcp_rfc1337", 0)
        # One that is reported comes after those that must not be.
        with world.peered() as (last, last_peer):
            waiting(world, last, last_peer)
            last_peer.send("RST", advance=False)
            wait_here(world, last.local[1])
        for found in world.tracer.left():
            if found["type"] == "time_wait" and found["local"]["port"] in (puppet.local[1],
                                                                           other.local[1]):
                raise Failure(f"it goes on, but {found} is told")


@case("a SYN takes it over when it comes, not when the handshake is over")
def distant_syn(world):
    with world.peered(dial=True) as (puppet, peer):
        told = waiting(world, puppet, peer)
        peer.seq = (peer.seq + 100_000) % (1 << 32)
        sent = time.clock_gettime_ns(time.CLOCK_REALTIME)
        peer.send("SYN")
        peer.receive("SYN,ACK")
        select.select([], [], [], ROUND_TRIP)
        peer.send("ACK")
        puppet.accept()
        wait = wait_here(world, puppet.local[1])
        peer.send("RST,ACK")
        world.teardown(puppet)
    expect(wait, ended_by="syn", connection=told["connection"])
    ended = time_of(wait["ts"]) + wait["duration_ns"]
    if abs(ended - sent) > MISSED_BY:
        raise Failure(f"the SYN came at {sent} ns, TIME_WAIT is told to have ended at {ended}")


@case("an orphaned FIN_WAIT2 lasts tcp_fin_timeout, and is no TIME_WAIT")
def orphan_times_out(world):
    world.here.sysctl("net.ipv4.tcp_fin_timeout", FIN_TIMEOUT)
    with world.peered() as (puppet, peer):
        orphan(puppet, peer)
        told = world.teardown(puppet)
        wait = wait_here(world, puppet.local[1], "fin_wait2")
    world.here.sysctl("net.ipv4.tcp_fin_timeout", 60)
    expect(told, kind="timeout", cause="fin-wait2-timeout", states=ORPHAN + " CLOSED")
    expect(wait, ended_by="timer", connection=told["connection"], timeout_ns=FIN_TIMEOUT * S)
    lasted(wait, FIN_TIMEOUT * S - MISSED_BY, (FIN_TIMEOUT + 1) * S)


@case("its FIN in the middle makes it TIME_WAIT, from then on")
def orphan_becomes_time_wait(world):
    with world.peered() as (puppet, peer):
        orphan(puppet, peer)
        select.select([], [], [], 1)
        sent = time.clock_gettime_ns(time.CLOCK_REALTIME)
        peer.send("FIN,ACK")
        peer.receive("ACK")
        told = world.teardown(puppet)
        peer.send("RST", advance=False)
        wait = wait_here(world, puppet.local[1])
    expect(told, states=ORPHAN + " TIME_WAIT")
    equal("connection", wait["connection"], told["connection"])
    if abs(time_of(wait["ts"]) - sent) > MISSED_BY:
        raise Failure(f"the FIN came at {sent} ns, TIME_WAIT began at {wait['ts']}")


@case("tcp_max_tw_buckets: it never begins")
def never(world):
    world.here.sysctl("net.ipv4.tcp_max_tw_buckets", 0)
    before = world.here.counter("TcpExtTCPTimeWaitOverflow")
    with world.peered() as (puppet, peer), world.peered() as (other, other_peer):
        told = waiting(world, puppet, peer)
        wait = wait_here(world, puppet.local[1])
        orphan(other, other_peer)
        gone = wait_here(world, other.local[1], "fin_wait2")
    world.here.sysctl("net.ipv4.tcp_max_tw_buckets", 4096)
    equal("TCPTimeWaitOverflow", world.here.counter("TcpExtTCPTimeWaitOverflow") - before, 2)
    expect(told, states=ORPHAN + " CLOSED", kind="three-way")
    expect(wait, ended_by="never", duration_ns=0, connection=told["connection"])
    expect(gone, ended_by="never", duration_ns=0)


@case("the limit is reached, but this one had room")
def last_room(_world):
    with traced() as (here, tracer):
        here.sysctl("net.ipv4.tcp_max_tw_buckets", 1)
        first = Pair().close_client_first()
        second = Pair().close_client_first()
        wait = wait_of(tracer, second.client_port)
        equal("ended_by", wait["ended_by"], "never")
        tracer.stop()
        equal("ended_by", wait_of(tracer, first.client_port)["ended_by"], "stopped")


@case("ss -K removes it")
def destroyed(_world):
    with traced() as (here, tracer):
        pair, other = Pair().close_client_first(), Pair().close_client_first()
        told = tracer.take(of("teardown", pair.client_port), "teardown")
        tracer.take(of("teardown", other.client_port), "teardown")
        with here:
            command("ss", "-K", "-tan", "state", "time-wait", "sport", "=", str(pair.client_port))
        wait = wait_of(tracer, pair.client_port)
        expect(wait, ended_by="destroyed", connection=told["connection"])
        tracer.stop()
        equal("ended_by", wait_of(tracer, other.client_port)["ended_by"], "stopped")


@case("ss -K removes an orphan's, too")
def orphan_destroyed(_world):
    with traced() as (here, tracer):
        tun, puppet = Tun(here, "tun0", [TUN_HERE[4] + "/24"]), Puppet(here, "puppet")
        peer = Peer(tun, TUN_HERE[4], TUN_PEER[4])
        peer.answer(puppet)
        orphan(puppet, peer)
        port = puppet.local[1]
        with here:
            command("ss", "-K", "-tan", "state", "fin-wait-2", "sport", "=", str(port))
        told, wait = wait_of(tracer, port, "teardown"), wait_of(tracer, port, "fin_wait2")
        puppet.stop()
        tun.close()
        expect(told, cause="destroyed", states=ORPHAN + " CLOSED")
        expect(wait, ended_by="destroyed", connection=told["connection"])
        tracer.stop()


@case("deleting its namespace removes it")
def namespace_deleted(world):
    short = Namespace("short")
    removed = False
    try:
        with short:
            pair = Pair().close_client_first()
        told = wait_of(world.tracer, pair.client_port, "teardown", short)
        short.remove()
        removed = True
        wait = wait_of(world.tracer, pair.client_port, namespace=short)
        expect(wait, ended_by="destroyed", connection=told["connection"])
    finally:
        if not removed:
            short.remove()


@case("those older than the tracer have their begin from the time they have left")
def older(_world):
    here = Namespace("here")
    try:
        with here:
            pairs = {family: Pair(family).close_server_first() for family in (2, 10)}
            closed = time.clock_gettime_ns(time.CLOCK_REALTIME)
            with Tracer("--netns", here.name, recorded=True) as tracer:
                taken = pairs[2]
                Pair(2, taken.client_port, taken.server_port)
                wait = wait_of(tracer, taken.server_port)
                expect(wait, ended_by="syn", inferred=["ts"], incomplete=["started-late"])
                begun(wait, closed)
                tracer.stop()
                wait = wait_of(tracer, pairs[10].server_port)
                expect(wait, ended_by="stopped", inferred=["ts"])
                begun(wait, closed)
                equal("what is left", wait["left_ns"] + wait["duration_ns"], 60 * S)
    finally:
        here.remove()


def begun(wait, closed):
    if abs(time_of(wait["ts"]) - closed) > 100 * MS:
        raise Failure(f"closed at {closed} ns, told to have begun at {wait['ts']}")


if __name__ == "__main__":
    sys.exit(tap.main(World))
