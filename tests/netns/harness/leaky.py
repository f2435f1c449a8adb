# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Servers that forget connections (tests/workload/leaky.*), their clients, and what is true of the
sockets they leak. Independent of the tool."""

import contextlib
import os
import re
import select
import shutil
import socket
import subprocess
import time

from .namespace import command, namespaces
from .tap import Failure, Skip
from .tracer import BUILD, TOP

WORKLOAD = os.path.join(TOP, "tests/workload")
FRAMED = (f"{BUILD}/tests/workload/leaky-framed",)
FRAMELESS = (f"{BUILD}/tests/workload/leaky-frameless",)
PYTHON = ("/usr/bin/python3", "-I", f"{WORKLOAD}/leaky.py")
NODE = ("node", f"{WORKLOAD}/leaky.js")
NODE_PERF = ("node", "--perf-basic-prof", "--interpreted-frames-native-stack",
             "--no-logfile-per-isolate", "--logfile=+", f"{WORKLOAD}/leaky.js")
DEADLINE = 20
MESSAGE = 10 # bytes that a client sends
NAME_LENGTH = 15 # that the kernel keeps
CLOSE_WAIT = "08"
HOLDER = re.compile(r'\("(.*?)",pid=(\d+),fd=(\d+)\)')


def line_of(mark, program="leaky.c"):
    """Number of the line of a workload that has this comment."""
    with open(f"{WORKLOAD}/{program}", encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if f"/* {mark} */" in line)


@contextlib.contextmanager
def spaces(*labels):
    """Network namespaces, with a stack to put on what lives in them."""
    with contextlib.ExitStack() as stack:
        yield (stack, *stack.enter_context(namespaces(*labels)))


def pause(seconds):
    """The pace of a load; nothing is waited for by it."""
    select.select([], [], [], seconds)


class Leaky:
    """A server, and the other ends of its connections."""

    def __init__(self, namespace, name, mode="read", program=FRAMED, address="127.0.0.1",
                 prefix=(), extra=(), host=None):
        """`host`: where clients find it, if that is not `address`."""
        if len(os.fsencode(name)) > NAME_LENGTH:
            raise ValueError(name)
        if shutil.which(program[0]) is None:
            raise Skip(f"{program[0]} is not installed")
        self.namespace, self.name, self.mode = namespace, name, mode
        self.address = host or address
        self._tells = mode != "flight" and not (program[0] == "node" and mode == "unread")
        with namespace:
            self._process = subprocess.Popen([*prefix, *program, name, address, mode, *extra],
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             bufsize=0)
        self.pid = self._process.pid
        self.clients = {} # by port, those that have not closed
        self.fins = {}    # port: when the clock was read before and after its FIN
        self.held = {}    # port: pid and descriptor, as the server tells
        try:
            self.port = int(self._next("port")[0])
            self.code = [int(word, 16) for word in self._next("jit")] if "jit" in extra else None
        except BaseException:
            self.stop()
            raise

    def _next(self, verb):
        if not select.select([self._process.stdout], [], [], DEADLINE)[0]:
            raise Failure(f"{self.name}: no {verb!r} within {DEADLINE} s")
        words = self._process.stdout.readline().decode().split()
        if words[:1] != [verb]:
            raise Failure(f"{self.name}: {words} instead of {verb!r}")
        return words[1:]

    def _hear(self, verb, count):
        for _ in range(count):
            pid, descriptor, port = map(int, self._next(verb))
            self.held[port] = (pid, descriptor)

    def tell(self, line):
        self._process.stdin.write(line.encode() + b"\n")

    def connect(self, count):
        """Ports of that many new clients, which are accepted."""
        with self.namespace: # once for all: each time costs milliseconds
            made = [socket.create_connection((self.address, self.port)) for _ in range(count)]
        ports = [client.getsockname()[1] for client in made]
        for port, client in zip(ports, made):
            client.sendall(b"x" * MESSAGE)
            self.clients[port] = client
        if self.mode != "noaccept":
            self._hear("accepted", count)
        return ports

    def close_client(self, port):
        before = time.clock_gettime_ns(time.CLOCK_REALTIME)
        self.clients.pop(port).close()
        self.fins[port] = (before, time.clock_gettime_ns(time.CLOCK_REALTIME))

    def wait_leaked(self, ports):
        """Until the server has seen their FINs and did with them what it does."""
        if self._tells and self.mode != "noaccept":
            self._hear("leaked", len(ports))
        else:
            self._wait_state({(self.port, port) for port in ports})

    def _wait_state(self, sockets):
        """The kernel tells nobody that a FIN is there: hence the loop."""
        end = time.monotonic() + DEADLINE
        while missing := sockets - stuck(self.namespace).keys():
            if time.monotonic() > end:
                raise Failure(f"{self.name}: {len(missing)} not in CLOSE_WAIT")

    def leak(self, count):
        """Connections that their clients close, one right after the other."""
        ports = self.connect(count)
        for port in ports:
            self.close_client(port)
        self.wait_leaked(ports)
        return ports

    def leak_paced(self, count, seconds):
        """The same, each that long after the one before."""
        ports = self.connect(count)
        for port in ports:
            self.close_client(port)
            pause(seconds)
        self.wait_leaked(ports)
        return ports

    def close(self, count):
        """The first so many that leaked are closed by the server."""
        self.tell(f"close {count}")
        closed = int(self._next("closed")[0])
        if closed != count:
            raise Failure(f"{self.name} closed {closed} of {count}")

    def fork(self):
        """The pid of a child that holds all that the server does."""
        self.tell("fork")
        return int(self._next("forked")[0])

    def connect_out(self):
        """The server's own connection, to a listener that closes it; both ports."""
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        with self.namespace:
            listener = socket.create_server((self.address, 0), family=family)
        with listener:
            port = listener.getsockname()[1]
            self.tell(f"connect {port}")
            peer, name = listener.accept()
            with peer:
                self._hear("accepted", 1) # it tells of the port that is the peer's to it
            self._hear("leaked", 1)
        return name[1], port

    def stop(self):
        for client in self.clients.values():
            client.close()
        self._process.stdin.close()
        try:
            self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def start(stack, *arguments, **settings):
    """Until the stack is unwound."""
    server = Leaky(*arguments, **settings)
    stack.callback(server.stop)
    return server


def stuck(namespace):
    """Sockets in CLOSE_WAIT by the kernel's list: local and remote port to inode and Recv-Q."""
    found = {}
    with namespace:
        for name in ("tcp", "tcp6"):
            with open(f"/proc/thread-self/net/{name}", encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
            for row in rows:
                if row[3] == CLOSE_WAIT:
                    ports = tuple(int(row[field].rpartition(":")[2], 16) for field in (1, 2))
                    found[ports] = (int(row[9]), int(row[4].partition(":")[2], 16))
    return found


def held_by_ss(namespace):
    """The same by ss: both ports to name, pid and descriptor of each holder."""
    with namespace:
        listing = command("ss", "-tnpH", "state", "close-wait")
    found = {}
    for line in listing.splitlines():
        ports = tuple(int(word.rpartition(":")[2]) for word in line.split()[2:4])
        found[ports] = {(comm, int(pid), int(descriptor))
                       for comm, pid, descriptor in HOLDER.findall(line)}
    return found
