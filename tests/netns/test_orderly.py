#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Closes in which nobody sends a RST."""

import socket
import sys

from harness import tap
from harness.expect import expect
from harness.tap import Failure, case
from harness.tracer import Tracer
from harness.world import World

FIRST = "ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT"
SECOND = "ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED"
FOUR_OUT = ["> FIN,ACK 1", "< ACK 2", "< FIN,ACK 3", "> ACK 4"]
FOUR_IN = ["< FIN,ACK 1", "> ACK 2", "> FIN,ACK 3", "< ACK 4"]


def same_connection(one, other):
    if one["connection"] != other["connection"]:
        raise Failure(f"connection is {one['connection']} here, {other['connection']} there")


def exchange(client, server):
    """A little data. Linux delays the acknowledgement of a FIN, and so merges it with its own, for
    40 ms; but only until the next tick on a connection that has never received data."""
    client.send(10)
    server.receive(10)


def four_way(world, family, connected):
    with connected as (client, server):
        client.close()
        server.read_end()
        server.acknowledge_now()
        server.close()
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, family=family, kind="four-way", closed_by="local", states=FIRST, segments=FOUR_OUT,
           close_call=("close", client.pid), role="client", process__pid=client.pid,
           process__comm="client", process__how="connect", complete=True)
    expect(theirs, family=family, kind="four-way", closed_by="peer", states=SECOND,
           segments=FOUR_IN, close_call=("close", server.pid), role="server",
           process__pid=server.pid, process__comm="server", process__how="accept",
           close_wait__eof_read=True, close_wait__unread_bytes=0, complete=True)
    same_connection(ours, theirs)


@case("four-way over loopback, IPv4")
def four_way_4(world):
    four_way(world, 4, world.loopback(4))


@case("four-way over loopback, IPv6")
def four_way_6(world):
    four_way(world, 6, world.loopback(6))


@case("four-way between namespaces, IPv4")
def four_way_cable_4(world):
    four_way(world, 4, world.cabled(4))


@case("four-way between namespaces, IPv6")
def four_way_cable_6(world):
    four_way(world, 6, world.cabled(6))


@case("four-way, closed first by the server")
def server_first(world):
    with world.loopback() as (client, server):
        server.close()
        client.read_end()
        client.acknowledge_now()
        client.close()
        ours, theirs = world.teardown(server), world.teardown(client)
    expect(ours, kind="four-way", closed_by="local", states=FIRST, segments=FOUR_OUT,
           role="server", close_call=("close", server.pid))
    expect(theirs, kind="four-way", closed_by="peer", states=SECOND, segments=FOUR_IN,
           role="client", close_call=("close", client.pid))


def three_way(world, family):
    with world.loopback(family) as (client, server):
        exchange(client, server)
        server.start("read_end_and_close")
        client.close()
        server.finish()
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="three-way", closed_by="local", states=FIRST,
           segments=["> FIN,ACK 1", "< FIN,ACK 3", "> ACK 4"])
    expect(theirs, kind="three-way", closed_by="peer", states=SECOND,
           segments=["< FIN,ACK 1", "> FIN,ACK 3", "< ACK 4"])
    same_connection(ours, theirs)


@case("three-way over loopback, IPv4")
def three_way_4(world):
    three_way(world, 4)


@case("three-way over loopback, IPv6")
def three_way_6(world):
    three_way(world, 6)


@case("three-way, the peer merges")
def three_way_peer(world):
    with world.peered() as (puppet, peer):
        puppet.close()
        peer.receive("FIN,ACK")
        peer.send("FIN,ACK")
        peer.receive("ACK")
        ours = world.teardown(puppet)
    expect(ours, kind="three-way", closed_by="local", states=FIRST,
           segments=["> FIN,ACK 1", "< FIN,ACK 3", "> ACK 4"], close_call=("close", puppet.pid))


