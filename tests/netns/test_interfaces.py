#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What happens to interfaces and namespaces while they are watched: they come and go, and others
put programs and filters there and take them away, ours too. FLAPS makes it longer."""

import contextlib
import os
import signal
import subprocess
import sys
import time

from harness import attached, tap
from harness.expect import equal
from harness.namespace import Namespace, command, connect_by_veth, namespaces
from harness.pair import of
from harness.paths import BUILD
from harness.puppet import Puppet
from harness.tap import Failure, Skip, case, note
from harness.tracer import Tracer

FLAPS = int(os.environ.get("FLAPS", "1000")) # down and up
MADE = FLAPS // 40 # deleted and made anew
GONE = 3 # namespaces
DEADLINE = 120 + FLAPS // 5
ATTEMPTS = 50


@contextlib.contextmanager
def connected(client_in, server_in, address):
    with contextlib.ExitStack() as stack:
        server, client = Puppet(server_in, "server"), Puppet(client_in, "client")
        stack.callback(server.stop)
        stack.callback(client.stop)
        client.connect(address, server.listen(address))
        server.accept()
        yield client, server


def close_one(client_in, server_in, address):
    """The client's port of a connection that it closed first."""
    with connected(client_in, server_in, address) as (client, server):
        client.close()
        server.read_end_and_close()
        return client.local[1]


def told(tracer, namespace, port):
    return tracer.take(of("teardown", port, namespace=namespace), f"close of port {port}",
                       deadline=60)


def seen_on(tracer, client_in, server_in, address):
    """Closes until one is seen by an interface: the tracer has caught up with what happened to it.
    The hooks that have seen it."""
    for _ in range(ATTEMPTS):
        found = told(tracer, client_in, close_one(client_in, server_in, address))
        if found["segments"]:
            return {place["hook"] for segment in found["segments"] for place in segment["seen"]}
    raise Failure(f"no segments over {address}")


def held(tracer):
    """What the tracer holds: descriptors, and links and programs of BPF. What it looks through
    (/proc) is open for a while only."""
    folder = f"/proc/{tracer.pid}/fd"
    open_now = []
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            open_now.append(os.readlink(f"{folder}/{name}"))
    return (sum(not target.startswith("/proc") for target in open_now),
            len(attached.held(tracer.pid)))


def check_held(tracer, before):
    equal("descriptors, and links and programs", held(tracer), before)


def flap(batches, *options):
    """Commands to ip(8) change an interface of `left` again and again, while closes go on over
    another one; afterwards it is watched as before, with no more descriptors and links."""
    with namespaces("left", "right") as (left, right):
        end = connect_by_veth(left, right)[0]
        with left:
            tracer = Tracer("--netns", left.name, *options).__enter__()
        with tracer:
            hooks = seen_on(tracer, left, right, "10.77.1.2")
            before, begin = held(tracer), time.monotonic()
            for batch in batches(end):
                with left:
                    command("ip", "-batch", "-", given=batch)
                told(tracer, left, close_one(left, left, "127.0.0.1"))
            took = time.monotonic() - begin
            equal("hooks", seen_on(tracer, left, right, "10.77.1.2"), hooks)
            check_held(tracer, before)
            outcome = tracer.stop()
        equal("status", outcome.status, 0)
        equal("stderr", len(outcome.stderr.splitlines()), 1)
    note(f"{took:.1f} s; {before[0]} descriptors, {before[1]} links and programs, as before")


