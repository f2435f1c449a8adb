#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""timewait: how it starts, shows, and ends, and when it says that ports run out; what it counts is
proven elsewhere."""

import contextlib
import errno
import os
import re
import select
import socket
import sys
import time

from harness import tap
from harness.expect import equal
from harness.namespace import Namespace, connect_by_veth
from harness.pair import time_of
from harness.tap import Failure, case, note
from harness.terminal import Terminal
from harness.tracer import Tracer, run

PROMISED = {"type", "schema", "ts", "population", "entered_per_s", "buckets", "ended_by", "ports"}
ENDS = {"timer", "connect", "syn", "reset", "destroyed", "never"}
ROWS, COLUMNS = 10, 60


class Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


class Timewait(Tracer):
    """The command in place of live timelines."""

    def __init__(self, *options, **settings):
        super().__init__("timewait", *options, **settings)


def check_summary(found):
    missing = PROMISED - found.keys() | ENDS - found["ended_by"].keys()
    if missing or found["schema"] != 1:
        raise Failure(f"without {missing}: {found}")


@case("json: an object each interval, the last one is marked, then the stats")
def json_lines(_world):
    with Timewait("--interval", "0.1") as tracer:
        for _ in range(3):
            check_summary(tracer.take(lambda found: found["type"] == "time_wait_summary",
                                      "summary"))
        outcome = tracer.stop()
    summaries = tracer.objects("time_wait_summary")
    if outcome.status or outcome.summary is None or outcome.summary["teardowns"]:
        raise Failure(f"status {outcome.status}, {outcome.stderr!r}")
    if [found.get("final") for found in summaries] != [None] * (len(summaries) - 1) + [True]:
        raise Failure(f"final: {[found.get('final') for found in summaries]}")
    if outcome.summary["unfinished"] != summaries[-1]["population"]:
        raise Failure(f"{outcome.summary} after {summaries[-1]}")
    if tracer.objects("stats")[-1]["unfinished"] != summaries[-1]["population"]:
        raise Failure(f"{tracer.objects('stats')} after {summaries[-1]}")


@case("--duration ends it, with one last summary")
def duration(_world):
    status, out, error = run("timewait", "-o", "table", "-d", "0.3", "--interval", "0.2")
    lines = out.splitlines()
    if status or len(lines) != 3 or not lines[0].startswith("TIME(UTC)"):
        raise Failure(f"status {status}, {out!r}, {error!r}")
    if not all(re.match(r"\d\d:\d\d:\d\d\.\d{3} +\d+ ", line) for line in lines[1:]):
        raise Failure(out)


@case("text: blocks that an empty line separates, no control sequences")
def blocks(_world):
    status, out, error = run("timewait", "-d", "0.3", "--interval", "0.2")
    if status or out.count("TIME_WAIT  ") != 2 or "\n\nTIME_WAIT  " not in out or "\033" in out:
        raise Failure(f"status {status}, {out!r}, {error!r}")


@case("a terminal: drawn over from its first line, never more lines than it has")
def terminal(_world):
    screen = Terminal(ROWS, COLUMNS)
    with Timewait("--interval", "0.1", "-d", "0.5", output="text", stdout=screen.side) as tracer:
        tracer.wait()
    screen.screens()


@case("a reader that goes away ends it quietly")
def closed_pipe(_world):
    reading, writing = os.pipe()
    tracer = Timewait("--interval", "0.1", stdout=writing)
    with tracer:
        os.close(reading)
        os.close(writing)
        outcome = tracer.wait()
    if outcome.status or outcome.summary is None or "cannot" in outcome.stderr:
        raise Failure(f"status {outcome.status}, {outcome.stderr!r}")


@case("a full disk is an error with a sentence")
def full(_world):
    with open("/dev/full", "wb") as disk:
        tracer = Timewait("--interval", "0.1", stdout=disk)
        with tracer:
            outcome = tracer.wait()
    if outcome.status != 1 or "cannot write to standard output" not in outcome.stderr:
        raise Failure(f"status {outcome.status}, {outcome.stderr!r}")


@case("options that are not for it are refused")
def refused(_world):
    for words in (("-i", "lo"), ("-n", "3"), ("--packets", "none"), ("--raw-seq",)):
        status, out, error = run("timewait", *words)
        if status != 2 or out or "with timewait" not in error:
            raise Failure(f"{words}: status {status}, {out!r}, {error!r}")
    status, out, error = run("timewait", "--netns", "no-such-namespace")
    if status != 2 or "cannot use --netns no-such-namespace" not in error:
        raise Failure(f"status {status}, {out!r}, {error!r}")


class Destination:
    """A server in another namespace, and a client that closes first until its ports are gone."""

    FIRST, LAST, RESERVED, RATE = 20000, 22099, "20050-20149", 200 # a second
    HELD = 50 # live connections

    def __init__(self, stack):
        self.here, there = Namespace("here"), Namespace("there")
        stack.callback(self.here.remove)
        stack.callback(there.remove)
        connect_by_veth(self.here, there)
        self.here.sysctl("net.ipv4.ip_local_port_range", f"{self.FIRST} {self.LAST}")
        self.here.sysctl("net.ipv4.ip_local_reserved_ports", self.RESERVED)
        with there:
            self._listener = stack.enter_context(socket.create_server(("10.77.1.2", 0)))
        self.address = self._listener.getsockname()
        self._stack = stack

    def connect(self):
        with self.here:
            client = socket.socket()
        client.connect(self.address)
        return client, self._listener.accept()[0]

    def hold(self):
        for _ in range(self.HELD):
            for end in self.connect():
                self._stack.enter_context(end)

    def exhaust(self):
        """Connects at a steady pace; when there was no port left, by the wall clock."""
        start, made = time.monotonic(), 0
        while True:
            try:
                client, server = self.connect()
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                return time.clock_gettime(time.CLOCK_REALTIME)
            client.close()
            server.recv(1)
            server.close()
            made += 1
            select.select([], [], [], max(0, start + made / self.RATE - time.monotonic()))


@case("ports run out when it said they would, and it names what helps", deadline=120)
def forecast(_world):
    with contextlib.ExitStack() as stack:
        destination = Destination(stack)
        destination.hold()
        tracer = stack.enter_context(Timewait("--netns", destination.here.name))
        gone = destination.exhaust()
        tracer.stop()
        rows = [(found["ts"], row) for found in tracer.objects("time_wait_summary")
                for row in found["ports"] if row["remote"]["port"] == destination.address[1]]
    usable = destination.LAST - destination.FIRST + 1 - 100
    half = [(ts, row) for ts, row in rows
            if row["in_time_wait"] + row["in_use"] >= usable / 2 and "exhausted_in_s" in row]
    if not half:
        raise Failure(f"no forecast past half: {rows}")
    ts, row = half[0]
    left = gone - time_of(ts) / 1e9
    note(f"{row['in_time_wait']} of {row['usable']} in TIME_WAIT, {row['in_use']} in use: "
         f"{row['exhausted_in_s']} s were told, it took {left:.1f} s")
    equal("usable", row["usable"], usable)
    equal("in_use", row["in_use"], destination.HELD)
    if abs(row["exhausted_in_s"] - left) > 0.2 * left:
        raise Failure(f"told {row['exhausted_in_s']} s, it took {left:.1f} s")
    advice = " ".join(row["advice"])
    with open("/proc/self/comm", encoding="utf-8") as file:
        ours = file.read().strip()
    for words in ("tcp_tw_reuse is 2", f"ip_local_port_range is {destination.FIRST} "
                  f"{destination.LAST}", ours):
        if words not in advice:
            raise Failure(f"no {words!r} in {advice}")


GROUPS = 16384 # that there is room for
# Of connections: some kernels run no program in softirqs that interrupt certain threads.
UNHEARD = 0.01


def from_many_addresses(here, count):
    """Connections that their client closes first, each from an address of its own."""
    with here, socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        for number in range(count):
            with socket.socket() as client:
                client.bind((f"127.1.{number >> 8}.{number & 255}", 0))
                client.connect(listener.getsockname())
                server = listener.accept()[0]
            server.recv(1)
            server.close()


@contextlib.contextmanager
def counted():
    here = Namespace("here")
    try:
        with Timewait("--netns", here.name, "--interval", "0.1") as tracer:
            yield here, tracer
    finally:
        here.remove()


def last_summary(tracer):
    tracer.stop()
    summary = tracer.objects("time_wait_summary")[-1]
    equal("missed", summary["missed"], 0)
    return summary


@case("more groups than there is room for: they are counted together", deadline=120)
def crowded(_world):
    with counted() as (here, tracer):
        from_many_addresses(here, GROUPS + 100)
        summary = last_summary(tracer)
    unheard = GROUPS + 100 - summary["population"]
    note(f"unheard of: {unheard}")
    if not 0 <= unheard <= GROUPS * UNHEARD:
        raise Failure(f"the population is {summary['population']}")
    if summary["crowded_out"] < 100 - unheard:
        raise Failure(f"crowded out are {summary['crowded_out']}")


@case("groups in which nothing waits make room for others", deadline=120)
def let_go(_world):
    with counted() as (here, tracer):
        here.sysctl("net.ipv4.tcp_max_tw_buckets", 0)
        from_many_addresses(here, GROUPS + 4000)
        overflow = here.counter("TcpExtTCPTimeWaitOverflow")
        summary = last_summary(tracer)
    equal("never", summary["ended_by"]["never"], overflow)
    equal("crowded_out", summary["crowded_out"], 0)


if __name__ == "__main__":
    sys.exit(tap.main(Nothing))
