#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The counting of TIME_WAIT in the kernel: groups and reasons of closes whose truth is known, and
the population beside the kernel's own number."""

import collections
import contextlib
import errno
import json
import os
import re
import select
import socket
import subprocess
import sys
import time

from harness import tap
from harness.expect import equal
from harness.namespace import Namespace, command
from harness.puppet import Puppet
from harness.tap import Failure, Skip, case, note
from harness.tracer import BUILD
from harness.wire import Peer, Tun

PROGRAM = os.path.join(BUILD, "tests/bpf/population")
CHURN = os.path.join(BUILD, "tests/workload/churn")
ENDS = ("unknown", "timer", "connect", "syn", "reset", "fin", "destroyed", "never", "stopped")
ROLES = ("unknown", "client", "server")
CONNECTIONS = 200
REUSE_AFTER = 1.1 # tcp_tw_reuse wants a second to have passed
HERE, PEER = {4: "10.79.0.1", 6: "fd79::1"}, {4: "10.79.0.2", 6: "fd79::2"}
with open("/proc/self/comm", encoding="ascii") as own_name:
    OURS = own_name.read().strip()
ANSWER_DEADLINE = 30


class Population:
    """The probe, attached and with its snapshot taken."""

    def __init__(self, namespace, *arguments):
        self._process = subprocess.Popen([PROGRAM, str(namespace.inode), *arguments], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._answer(str)

    def _answer(self, parse):
        if not select.select([self._process.stdout], [], [], ANSWER_DEADLINE)[0]:
            raise Failure(f"no answer within {ANSWER_DEADLINE} s")
        line = self._process.stdout.readline()
        if not line:
            raise Failure(f"it ended, status {self._process.wait()}")
        return parse(line)

    def _ask(self, word):
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return self._answer(json.loads)

    def read(self):
        return Reading(self._ask("read"))

    def reconcile(self):
        return self._ask("reconcile")["gone"]

    def add(self, left):
        """One that the kernel does not have, as if it had been listed with so many ms left."""
        self._process.stdin.write(f"add {left}\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Reading:
    """Counters by group: (role, port, comm)."""

    def __init__(self, found):
        self.entered, self.ended = collections.Counter(), collections.Counter()
        self.linear, self.power = found["linear"], found["power"]
        self.missed, self.crowded_out = found["missed"], found["crowded_out"]
        for group in found["groups"]:
            key = ROLES[group["role"]], group["port"], group["comm"]
            self.entered[key] += group["entered"]
            for name, count in zip(ENDS, group["ended"]):
                self.ended[(*key, name)] += count
        self.entered, self.ended = +self.entered, +self.ended

    def now(self):
        """In TIME_WAIT."""
        return self.entered.total() - sum(count for (*_, end), count in self.ended.items()
                                          if end != "never")

    def duration(self):
        """Of the only one that was measured: from, to, in seconds."""
        equal("durations", [sum(self.linear), sum(self.power)], [1, 1])
        step, power = self.linear.index(1), self.power.index(1)
        return (max(step * 0.25, (1 << power) / 2e6 if power else 0),
                min((step + 1) * 0.25, (1 << power) / 1e6))


@contextlib.contextmanager
def counted(*arguments):
    here = Namespace("here")
    try:
        with here, Population(here, *arguments) as population:
            yield here, population
    finally:
        here.remove()


class Service:
    """A listener on loopback of this namespace."""

    def __init__(self, port=0):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]

    def pair(self, port=0):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if port:
            client.bind(("127.0.0.1", port))
        client.connect(("127.0.0.1", self.port))
        return client, self.accept()

    def accept(self):
        return self._listener.accept()[0]

    def close_client_first(self, port=0):
        client, server = self.pair(port)
        return close(client, server)

    def close_server_first(self, port=0):
        client, server = self.pair(port)
        return close(server, client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()


def close(first, second):
    """The port of the first, which then waits."""
    port = first.getsockname()[1]
    first.close()
    second.recv(1)
    second.close()
    return port


@contextlib.contextmanager
def puppet_in(here, name):
    puppet = Puppet(here, name)
    try:
        yield puppet
    finally:
        puppet.stop()


@case("closes by clients, by servers, and both at once: role, port, program")
def groups():
    with counted() as (here, population), Service() as service:
        for _ in range(CONNECTIONS):
            service.close_client_first()
            service.close_server_first()
            client, server = service.pair()
            client.close()
            server.close()
        read = population.read()
        equal("entered", read.entered, {("client", service.port, OURS): 2 * CONNECTIONS,
                                        ("server", service.port, OURS): CONNECTIONS})
        equal("ended", read.ended, {})
        equal("now", read.now(), here.time_waits())
        equal("missed", read.missed, 0)


@case("of one program only")
def one_program():
    with counted("chosen") as (here, population), Service() as service:
        service.close_client_first()
        with puppet_in(here, "chosen") as puppet:
            puppet.connect("127.0.0.1", service.port)
            server = service.accept()
            puppet.close()
            server.recv(1)
            server.close()
        service.close_client_first()
        equal("entered", population.read().entered, {("client", service.port, "chosen"): 1})


@case("a SYN takes one over")
def syn():
    with counted() as (_here, population), Service() as service:
        client, server = service.pair()
        port = client.getsockname()[1]
        close(server, client)
        service.close_client_first(port)
        read = population.read()
        equal("ended", read.ended, {("server", service.port, OURS, "syn"): 1})
        equal("now", read.now(), 1)
        if read.duration()[0] > 1:
            raise Failure(f"it lasted {read.duration()} s")


@case("a connect() takes one over, and one that fails does too")
def connect():
    with counted() as (here, population):
        here.sysctl("net.ipv4.tcp_tw_reuse", 1)
        with Service() as service:
            port = service.close_client_first()
            other = service.close_client_first()
            started = time.monotonic()
            select.select([], [], [], REUSE_AFTER)
            service.close_client_first(port)
            took = time.monotonic() - started
        read = population.read()
        equal("ended", read.ended, {("client", service.port, OURS, "connect"): 1})
        least, most = read.duration()
        if most < REUSE_AFTER or least > took + 0.1:
            raise Failure(f"it lasted {least} to {most} s, expected {REUSE_AFTER} to {took}")
        with socket.socket() as refused:
            refused.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            refused.bind(("127.0.0.1", other))
            equal("connect", refused.connect_ex(("127.0.0.1", service.port)), errno.ECONNREFUSED)
        read = population.read()
        equal("ended", read.ended, {("client", service.port, OURS, "connect"): 2})
        equal("durations", sum(read.linear), 1) # of the second it is not known
        equal("now", read.now(), here.time_waits())


@case("a connect() that does not get the addresses ends nothing")
def not_taken():
    with counted() as (here, population), Service() as service:
        here.sysctl("net.ipv4.tcp_timestamps", 0)
        port = service.close_client_first()
        with socket.socket() as refused:
            refused.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            refused.bind(("127.0.0.1", port))
            equal("connect", refused.connect_ex(("127.0.0.1", service.port)), errno.EADDRNOTAVAIL)
        read = population.read()
        equal("ended", read.ended, {})
        equal("now", read.now(), 1)


@case("no room: as many never began as the kernel counts")
def never():
    with counted() as (here, population), Service() as service:
        here.sysctl("net.ipv4.tcp_max_tw_buckets", 7)
        for _ in range(10):
            service.close_client_first()
            service.close_server_first()
        read = population.read()
        equal("now", read.now(), 7)
        equal("now", read.now(), here.time_waits())
        equal("never", read.ended.total(), here.counter("TcpExtTCPTimeWaitOverflow"))
        equal("never", {end for (*_, end) in read.ended}, {"never"})


@contextlib.contextmanager
def peered(family):
    """A program that is connected to a peer whose segments the test writes."""
    with counted() as (here, population), contextlib.closing(
            Tun(here, "tun0", [HERE[4] + "/24", HERE[6] + "/64"])) as tun:
        peer = Peer(tun, HERE[family], PEER[family])
        with puppet_in(here, "closer") as puppet:
            peer.answer(puppet)
            yield here, population, puppet, peer


@case("an orphan is not in TIME_WAIT until the FIN comes, and a RST removes it then")
def orphan():
    for family in HERE:
        with peered(family) as (here, population, puppet, peer):
            group = "client", peer.port, "closer"
            puppet.close()
            peer.receive("FIN,ACK")
            peer.send("ACK")
            equal("in the kernel", here.time_waits(), 1)
            equal("entered", population.read().entered, {})
            equal("gone", population.reconcile(), 0)
            peer.send("FIN,ACK")
            peer.receive("ACK")
            equal("entered", population.read().entered, {group: 1})
            here.sysctl("net.ipv4.tcp_rfc1337", 0)
            peer.send("RST", seq=peer.seq + 1000, advance=False)
            equal("ended", population.read().ended, {})
            peer.send("RST")
            equal("in the kernel", here.time_waits(), 0)
            equal("ended", population.read().ended, {(*group, "reset"): 1})


@case("an orphan that ends otherwise never was in TIME_WAIT")
def never_time_wait():
    for flags, payload in (("RST", b""), ("PSH,ACK", b"late")):
        with peered(4) as (here, population, puppet, peer):
            puppet.close()
            peer.receive("FIN,ACK")
            peer.send("ACK")
            equal("in the kernel", here.time_waits(), 1)
            peer.send(flags, payload)
            equal("in the kernel", here.time_waits(), 0)
            read = population.read()
            equal("counters", (read.entered, read.ended), ({}, {}))
            equal("gone", population.reconcile(), 0)


@case("those found at the start, and what an administrator destroys")
def destroyed():
    here = Namespace("here")
    try:
        with here, Service(5000) as service:
            for _ in range(3):
                service.close_client_first()
                service.close_server_first()
            with Population(here) as population:
                read = population.read()
                equal("entered", read.entered, {("client", 5000, ""): 3, ("server", 5000, ""): 3})
                service.close_client_first()
                equal("gone", population.reconcile(), 0)
                command("ss", "-K", "state", "time-wait")
                if here.time_waits():
                    raise Skip("this kernel does not let ss -K end TIME_WAIT")
                equal("gone", population.reconcile(), 7)
                read = population.read()
                equal("now", read.now(), 0)
                equal("ends", {end for (*_, end) in read.ended}, {"destroyed"})
    finally:
        here.remove()


@case("one that may have gone since it was listed is not counted")
def gone_since():
    with counted() as (_, population):
        population.add(0)
        population.add(15)
        equal("now", population.read().now(), 0)
        population.add(30000)
        equal("now", population.read().now(), 1)
        equal("gone", population.reconcile(), 1)


@case("a namespace that is deleted takes all with it, and is not kept alive")
def namespace_deleted():
    here, other = Namespace("here"), Namespace("other")
    removed = False
    try:
        with Population(here) as population:
            other.ip("link", "add", "watch0", "type", "veth", "peer", "name", "watch1",
                     "netns", here.name)
            with here, Service() as service:
                for _ in range(CONNECTIONS):
                    service.close_client_first()
            equal("gone", population.reconcile(), 0)
            equal("now", population.read().now(), CONNECTIONS)
            here.remove()
            removed = True
            # The kernel's own sign that the namespace is gone: its end of the link is.
            until = time.monotonic() + ANSWER_DEADLINE
            while "watch0" in other.ip("-o", "link", "show"):
                if time.monotonic() > until:
                    raise Failure("the namespace lives on")
            gone = 0
            while gone < CONNECTIONS and time.monotonic() < until:
                gone += population.reconcile()
            equal("gone", gone, CONNECTIONS)
            read = population.read()
            equal("ended", read.ended,
                  {("client", service.port, OURS, "destroyed"): CONNECTIONS})
    finally:
        other.remove()
        if not removed:
            here.remove()


def steer(namespace):
    """Every CPU may be interrupted to take up a segment of loopback, as by a network card."""
    cpus = os.cpu_count()
    if cpus < 2:
        raise Skip("one CPU")
    command("ip", "netns", "exec", namespace.name, "sh", "-c",
            f"echo {(1 << min(cpus, 32)) - 1:x} > /sys/class/net/lo/queues/rx-0/rps_cpus")


@case("at full speed: the population is the kernel's, to the last one")
def full_speed():
    with counted() as (here, population):
        done = subprocess.run([CHURN, "3"], capture_output=True, text=True, check=True)
        closed = int(done.stdout.split()[0])
        read = population.read()
        note(f"{done.stdout.strip()}; {here.time_waits()} wait")
        equal("entered", read.entered.total(), closed // 2)
        equal("now", read.now(), here.time_waits())
        equal("missed", read.missed, 0)
        equal("ends", {end for (*_, end) in read.ended} - {"connect"}, set())


@case("segments that interrupt a CPU at any time: what was skipped is put right")
def steered():
    with counted() as (here, population):
        steer(here)
        done = subprocess.run([CHURN, "3"], capture_output=True, text=True, check=True)
        before = population.read().now()
        gone = population.reconcile()
        read = population.read()
        note(f"{done.stdout.strip()}; {before} counted, then {read.now()}, {gone} were gone")
        equal("destroyed", {end for (*_, end) in read.ended} & {"destroyed", "reset"}, set())
        equal("now", read.now(), here.time_waits())
        equal("missed", read.missed, 0)


if __name__ == "__main__":
    sys.exit(tap.main())