def simultaneous_peer(world, family):
    with world.peered(family) as (puppet, peer):
        puppet.close()
        fin = peer.receive("FIN,ACK")
        peer.send("FIN,ACK", ack=fin.seq)
        peer.receive("ACK")
        peer.send("ACK")
        ours = world.teardown(puppet)
    expect(ours, kind="simultaneous", closed_by="both", close_call=("close", puppet.pid),
           states="ESTABLISHED FIN_WAIT1 CLOSING TIME_WAIT")


@case("simultaneous, IPv4")
def simultaneous_4(world):
    simultaneous_peer(world, 4)


@case("simultaneous, IPv6")
def simultaneous_6(world):
    simultaneous_peer(world, 6)


@case("simultaneous, both ends observed")
def simultaneous_both(world):
    with world.cabled() as (client, server):
        world.cable.hold(lambda segment: True)
        client.close()
        server.close()
        # Both FINs are on their way before either arrives, both arrive before their
        # acknowledgements do.
        for _ in range(2):
            crossing = world.cable.take(), world.cable.take()
            for segment in crossing:
                world.cable.deliver(segment)
        world.cable.hold(None)
        ours, theirs = world.teardown(client), world.teardown(server)
    for end, puppet in ((ours, client), (theirs, server)):
        expect(end, kind="simultaneous", closed_by="both", close_call=("close", puppet.pid),
               states="ESTABLISHED FIN_WAIT1 CLOSING TIME_WAIT")
    same_connection(ours, theirs)


@case("shutdown(SHUT_WR), later close()")
def shutdown_write(world):
    with world.loopback() as (client, server):
        client.shutdown("write")
        server.read_end()
        server.acknowledge_now()
        server.close()
        client.read_end()
        client.close()
        ours = world.teardown(client)
        world.teardown(server)
    expect(ours, kind="four-way", closed_by="local", states=FIRST, segments=FOUR_OUT,
           close_call=("shutdown", client.pid))


@case("shutdown(SHUT_RDWR)")
def shutdown_both(world):
    with world.loopback() as (client, server):
        client.shutdown("both")
        server.read_end()
        server.acknowledge_now()
        server.shutdown("both")
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="four-way", closed_by="local", states=FIRST, segments=FOUR_OUT,
           close_call=("shutdown", client.pid))
    expect(theirs, kind="four-way", closed_by="peer", states=SECOND, segments=FOUR_IN,
           close_call=("shutdown", server.pid))


@case("half-close that lasts, with data flowing meanwhile")
def half_close(world):
    with world.loopback() as (client, server):
        client.shutdown("write")
        server.read_end()
        server.acknowledge_now()
        for _ in range(20):
            client.start("receive", 50000)
            server.send(50000)
            client.finish()
        server.close()
        client.read_end()
        client.close()
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="four-way", closed_by="local", states=FIRST, segments=FOUR_OUT,
           bytes_received=1000000)
    expect(theirs, kind="four-way", closed_by="peer", states=SECOND, segments=FOUR_IN,
           bytes_sent=1000000)
    if "half_close_ns" not in ours or "half_close_ns" not in theirs:
        raise Failure("a half-close with data is not reported as one")


def ended(world, how):
    with world.loopback() as (client, server):
        getattr(client, how)()
        server.read_end()
        server.acknowledge_now()
        server.close()
        ours = world.teardown(client)
        world.teardown(server)
    expect(ours, kind="four-way", closed_by="local", states=FIRST, segments=FOUR_OUT,
           close_call=("exit", client.pid), process__pid=client.pid, process__comm="client")


@case("the process exits with the socket open")
def exits(world):
    ended(world, "exit")


@case("the process is killed")
def killed(world):
    ended(world, "kill")


@case("the peer closes first")
def peer_first(world):
    with world.peered(dial=True) as (puppet, peer):
        peer.send("FIN,ACK")
        puppet.read_end()
        puppet.acknowledge_now()
        peer.receive("ACK")
        puppet.close()
        peer.receive("FIN,ACK")
        peer.send("ACK")
        ours = world.teardown(puppet)
    expect(ours, kind="four-way", closed_by="peer", states=SECOND, segments=FOUR_IN, role="server",
           close_call=("close", puppet.pid), close_wait__eof_read=True)


