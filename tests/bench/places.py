# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Where connections are opened and closed: one namespace over loopback, or two over veth."""

import contextlib

from harness.load import Load
from harness.namespace import connect_by_veth, namespaces

# Below the ephemeral ports. Of those of the clients a half is used for each port of the servers,
# so that so many wait in the end: each connect() then takes over the ports of one that waits.
PORT = 20000
SETTLED, SETTLE_SECONDS = 115000, 30
AT_ONCE = 110000 # TIME_WAITs of one load, none of whose ports are taken over
MOST = 2000000


class Place:
    """`interface` of `clients` is where a capture sees everything once (loopback: twice)."""

    def __init__(self, name, servers, clients, interface, address):
        self.name, self.clients, self.servers = name, clients, servers
        self.interface, self.address = interface, address
        # Loopback may do the latter without being told.
        clients.sysctl("net.ipv4.tcp_max_tw_buckets", MOST)
        clients.sysctl("net.ipv4.tcp_tw_reuse", 1)

    def load(self, seconds, *options, connections=0):
        return Load(self.servers, seconds, "-a", self.address, "-n",
                    f"/run/netns/{self.clients.name}", *options, connections=connections)

    def even_load(self, seconds, connections=0):
        """Once settled, as many TIME_WAITs end as begin: each second is like the other."""
        return self.load(seconds, "-l", str(PORT), connections=connections)

    def settle(self, seconds):
        with self.even_load(min(seconds, SETTLE_SECONDS), SETTLED) as load:
            load.wait()

    def leave_waiting(self, count):
        """So many sockets in TIME_WAIT, as fast as it can."""
        while count:
            some = min(count, AT_ONCE)
            with self.load(SETTLE_SECONDS, connections=some) as load:
                load.wait()
            count -= some


@contextlib.contextmanager
def loopback():
    with namespaces("here") as (here,):
        yield Place("loopback", here, here, "lo", "127.0.0.1")


@contextlib.contextmanager
def veth():
    with namespaces("servers", "clients") as (servers, clients):
        interface = connect_by_veth(servers, clients)[1]
        yield Place("veth", servers, clients, interface, "10.77.1.1")


PLACES = (loopback, veth)
