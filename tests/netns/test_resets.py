#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Closes that a RST cuts short, each with its cause."""

import socket
import sys

from harness import tap
from harness.expect import expect
from harness.namespace import command
from harness.puppet import PuppetError
from harness.tap import Failure, Skip, case
from harness.world import TUN_HERE, World

CUT = "ESTABLISHED CLOSED"


def both(ours, theirs):
    if ours["connection"] != theirs["connection"]:
        raise Failure("the two ends have different connection ids")


def linger(world, family):
    with world.loopback(family) as (client, server):
        client.linger(0)
        client.close()
        server.wait_hangup()
        server.close()
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="reset", closed_by="local", cause="linger", states=CUT, reset__dir="out",
           segments=["> RST,ACK"], close_call=("close", client.pid), process__pid=client.pid)
    expect(theirs, kind="reset", closed_by="peer", cause="peer-reset", states=CUT,
           reset__dir="in", segments=["< RST,ACK"], close_call=None, process__pid=server.pid)
    both(ours, theirs)


@case("SO_LINGER with time 0, IPv4")
def linger_4(world):
    linger(world, 4)


@case("SO_LINGER with time 0, IPv6")
def linger_6(world):
    linger(world, 6)


@case("data was unread at close")
def unread(world):
    with world.loopback() as (client, server):
        server.send(300)
        client.wait_data()
        client.close()
        server.wait_hangup()
        server.close()
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="reset", closed_by="local", cause="unread-data", states=CUT,
           reset__dir="out", segments=["> RST,ACK"], close_call=("close", client.pid),
           unread_bytes=300)
    expect(theirs, kind="reset", closed_by="peer", cause="peer-reset", states=CUT,
           reset__dir="in")
    both(ours, theirs)


@case("a process killed with data unread")
def killed_unread(world):
    with world.loopback() as (client, server):
        server.send(300)
        client.wait_data()
        client.kill()
        server.wait_hangup()
        server.close()
        ours = world.teardown(client)
        world.teardown(server)
    expect(ours, kind="reset", closed_by="local", cause="unread-data", states=CUT,
           close_call=("exit", client.pid))


@case("data after close(), answered with RST")
def data_after_close(world):
    with world.loopback() as (client, server):
        client.close()
        server.read_end()
        server.acknowledge_now()
        server.send(10)
        server.wait_hangup()
        server.close()
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="reset-after-fin", closed_by="local", cause="data-after-close",
           states="ESTABLISHED FIN_WAIT1 FIN_WAIT2 CLOSED", reset__dir="out",
           segments=["> FIN,ACK 1", "< ACK 2", "> RST"], close_call=("close", client.pid))
    expect(theirs, kind="reset-after-fin", closed_by="peer", cause="peer-reset",
           states="ESTABLISHED CLOSE_WAIT CLOSED", reset__dir="in",
           segments=["< FIN,ACK 1", "> ACK 2", "< RST"])
    both(ours, theirs)


@case("several RSTs alike are several segments, each seen at both ends")
def alike(world):
    with world.cabled() as (client, server):
        client.close()
        server.read_end()
        server.acknowledge_now()
        server.option(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        world.cable.hold(lambda segment: True)
        for _ in range(5):
            server.send(10)
        for _ in range(2): # the data, then the answers to it
            for segment in [world.cable.take() for _ in range(5)]:
                world.cable.deliver(segment)
        world.cable.hold(None)
        server.wait_hangup()
        server.close()
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="reset-after-fin", cause="data-after-close",
           segments=["> FIN,ACK 1", "< ACK 2"] + ["> RST"] * 5)
    expect(theirs, kind="reset-after-fin", cause="peer-reset",
           segments=["< FIN,ACK 1", "> ACK 2"] + ["< RST"] * 5)
    both(ours, theirs)