@case("the end of file was never read")
def end_unread(world):
    with world.peered(dial=True) as (puppet, peer):
        peer.send("FIN,ACK")
        peer.receive("ACK")
        puppet.close()
        peer.receive("FIN,ACK")
        peer.send("ACK")
        ours = world.teardown(puppet)
    expect(ours, kind="four-way", closed_by="peer", states=SECOND, close_wait__eof_read=False,
           close_wait__unread_bytes=0)


@case("data and FIN in one segment, sent")
def data_with_fin_out(world):
    with world.peered() as (puppet, peer):
        puppet.option(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        puppet.send(100)
        puppet.close()
        peer.receive("FIN,PSH,ACK")
        peer.send("ACK")
        peer.send("FIN,ACK")
        peer.receive("ACK")
        ours = world.teardown(puppet)
    expect(ours, kind="four-way", closed_by="local", states=FIRST, bytes_sent=100,
           segments=["> FIN,PSH,ACK 1", "< ACK 2", "< FIN,ACK 3", "> ACK 4"])
    if ours["segments"][0]["len"] != 100:
        raise Failure(f"the segment with the FIN has len {ours['segments'][0]['len']}, not 100")


@case("data and FIN in one segment, received")
def data_with_fin_in(world):
    with world.peered() as (puppet, peer):
        peer.send("FIN,PSH,ACK", b"x" * 100)
        puppet.read_end()
        puppet.acknowledge_now()
        peer.receive("ACK")
        puppet.close()
        peer.receive("FIN,ACK")
        peer.send("ACK")
        ours = world.teardown(puppet)
    expect(ours, kind="four-way", closed_by="peer", states=SECOND, bytes_received=100,
           segments=["< FIN,PSH,ACK 1", "> ACK 2", "> FIN,ACK 3", "< ACK 4"])


@case("a FIN acknowledged late, by data")
def acknowledged_by_data(world):
    with world.peered() as (puppet, peer):
        puppet.shutdown("write")
        fin = peer.receive("FIN,ACK")
        for _ in range(3):
            peer.send("PSH,ACK", b"x" * 500, ack=fin.seq)
            puppet.receive(500)
        peer.send("PSH,ACK", b"x" * 500)
        puppet.receive(500)
        peer.send("PSH,ACK", b"x" * 500)
        peer.send("FIN,ACK")
        puppet.read_end()
        puppet.close()
        ours = world.teardown(puppet)
    expect(ours, kind="four-way", closed_by="local", states=FIRST, bytes_received=2500,
           segments=["> FIN,ACK 1", "< PSH,ACK 2", "< FIN,ACK 3", "> ACK 4"])


@case("a FIN lost and sent again, IPv4")
def fin_lost_4(world):
    fin_lost(world, 4)


@case("a FIN lost and sent again, IPv6")
def fin_lost_6(world):
    fin_lost(world, 6) # no identification tells the two apart


def fin_lost(world, family):
    with world.cabled(family) as (client, server):
        world.cable.hold(lambda segment: segment.has("FIN"))
        client.close()
        world.cable.take()
        again = world.cable.take()
        world.cable.hold(None)
        world.cable.deliver(again)
        server.read_end()
        server.acknowledge_now()
        server.close()
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="four-way", closed_by="local", states=FIRST, fin_retransmissions=1,
           segments=["> FIN,ACK 1", "> FIN,ACK again", "< ACK 2", "< FIN,ACK 3", "> ACK 4"])
    expect(theirs, kind="four-way", closed_by="peer", states=SECOND, fin_retransmissions=0)
    same_connection(ours, theirs)


