#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Filters and outputs: of several closes, those that were asked for."""

import contextlib
import os
import re
import sys

from harness import tap
from harness.expect import expect
from harness.namespace import Namespace, connect_by_veth
from harness.puppet import Puppet
from harness.tap import Failure, Skip, case
from harness.tracer import Tracer, run

ADDRESSES = {4: ("10.77.1.1", "10.77.1.2"), 6: ("fd77:1::1", "fd77:1::2")}
LADDER_LINES = ("→", "FIN_WAIT1", "CLOSE_WAIT", "①", "②", "③", "④", "FIN_WAIT2", "LAST_ACK",
                "TIME_WAIT", "four-way")


class World:
    """Two namespaces, in which each case makes the same closes: over IPv4 and IPv6, to two
    ports of the server, by two clients of different names."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.left, self.right = Namespace("left"), Namespace("right")
            stack.callback(self.left.remove)
            stack.callback(self.right.remove)
            self.interface = connect_by_veth(self.left, self.right)[0]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._stack.__exit__(*details)

    @contextlib.contextmanager
    def open(self):
        """Four connections, by (family, port); each is (client, server)."""
        with contextlib.ExitStack() as stack:
            opened = {}
            for family, (_, address) in ADDRESSES.items():
                for port in (8000, 9000):
                    server = Puppet(self.right, f"server-{port}")
                    stack.callback(server.stop)
                    client = Puppet(self.left, f"client-{port}")
                    stack.callback(client.stop)
                    client.connect(address, server.listen(address, 8, port))
                    server.accept()
                    opened[family, port] = client, server
            yield opened

    def close(self, opened):
        for client, server in opened.values():
            client.close()
            server.read_end()
            server.acknowledge_now()
            server.close()

    def told(self, tracer):
        """Ends that were told of: (family, port of the server, role)."""
        found = []
        for teardown in self.ours(tracer):
            server = teardown["local" if teardown["role"] == "server" else "remote"]
            found.append((teardown["family"], server["port"], teardown["role"]))
        return sorted(found)

    def ours(self, tracer):
        """Teardowns in these namespaces."""
        return [found for found in tracer.objects()
                if found["local"].get("netns") in (self.left.inode, self.right.inode)]

    def expect(self, expected, *options):
        with Tracer(*options, recorded=True) as tracer:
            with self.open() as opened:
                self.close(opened)
            outcome = tracer.stop()
        if outcome.status or self.told(tracer) != sorted(expected):
            raise Failure(f"{' '.join(options)}: told of {self.told(tracer)}\n"
                          f"expected {sorted(expected)}\n{outcome.stderr}")
        for teardown in self.ours(tracer):
            expect(teardown, kind="four-way", complete=True)


def every(families=(4, 6), ports=(8000, 9000), roles=("client", "server")):
    return [(family, port, role) for family in families for port in ports for role in roles]


@case("--lport and --rport")
def ports(world):
    world.expect(every(ports=(8000,), roles=("server",)), "-L", "8000")
    world.expect(every(ports=(8000,), roles=("client",)), "-D", "8000")
    world.expect(every(roles=("client",)), "-D", "9000,8000", "--netns", world.left.name)


@case("-4 and -6")
def families(world):
    world.expect(every(families=(4,), roles=("server",)), "-4", "-L", "8000,9000")
    world.expect(every(families=(6,), roles=("server",)), "-6", "-L", "8000,9000")


@case("--addr")
def addresses(world):
    world.expect(every(families=(4,)), "--addr", "10.77.1.0/24")
    world.expect(every(families=(6,)), "--addr", "fd77:1::1")
    world.expect(every(), "--addr", "10.77.1.1/32", "--addr", "fd77::/16")
    world.expect([], "--addr", "10.77.2.0/24")


@case("--netns")
def namespace(world):
    world.expect(every(roles=("client",)), "--netns", world.left.name)
    world.expect(every(roles=("server",)), "--netns", world.right.name)


@case("--comm")
def comm(world):
    world.expect(every(ports=(8000,), roles=("client",)), "-c", "client-8000")


@case("--pid")
def pid(world):
    with world.open() as opened:
        client = opened[4, 9000][0]
        with Tracer("-p", str(client.pid)) as tracer:
            world.close(opened)
            tracer.stop()
    if world.told(tracer) != [(4, 9000, "client")]:
        raise Failure(f"told of {world.told(tracer)}")
    expect(world.ours(tracer)[0], kind="four-way", process__pid=client.pid,
           segments=["> FIN,ACK 1", "< ACK 2", "< FIN,ACK 3", "> ACK 4"])


@case("--cgroup")
def cgroup(world):
    with open("/proc/mounts", encoding="utf-8") as mounts:
        roots = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    if not roots:
        raise Skip("no cgroup2 mount")
    path = os.path.join(roots[0], f"tcpclose-{os.getpid()}")
    os.mkdir(path)
    try:
        with Tracer("--cgroup", path) as tracer:
            with world.open() as opened:
                with contextlib.ExitStack() as stack:
                    client, server = Puppet(world.left, "member"), Puppet(world.right, "server")
                    stack.callback(server.stop)
                    stack.callback(client.stop)
                    with open(f"{path}/cgroup.procs", "w", encoding="ascii") as procs:
                        procs.write(str(client.pid))
                    client.connect("10.77.1.2", server.listen("10.77.1.2"))
                    server.accept()
                    server.start("read_end_and_close")
                    client.close()
                    server.finish()
                world.close(opened)
            tracer.stop()
        if len(world.told(tracer)) != 1:
            raise Failure(f"told of {world.told(tracer)}")
        expect(world.ours(tracer)[0], process__pid=client.pid, cgroup="/" + os.path.basename(path))
    finally:
        os.rmdir(path)


@case("--interface: segments of others are not seen, their sockets are")
def interface(world):
    with world.left:
        tracer = Tracer("-i", world.interface).__enter__()
    with tracer, contextlib.ExitStack() as stack:
        client, server = Puppet(world.left, "client"), Puppet(world.left, "server")
        stack.callback(server.stop)
        stack.callback(client.stop)
        client.connect("127.0.0.1", server.listen("127.0.0.1"))
        server.accept()
        server.start("read_end_and_close")
        client.close()
        server.finish()
        with world.open() as opened:
            world.close(opened)
        tracer.stop()
    for teardown in world.ours(tracer):
        seen = {place["interface"] for segment in teardown["segments"]
                for place in segment["seen"]}
        inside = teardown["local"]["addr"] == "127.0.0.1"
        if teardown["local"]["netns"] == world.left.inode and \
                seen != (set() if inside else {world.interface}):
            raise Failure(f"{teardown['local']}: segments were seen on {seen}")


@case("text: a ladder with both columns observed")
def text(world):
    with world.open() as opened, Tracer("--addr", "10.77.1.0/24", output="text") as tracer:
        world.close({(4, 8000): opened[4, 8000]})
        ladder = b"".join(tracer.stop().lines).decode()
    for word in LADDER_LINES:
        if word not in ladder:
            raise Failure(f"{word!r} is not in the ladder:\n{ladder}")
    if re.search("~(?!TIME_WAIT)", ladder): # a mini-socket has no tracepoint
        raise Failure(f"both ends are here, but something is marked as inferred:\n{ladder}")
    if "\x1b" in ladder:
        raise Failure("colours, though it is no terminal")


@case("table: one line per teardown, columns under their heads")
def table(world):
    with Tracer("--addr", "fd77::/16", output="table") as tracer:
        with world.open() as opened:
            world.close(opened)
        lines = b"".join(tracer.stop().lines).decode().splitlines()
    if len(lines) != 5:
        raise Failure(f"{len(lines)} lines for a head and 4 teardowns:\n" + "\n".join(lines))
    for line in lines[1:]:
        if "four-way" not in line or "fd77:1::" not in line:
            raise Failure(f"not a line of these teardowns: {line}")


@case("--packets none: states without segments")
def no_packets(world):
    with Tracer("--packets", "none", "--netns", world.left.name, recorded=True) as tracer:
        with world.open() as opened:
            world.close(opened)
        tracer.stop()
    if len(world.told(tracer)) != 4:
        raise Failure(f"told of {world.told(tracer)}")
    for teardown in world.ours(tracer):
        expect(teardown, closed_by="local", segments=[])


@case("--packets xdp: the same closes, seen by XDP on their way in")
def xdp(world):
    with Tracer("--packets", "xdp", "--netns", world.right.name,
                recorded=True) as tracer:
        with world.open() as opened:
            world.close(opened)
        tracer.stop()
    if len(world.told(tracer)) != 4:
        raise Failure(f"told of {world.told(tracer)}")
    for teardown in world.ours(tracer):
        expect(teardown, kind="four-way", closed_by="peer",
               segments=["< FIN,ACK 1", "> ACK 2", "> FIN,ACK 3", "< ACK 4"])
        hooks = {(segment["dir"], place["hook"]) for segment in teardown["segments"]
                 for place in segment["seen"]}
        if not {("in", "xdp"), ("out", "tc-egress")} <= hooks:
            raise Failure(f"seen at {hooks}")


@case("--explain, --version, --help")
def informative(_world):
    for option, words in (("--explain", ("sock:inet_sock_set_state", "tcx")),
                          ("--version", (r"tcpclose-trace \d+\.\d+", "btf")),
                          ("--help", ("--interface", "--ready-file", "Exit status"))):
        status, out, error = run(option)
        if status or error or not all(re.search(word, out) for word in words):
            raise Failure(f"{option}: status {status}, {out!r}, {error!r}")


if __name__ == "__main__":
    sys.exit(tap.main(World))