@case("data after close(), before the FIN is acknowledged")
def data_in_fin_wait1(world):
    with world.peered() as (puppet, peer):
        puppet.close()
        fin = peer.receive("FIN,ACK")
        peer.send("PSH,ACK", b"x" * 10, ack=fin.seq)
        peer.receive_until("RST")
        ours = world.teardown(puppet)
    expect(ours, kind="reset-after-fin", closed_by="local", cause="data-after-close",
           states="ESTABLISHED FIN_WAIT1 CLOSED", reset__dir="out",
           close_call=("close", puppet.pid))


@case("RST after FIN, from the side that was closed upon")
def reset_after_fin(world):
    with world.loopback() as (client, server):
        client.shutdown("write")
        server.read_end()
        server.acknowledge_now()
        server.linger(0)
        server.close()
        client.wait_hangup()
        client.close()
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="reset-after-fin", closed_by="local", cause="peer-reset",
           states="ESTABLISHED FIN_WAIT1 FIN_WAIT2 CLOSED", reset__dir="in",
           segments=["> FIN,ACK 1", "< ACK 2", "< RST,ACK"],
           close_call=("shutdown", client.pid))
    expect(theirs, kind="reset-after-fin", closed_by="peer", cause="linger",
           states="ESTABLISHED CLOSE_WAIT CLOSED", reset__dir="out",
           close_call=("close", server.pid))
    both(ours, theirs)


@case("RST from the peer, IPv4")
def peer_reset_4(world):
    peer_reset(world, 4)


@case("RST from the peer, IPv6")
def peer_reset_6(world):
    peer_reset(world, 6)


def peer_reset(world, family):
    with world.peered(family) as (puppet, peer):
        peer.send("RST")
        ours = world.teardown(puppet)
    expect(ours, kind="reset", closed_by="peer", cause="peer-reset", states=CUT, reset__dir="in",
           segments=["< RST"], close_call=None, process__pid=puppet.pid, error="ECONNRESET")


@case("RST from the peer in CLOSE_WAIT")
def reset_in_close_wait(world):
    with world.peered() as (puppet, peer):
        peer.send("FIN,ACK")
        peer.receive("ACK")
        peer.send("RST,ACK")
        ours = world.teardown(puppet)
    expect(ours, kind="reset-after-fin", closed_by="peer", cause="peer-reset", reset__dir="in",
           states="ESTABLISHED CLOSE_WAIT CLOSED", close_call=None,
           segments=["< FIN,ACK 1", "> ACK 2", "< RST,ACK"])


@case("RST from the peer in FIN_WAIT1")
def reset_in_fin_wait1(world):
    with world.peered() as (puppet, peer):
        puppet.close()
        fin = peer.receive("FIN,ACK")
        peer.send("RST", ack=fin.seq)
        ours = world.teardown(puppet)
    expect(ours, kind="reset-after-fin", closed_by="local", cause="peer-reset", reset__dir="in",
           states="ESTABLISHED FIN_WAIT1 CLOSED", close_call=("close", puppet.pid),
           segments=["> FIN,ACK 1", "< RST"])


@case("RST from the peer in LAST_ACK")
def reset_in_last_ack(world):
    with world.peered() as (puppet, peer):
        peer.send("FIN,ACK")
        peer.receive("ACK")
        puppet.close()
        peer.receive("FIN,ACK")
        peer.send("RST")
        ours = world.teardown(puppet)
    expect(ours, kind="reset-after-fin", closed_by="peer", cause="peer-reset", reset__dir="in",
           states="ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED", close_call=("close", puppet.pid))


@case("RST out of sequence does nothing")
def reset_out_of_window(world):
    with world.peered() as (puppet, peer):
        peer.send("RST", seq=peer.seq + 200000, advance=False)
        peer.send("PSH,ACK", b"x" * 10)
        puppet.receive(10)
        peer.receive()
        puppet.close()
        peer.receive("FIN,ACK")
        peer.send("FIN,ACK")
        peer.receive("ACK")
        ours = world.teardown(puppet)
    expect(ours, kind="three-way", closed_by="local",
           states="ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT")