def down_and_up(end):
    return [f"link set {end} down\nlink set {end} up\n" * (FLAPS // 10)] * 10


@case("an interface goes down and up a thousand times, tcx", deadline=DEADLINE)
def flapping_tcx():
    flap(down_and_up)


@case("an interface goes down and up a thousand times, clsact", deadline=DEADLINE)
def flapping_clsact():
    flap(down_and_up, "--without", "tcx")


@case("an interface is deleted and made anew, again and again", deadline=DEADLINE)
def deleted_and_made():
    with namespaces("left", "right") as (left, right):
        connect_by_veth(left, right)
        with Tracer("--netns", left.name) as tracer:
            seen_on(tracer, left, right, "10.77.1.2")
            before, begin = held(tracer), time.monotonic()
            for _ in range(MADE):
                left.ip("link", "delete", "veth1l")
                connect_by_veth(left, right)
                told(tracer, left, close_one(left, right, "10.77.1.2"))
            took = time.monotonic() - begin
            seen_on(tracer, left, right, "10.77.1.2")
            check_held(tracer, before)
            outcome = tracer.stop()
        equal("status", outcome.status, 0)
    note(f"{MADE} times in {took:.1f} s")


def closing_in(gone, stays, tracer, number, peers):
    """Connections in three states of their close in a namespace that is deleted then: in TIME_WAIT,
    an orphan in FIN_WAIT2, and one whose process was killed. The ports of the first two. `peers`
    keeps the other ends open: the kernel takes its time."""
    try:
        connect_by_veth(gone, stays, number)
        address = f"10.77.{number}.2"
        waits = close_one(gone, stays, address)
        told(tracer, gone, waits)
        orphan, holds = peers.enter_context(connected(gone, stays, address))
        killed, peer = peers.enter_context(connected(gone, stays, address))
        orphan.close()
        holds.wait_hangup()
        killed.kill()
        peer.wait_hangup()
        orphan.exit()
        return waits, orphan.local[1]
    finally:
        gone.remove()


@case("namespaces are deleted while connections in them close", deadline=200)
def namespace_deleted():
    with namespaces("stays") as (stays,), contextlib.ExitStack() as peers, Tracer() as tracer:
        seen_on(tracer, stays, stays, "127.0.0.1")
        deleted = []
        for number in range(1, GONE + 1):
            gone = Namespace("gone")
            deleted.append((gone, *closing_in(gone, stays, tracer, number, peers)))
        for gone, waits, orphan in deleted:
            # The kernel deletes one after another, when it comes to it.
            for kind, port in (("time_wait", waits), ("fin_wait2", orphan)):
                found = tracer.take(of(kind, port, namespace=gone), kind, deadline=60)
                equal(kind, found.get("ended_by"), "destroyed")
            told(tracer, gone, orphan)
        seen_on(tracer, stays, stays, "127.0.0.1")
        equal("status", tracer.stop().status, 0)


@contextlib.contextmanager
def held_up(tracer):
    """It does nothing meanwhile."""
    os.kill(tracer.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, tracer.pid, os.WSTOPPED)
    try:
        yield
    finally:
        os.kill(tracer.pid, signal.SIGCONT)


@contextlib.contextmanager
def deletions():
    """Lines of ip(8), one for each namespace that the kernel has deleted."""
    monitor = subprocess.Popen(["ip", "monitor", "nsid"], stdout=subprocess.PIPE, text=True)
    try:
        yield (line for line in monitor.stdout if "Deleted" in line)
    finally:
        monitor.kill()
        monitor.wait()
        monitor.stdout.close()


@case("a namespace gets the number of one that is deleted, before that is heard of", deadline=120)
def number_given_again():
    with namespaces("next") as (following,), Tracer() as tracer, deletions() as deleted:
        gone = Namespace("gone")
        waits = close_one(gone, gone, "127.0.0.1")
        seen_on(tracer, gone, gone, "127.0.0.1")
        with held_up(tracer):
            gone.remove()
            next(deleted)
            port = close_one(following, following, "127.0.0.1")
        told(tracer, following, port)
        found = tracer.take(of("time_wait", waits, namespace=gone), "time_wait", deadline=30)
        equal("time_wait", found.get("ended_by"), "destroyed")
        seen_on(tracer, following, following, "127.0.0.1")
        equal("status", tracer.stop().status, 0)


# ---- others

FOREIGN = ["protocol", "all", "u32", "match", "u32", "0", "0", "flowid", "1:1"]


def filters_in(namespace):
    with namespace:
        return [line for parent in ("ingress", "egress")
                for line in command("tc", "filter", "show", "dev", "lo", parent).splitlines()]


def add_foreign(priority):
    for parent in ("ingress", "egress"):
        command("tc", "filter", "add", "dev", "lo", parent, "prio", priority, *FOREIGN)


@case("tc filters of others stay, and take nothing from ours")
def foreign_filters():
    for options in ((), ("--without", "tcx")):
        with namespaces("here") as (here,), here:
            command("tc", "qdisc", "add", "dev", "lo", "clsact")
            add_foreign("10")
            before = filters_in(here)
            with Tracer("--netns", here.name, *options) as tracer:
                hooks = seen_on(tracer, here, here, "127.0.0.1")
                add_foreign("40000")
                equal("hooks", seen_on(tracer, here, here, "127.0.0.1"), hooks)
                for parent in ("ingress", "egress"):
                    command("tc", "filter", "del", "dev", "lo", parent, "prio", "40000")
                equal("hooks", seen_on(tracer, here, here, "127.0.0.1"), hooks)
                outcome = tracer.stop()
            equal("status", outcome.status, 0)
            equal("stderr", len(outcome.stderr.splitlines()), 1)
            equal("hooks", hooks, {"tc-ingress", "tc-egress"})
            equal("filters", filters_in(here), before)


@case("a tc filter of someone else that comes before ours: it says what is not seen")
def foreign_filter_first():
    for options in ((), ("--without", "tcx")):
        with namespaces("here") as (here,), here:
            command("tc", "qdisc", "add", "dev", "lo", "clsact")
            add_foreign("1")
            before = filters_in(here)
            with Tracer("--netns", here.name, *options) as tracer:
                if not options:
                    seen_on(tracer, here, here, "127.0.0.1")
                outcome = tracer.stop()
            equal("status", outcome.status, 0)
            equal("said", "someone else comes first" in outcome.stderr, bool(options))
            equal("filters", filters_in(here), before)


NEXT, PASS = "-1", "0" # verdicts of tcx programs


class ForeignTcx:
    """A tcx program of someone else in either direction of lo, in front of those that are there."""

    def __init__(self, verdict):
        self._verdict = verdict

    def __enter__(self):
        self._processes = [subprocess.Popen(
            [f"{BUILD}/tests/workload/foreign", "lo", direction, self._verdict], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE) for direction in ("ingress", "egress")]
        if [process.stdout.readline() for process in self._processes] != 2 * ["ready\n"]:
            self._end()
            if self._processes[0].returncode == 77:
                raise Skip("no tcx: needs Linux 6.6")
            raise Failure("a tcx program of someone else was not attached")
        return self

    def _end(self):
        return [int(process.communicate()[0] or "0") for process in self._processes]

    def __exit__(self, *_):
        """That it still is there, and has seen packets, is judged too."""
        packets = self._end()
        if not all(packets):
            raise Failure(f"someone else's programs saw {packets} packets")


@case("tcx programs of others stay, and take nothing from ours")
def foreign_tcx():
    with namespaces("here") as (here,), here, ForeignTcx(PASS), \
            Tracer("--netns", here.name) as tracer:
        hooks = seen_on(tracer, here, here, "127.0.0.1")
        with ForeignTcx(NEXT):
            equal("hooks", seen_on(tracer, here, here, "127.0.0.1"), hooks)
        equal("hooks", seen_on(tracer, here, here, "127.0.0.1"), hooks)
        equal("hooks", hooks, {"tc-ingress", "tc-egress"})
        outcome = tracer.stop()
        equal("status", outcome.status, 0)
        equal("stderr", len(outcome.stderr.splitlines()), 1)


@case("the clsact qdisc is deleted under us, and our filters alone: attached again, and said")
def clsact_deleted():
    removals = ([["tc", "qdisc", "del", "dev", "lo", "clsact"]],
                [["tc", "filter", "del", "dev", "lo", parent] for parent in ("ingress", "egress")])
    for options in (("--without", "tcx"), ()):
        for removal in removals:
            with namespaces("here") as (here,), here:
                if not options: # there is nothing of ours to delete
                    command("tc", "qdisc", "add", "dev", "lo", "clsact")
                with Tracer("--netns", here.name, *options) as tracer:
                    hooks = seen_on(tracer, here, here, "127.0.0.1")
                    before = held(tracer)
                    for words in removal:
                        command(*words)
                    equal("hooks", seen_on(tracer, here, here, "127.0.0.1"), hooks)
                    check_held(tracer, before)
                    outcome = tracer.stop()
                equal("status", outcome.status, 0)
                equal("told", "someone had removed" in outcome.stderr, bool(options))
                equal("filters left", filters_in(here), [])


@case("an XDP program of someone else comes, and goes away")
def foreign_xdp():
    with namespaces("here") as (here,), Tracer("--netns", here.name) as tracer:
        hooks = seen_on(tracer, here, here, "127.0.0.1")
        for _ in range(3):
            with Tracer("--netns", here.name, "--packets", "xdp") as someone:
                equal("hooks", seen_on(tracer, here, here, "127.0.0.1"), hooks)
                equal("status", someone.stop().status, 0)
            equal("hooks", seen_on(tracer, here, here, "127.0.0.1"), hooks)
        equal("status", tracer.stop().status, 0)


if __name__ == "__main__":
    sys.exit(tap.main())
