#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A connection through a router that translates both addresses: one connection, two names."""

import contextlib
import sys

from harness import tap
from harness.capture import Capture, compare
from harness.expect import expect
from harness.tap import Failure, case
from harness.tracer import Tracer
from harness.translated import INSIDE_4, INSIDE_6, OUTSIDE_4, OUTSIDE_6, Translated


class World(Translated):
    def __enter__(self):
        super().__enter__()
        with contextlib.ExitStack() as stack:
            stack.push(super().__exit__)
            self.tracer = stack.enter_context(Tracer(recorded=True))
            self._traced = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._traced.__exit__(*details)

    @contextlib.contextmanager
    def captured(self, inside, outside):
        """A client and a server with the router between them, and what both sides capture."""
        with contextlib.ExitStack() as stack:
            captures = (Capture(self.client_side, self.client_end, "10.77.1.2"),
                        Capture(self.server_side, self.server_end, "10.77.2.1"))
            for capture in captures:
                stack.callback(capture.close)
            yield *stack.enter_context(self.connected(inside, outside)), captures

    def teardown(self, puppet):
        def wanted(found):
            return (found["type"] == "teardown" and
                    found["local"].get("netns") == puppet.namespace.inode and
                    [found["local"]["addr"], found["local"]["port"]] == puppet.local)
        return self.tracer.take(wanted, f"teardown of {puppet.name}")


def one_connection(ours, theirs, captures):
    if ours["connection"] != theirs["connection"]:
        raise Failure(f"connection {ours['connection']} of {ours['local']}, but "
                      f"{theirs['connection']} of {theirs['local']}")
    if ours["local"]["port"] == theirs["remote"]["port"]:
        raise Failure("the router translated nothing: this proves nothing")
    for end, capture in zip((ours, theirs), captures):
        if wrong := compare([end], capture.finish(), 1):
            raise Failure("\n".join(wrong))


def through(world, inside, outside):
    with world.captured(inside, outside) as (client, server, captures):
        client.close()
        server.read_end()
        server.acknowledge_now()
        server.close()
        ours, theirs = world.teardown(client), world.teardown(server)
        one_connection(ours, theirs, captures)
    expect(ours, kind="four-way", closed_by="local", complete=True,
           states="ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT",
           segments=["> FIN,ACK 1", "< ACK 2", "< FIN,ACK 3", "> ACK 4"])
    expect(theirs, kind="four-way", closed_by="peer", complete=True,
           states="ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
           segments=["< FIN,ACK 1", "> ACK 2", "> FIN,ACK 3", "< ACK 4"])


@case("four-way, IPv4")
def four_way_4(world):
    through(world, INSIDE_4, OUTSIDE_4)


@case("four-way, IPv6")
def four_way_6(world):
    through(world, INSIDE_6, OUTSIDE_6)


@case("reset")
def reset(world):
    with world.captured(INSIDE_4, OUTSIDE_4) as (client, server, captures):
        client.send(10)
        server.receive(10)
        server.linger(0)
        server.close()
        client.wait_hangup()
        ours, theirs = world.teardown(client), world.teardown(server)
        one_connection(ours, theirs, captures)
    expect(ours, kind="reset", closed_by="peer", cause="peer-reset", reset__dir="in")
    expect(theirs, kind="reset", closed_by="local", cause="linger", reset__dir="out")


if __name__ == "__main__":
    sys.exit(tap.main(World))