@case("ss -K")
def killed_by_ss(world):
    with world.loopback() as (client, server):
        with world.here:
            told = command("ss", "-K", "-tn", "sport", "=", str(client.local[1]))
        if str(client.local[1]) not in told:
            raise Skip("the kernel has no INET_DIAG_DESTROY")
        server.wait_hangup()
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="reset", closed_by="local", cause="aborted", states=CUT, reset__dir="out",
           segments=["> RST,ACK"], error="ECONNABORTED", process__pid=client.pid)
    if (ours.get("close_call") or {}).get("pid") == client.pid:
        raise Failure("ss -K is reported as a call of the socket's owner")
    expect(theirs, kind="reset", closed_by="peer", cause="peer-reset", states=CUT)
    both(ours, theirs)


@case("disconnected by connect(AF_UNSPEC)")
def disconnected(world):
    with world.peered() as (puppet, peer):
        local = puppet.local
        puppet.disconnect()
        peer.receive_until("RST")
        ours = world.teardown(puppet, local)
    expect(ours, kind="reset", closed_by="local", cause="disconnect", states=CUT,
           reset__dir="out")


@case("keepalive probes unanswered")
def keepalive(world):
    with world.peered() as (puppet, peer):
        puppet.option(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        puppet.option(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        puppet.option(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 1)
        puppet.option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peer.receive("ACK")
        peer.receive_until("RST")
        ours = world.teardown(puppet)
    expect(ours, kind="timeout", closed_by="local", cause="keepalive", states=CUT,
           error="ETIMEDOUT", segments=["> RST,ACK"], close_call=None,
           process__pid=puppet.pid)


@case("data sent again and again, TCP_USER_TIMEOUT")
def user_timeout(world):
    with world.peered() as (puppet, peer):
        puppet.option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 500)
        puppet.send(10)
        peer.receive("PSH,ACK")
        ours = world.teardown(puppet)
    expect(ours, kind="timeout", cause="retransmission", states=CUT, error="ETIMEDOUT",
           close_call=None, process__pid=puppet.pid)


@case("a listener closed with a connection in its queue")
def listener_closed(world):
    peer = world.peer()
    with world.puppet("server") as server:
        peer.host_port = server.listen(TUN_HERE[4])
        peer.send("SYN")
        peer.receive("SYN,ACK")
        peer.send("ACK")
        server.wait_queue()
        server.close_listener()
        peer.receive_until("RST")
        ours = world.teardown(server, (TUN_HERE[4], peer.host_port), (peer.address, peer.port))
    expect(ours, kind="reset", closed_by="local", cause="listener-closed", states=CUT,
           reset__dir="out", segments=["> RST,ACK"])


@case("RST from the peer before accept()")
def reset_in_queue(world):
    peer = world.peer()
    with world.puppet("server") as server:
        peer.host_port = server.listen(TUN_HERE[4])
        peer.send("SYN")
        peer.receive("SYN,ACK")
        peer.send("ACK")
        peer.send("RST")
        ours = world.teardown(server, (TUN_HERE[4], peer.host_port), (peer.address, peer.port))
        server.accept()
    expect(ours, kind="reset", closed_by="peer", cause="never-accepted", states=CUT,
           reset__dir="in", segments=["< RST"], process=None)


@case("a refused connect is no teardown")
def refused(world):
    with world.puppet("client") as client:
        try:
            client.connect("127.0.0.1", 1)
        except PuppetError as error:
            if str(error) != "ECONNREFUSED":
                raise
        else:
            raise Failure("port 1 is open")
    with world.puppet("client") as client:
        peer = world.peer()
        client.start("connect", peer.address, peer.port)
        peer.receive("SYN")
        peer.send("RST,ACK")
        try:
            client.finish()
        except PuppetError:
            pass


@case("a RST to a port that nobody listens on is no teardown")
def closed_port(world):
    peer = world.peer()
    peer.host_port = 1
    peer.send("SYN")
    peer.receive("RST,ACK")
    peer.send("FIN,ACK")
    peer.receive_until("RST")


@case("nothing else was reported, nothing was lost")
def conclusion(world):
    world.conclude()


if __name__ == "__main__":
    sys.exit(tap.main(World))
