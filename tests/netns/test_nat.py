#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A connection through a router that translates both addresses: one connection, two names."""

import contextlib
import sys

from harness import tap
from harness.capture import Capture, compare
from harness.expect import expect
from harness.namespace import Namespace, connect_by_veth
from harness.puppet import Puppet
from harness.tap import Failure, case
from harness.tracer import Tracer

PORT_OUTSIDE, PORT_INSIDE = 8000, 9000
RULES = """
table inet translate {{
  chain before {{
    type nat hook prerouting priority dstnat;
    ip daddr 10.77.1.2 tcp dport {outside} dnat ip to 10.77.2.2:{inside}
    ip6 daddr fd77:1::2 tcp dport {outside} dnat ip6 to [fd77:2::2]:{inside}
  }}
  chain after {{
    type nat hook postrouting priority srcnat;
    oifname "veth2l" masquerade random
  }}
}}
"""


class World:
    """client - veth1 - router - veth2 - server"""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.client_side, self.router, self.server_side = (
                Namespace(label) for label in ("client", "router", "server"))
            for namespace in (self.client_side, self.router, self.server_side):
                stack.callback(namespace.remove)
            self.client_end = connect_by_veth(self.client_side, self.router, 1)[0]
            self.server_end = connect_by_veth(self.router, self.server_side, 2)[1]
            self.router.sysctl("net.ipv4.ip_forward", 1)
            self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
            self.router.nft(RULES.format(outside=PORT_OUTSIDE, inside=PORT_INSIDE))
            self.tracer = stack.enter_context(Tracer())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._stack.__exit__(*details)

    @contextlib.contextmanager
    def connected(self, inside, outside):
        """A client and a server with the router between them, and what both sides capture."""
        with contextlib.ExitStack() as stack:
            server, client = Puppet(self.server_side, "server"), Puppet(self.client_side, "client")
            stack.callback(server.stop)
            stack.callback(client.stop)
            captures = (Capture(self.client_side, self.client_end, "10.77.1.2"),
                        Capture(self.server_side, self.server_end, "10.77.2.1"))
            for capture in captures:
                stack.callback(capture.close)
            server.listen(inside, 8, PORT_INSIDE)
            client.connect(outside, PORT_OUTSIDE)
            server.accept()
            yield client, server, captures

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
    with world.connected(inside, outside) as (client, server, captures):
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
    through(world, "10.77.2.2", "10.77.1.2")


@case("four-way, IPv6")
def four_way_6(world):
    through(world, "fd77:2::2", "fd77:1::2")


@case("reset")
def reset(world):
    with world.connected("10.77.2.2", "10.77.1.2") as (client, server, captures):
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