@case("the last acknowledgement lost, the second FIN sent again")
def last_acknowledgement_lost(world):
    with world.cabled() as (client, server):
        client.close()
        server.read_end()
        server.acknowledge_now()
        world.cable.hold(lambda segment: segment.flags == "ACK" and segment.side == 0)
        server.close()
        world.cable.take()
        world.cable.hold(None)
        ours, theirs = world.teardown(client), world.teardown(server)
    expect(ours, kind="four-way", closed_by="local", states=FIRST)
    expect(theirs, kind="four-way", closed_by="peer", states=SECOND, fin_retransmissions=1,
           segments=FOUR_IN + ["> FIN,ACK again", "< ACK"])
    same_connection(ours, theirs)


@case("the acknowledgement of a FIN lost, the FIN sent again")
def acknowledgement_lost(world):
    with world.peered() as (puppet, peer):
        peer.send("FIN,ACK")
        puppet.read_end()
        puppet.acknowledge_now()
        peer.receive("ACK")
        peer.send("FIN,ACK", seq=peer.seq - 1)
        peer.receive("ACK")
        puppet.close()
        peer.receive("FIN,ACK")
        peer.send("ACK")
        ours = world.teardown(puppet)
    expect(ours, kind="four-way", closed_by="peer", states=SECOND, fin_retransmissions=0,
           segments=["< FIN,ACK 1", "> ACK 2", "< FIN,ACK again", "> ACK", "> FIN,ACK 3",
                     "< ACK 4"])


@case("a connection older than the tracer")
def older(world):
    with world.loopback() as (client, server), Tracer("--netns", world.here.name) as late:
        client.close()
        server.read_end()
        server.acknowledge_now()
        server.close()
        world.teardown(client)
        world.teardown(server)
        ends = [world.teardown(puppet, tracer=late) for puppet in (client, server)]
    expect(ends[0], kind="four-way", closed_by="local", states=FIRST, segments=FOUR_OUT,
           close_call=("close", client.pid), process__how={"close", "holder"},
           process__pid=client.pid, process__comm="client", age_ns=None)
    expect(ends[1], kind="four-way", closed_by="peer", states=SECOND, segments=FOUR_IN,
           close_call=("close", server.pid), process__how={"close", "holder"},
           process__pid=server.pid, process__comm="server", age_ns=None)
    same_connection(*ends)


@case("closing already when the tracer starts")
def older_and_closing(world):
    with world.loopback() as (client, server):
        client.shutdown("write")
        server.read_end()
        server.acknowledge_now()
        with Tracer("--netns", world.here.name) as late:
            server.close()
            client.read_end()
            client.close()
            world.teardown(client)
            world.teardown(server)
            ends = [world.teardown(puppet, tracer=late) for puppet in (client, server)]
    expect(ends[0], closed_by="local", states="FIN_WAIT2 TIME_WAIT", incomplete=["started-late"])
    expect(ends[1], closed_by="peer", states="CLOSE_WAIT LAST_ACK CLOSED",
           incomplete=["started-late"])
    same_connection(*ends)


@case("the same ports used again at once, by another connection")
def ports_reused(world):
    with world.puppet("server") as server:
        port = server.listen("127.0.0.1")
        seen = []
        for _ in range(3):
            with world.puppet("client") as client:
                client.bind("127.0.0.1", 45678)
                client.connect("127.0.0.1", port)
                server.accept()
                server.close() # a TIME_WAIT at this end gives way to the next SYN
                client.read_end()
                client.close()
                seen += [world.teardown(puppet) for puppet in (client, server)]
    for theirs, ours in zip(seen[::2], seen[1::2]):
        same_connection(theirs, ours)
        expect(ours, closed_by="local", states=FIRST)
        expect(theirs, closed_by="peer", states=SECOND)
    if len({found["connection"] for found in seen}) != 3:
        raise Failure("several connections with the same connection id")


@case("nothing else was reported, nothing was lost")
def conclusion(world):
    world.conclude()


if __name__ == "__main__":
    sys.exit(tap.main(World))
