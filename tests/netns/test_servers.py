#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Real servers and clients, IPv4 and IPv6: what tshark captured of every close, and nothing else,
is what the tool says; every socket that ended has exactly one object."""

import collections
import contextlib
import subprocess
import sys

from harness import server, tap
from harness.capture import Capture, compare
from harness.events import Destruction
from harness.namespace import Namespace, connect_by_veth
from harness.tap import Failure, case, note
from harness.tracer import Tracer
from harness.world import check_totals

NGINX, REDIS, PYTHON = 8080, 6379, 8081
SHOWN = 10


def clients(address):
    """Command lines of the load on a host, each an end of connections of its own kind."""
    host = f"[{address}]" if ":" in address else address
    curl = ["curl", "-sS", "-o", "/dev/null"]
    redis = ["redis-cli", "-h", address, "-p", str(REDIS)]
    url, python = f"http://{host}:{NGINX}/", f"http://{host}:{PYTHON}/"
    for _ in range(5):
        yield [*curl, url]
        yield [*curl, "-H", "Connection: close", url]
        yield [*curl, python]
        yield [*redis, "ping"]
    yield [*curl, url + "page.bin"]
    yield [*curl, *[url] * 10] # one connection, ten requests
    yield [*redis, "quit"]
    yield [*redis, "client", "kill", "type", "normal", "skipme", "no"]
    yield ["redis-benchmark", "-h", address, "-p", str(REDIS), "-q", "-c", "20", "-n", "500",
           "-k", "0", "-t", "ping_inline"]
    yield ["wrk", "-t", "1", "-c", "10", "-d", "1", url + "page.bin"]
    yield ["wrk", "-t", "1", "-c", "5", "-d", "1", url + "large.bin"] # ends in the middle: RST
    yield ["wrk", "-t", "1", "-c", "4", "-d", "1", "-H", "Connection: close", python]
    yield [*curl, python] # once this is answered, nobody waits in the listener's queue


class Place:
    """Where servers and clients are, what is captured there, and who says which sockets ended."""

    def __init__(self, stack, client_side, server_side, interface, mark):
        self.client_side, self.server_side = client_side, server_side
        self.namespaces = {client_side.inode: client_side, server_side.inode: server_side}
        self.ends = {inode: Destruction(namespace) for inode, namespace in self.namespaces.items()}
        for destruction in self.ends.values():
            stack.callback(destruction.close)
        self.capture = Capture(client_side, interface, mark)
        stack.callback(self.capture.close)

    def serve(self):
        """The servers run only as long as the load, so that the ends of idle connections that
        they close when they stop are seen as well."""
        stack = contextlib.ExitStack()
        for start, port in ((server.nginx, NGINX), (server.redis, REDIS),
                            (server.python_http, PYTHON)):
            stack.callback(start(self.server_side, port).stop)
        return stack

    def load(self, addresses):
        with self.serve():
            for address in addresses:
                for words in clients(address):
                    with self.client_side:
                        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, check=False)

    def wait_ends(self):
        """Every socket that was connected is gone."""
        for inode, namespace in self.namespaces.items():
            opened = namespace.counter("TcpActiveOpens") + namespace.counter("TcpPassiveOpens")
            opened -= namespace.counter("TcpAttemptFails") # tshark looks for a phone as it starts
            self.ends[inode].wait(lambda gone, opened=opened: len(gone) >= opened)


def count_objects(place, teardowns):
    """Each socket that the kernel said is gone has one object, and no other socket has."""
    gone = collections.Counter((inode, *end.key()) for inode, destruction in place.ends.items()
                               for end in destruction.gone)
    told = collections.Counter(
        (found["local"]["netns"], found["local"]["addr"], found["local"]["port"],
         found["remote"]["addr"], found["remote"]["port"]) for found in teardowns)
    note(f"{sum(gone.values())} sockets ended")
    return [f"{(gone - told)[key]} sockets without an object: {key}" for key in gone - told] + \
           [f"{(told - gone)[key]} objects too many: {key}" for key in told - gone]


def check(place, addresses, *options, recorded=False):
    with Tracer(*options, recorded=recorded) as tracer:
        place.load(addresses)
        place.wait_ends()
        streams = place.capture.finish()
        outcome = tracer.stop()
    teardowns = [found for found in tracer.objects()
                 if found["local"].get("netns") in place.namespaces]
    wrong = check_totals(tracer, outcome) + count_objects(place, teardowns) + \
        compare(teardowns, streams, 2)
    segments = sum(len(stream.segments) for stream in streams)
    kinds = collections.Counter(found["kind"] for found in teardowns)
    note(f"{len(teardowns)} objects, {len(streams)} captured connections with {segments} segments "
         f"of closes; {dict(kinds)}")
    if not segments:
        wrong.append("nothing was captured")
    for found in teardowns:
        if not found["complete"]:
            wrong.append(f"incomplete: {found['incomplete']} {found['local']}")
    if wrong:
        raise Failure("\n".join([f"{len(wrong)} differences", *wrong[:SHOWN]]))


@case("over loopback", deadline=180)
def loopback():
    with contextlib.ExitStack() as stack:
        here = Namespace("here")
        stack.callback(here.remove)
        check(Place(stack, here, here, "lo", "127.9.9.9"), ["127.0.0.1", "::1"])


def between_namespaces(*options, whole=True, recorded=False):
    with contextlib.ExitStack() as stack:
        left, right = Namespace("clients"), Namespace("servers")
        stack.callback(left.remove)
        stack.callback(right.remove)
        ends = connect_by_veth(left, right)
        if not whole:
            for namespace, end in zip((left, right), ends):
                namespace.ip("link", "set", end, "gso_max_segs", "1")
        check(Place(stack, left, right, ends[0], "10.77.1.2"), ["10.77.1.2", "fd77:1::2"],
              *options, recorded=recorded)


@case("between two namespaces", deadline=180)
def veth():
    between_namespaces()


@case("between two namespaces, segments read by XDP", deadline=180)
def veth_xdp():
    # XDP takes aggregates apart, so that tc would see other segments on one side of the cable than
    # the judge on the other.
    between_namespaces("--packets", "xdp", whole=False)


@case("between two namespaces, segments as small as on a wire, recorded", deadline=180)
def veth_small():
    between_namespaces(whole=False, recorded=True)


if __name__ == "__main__":
    sys.exit(tap.main())
