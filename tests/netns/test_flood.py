#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A flood of forged segments of connections that there are not: nothing but counters changes,
memory stays as it is, and real closes are told, those made meanwhile too. FORGED_SEGMENTS makes it
longer than the usual 200,000."""

import os
import re
import sys

from harness import tap
from harness.expect import equal
from harness.forgery import HOST, PORT, STRANGER, Attacked
from harness.leaks import CLOSE, Leaks
from harness.puppet import Puppet
from harness.tap import Failure, case, note
from harness.tracer import Tracer

SEGMENTS = int(os.environ.get("FORGED_SEGMENTS", "200000"))
SYNS = 50000
DEADLINE = 300 + SEGMENTS // 5000
MEMORY = 100 << 20
CLOSING = 0.9 # of the forged segments, how many have a FIN or a RST


def peak_memory(pid):
    """The most that the process ever had in memory, its share of the ring included, twice because
    the ring is mapped twice; and what its BPF maps take in the kernel."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        peak = 1024 * int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])
    maps = {}
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as file:
            told = dict(line.split(":", 1) for line in file if ":" in line)
        if "map_id" in told:
            maps[told["map_id"].strip()] = int(told["memlock"])
    return peak, sum(maps.values())


def check_memory(tracer, what):
    peak, maps = peak_memory(tracer.pid)
    note(f"{what}: {peak >> 20} MB at most, {maps >> 20} MB in BPF maps")
    if peak > MEMORY or maps > MEMORY:
        raise Failure(f"{what}: {peak} bytes of memory, {maps} in BPF maps")


def close_one(world):
    """A close that the stranger begins; its two ports."""
    with world.connected() as (client, server):
        client.close()
        server.read_end()
        server.close()
        return client.local[1], server.local[1]


def closes_meanwhile(world, count, kind):
    """Real closes one after another, until the flood is over."""
    made = []
    with world.forging(count, kind) as flood:
        while not made or flood.poll() is None:
            made.append(close_one(world))
    note(f"{count} forged segments, {world.rate} per second, {len(made)} closes meanwhile")
    return made


def of_host(world, ports):
    return lambda found: found["type"] == "teardown" and \
        found["local"].get("netns") == world.host.inode and \
        (found["remote"]["port"], found["local"]["port"]) == ports


def check_real(found):
    """The verdict on a close that the peer began. In a flood an answer may take so long that a FIN
    is sent once more."""
    equal("kind", (found["kind"], found["closed_by"], found["confidence"]),
          ("four-way" if found["kind"] == "four-way" else "three-way", "peer", "observed"))
    equal("complete", found["complete"], True)
    fins = [segment for segment in found["segments"] if "FIN" in segment["flags"]]
    again = sum(segment["retransmission"] for segment in fins)
    equal(f"FINs, {again} of them again: {fins}", len(fins) - again, 2)


def flood(world, kind, count, *options):
    with world.host:
        tracer = Tracer(*world.watched(), *options).__enter__()
    with tracer:
        made = closes_meanwhile(world, count, kind) + [close_one(world)]
        for ports in made:
            check_real(tracer.take(of_host(world, ports), f"close of {ports}"))
        check_memory(tracer, " ".join(options) or "live view")
        outcome = tracer.stop()
    equal("status", outcome.status, 0)
    # Whatever else goes on on the machine may have lost something of another kind.
    equal("lost segments", tracer.objects("stats")[-1]["lost"]["segment"], 0)
    told = {(found["remote"]["port"], found["local"]["port"]) for found in tracer.objects()
            if found["local"].get("netns") == world.host.inode}
    equal("teardowns that were not made", told - set(made), set())
    stats = tracer.objects("stats")[-1]
    counted = stats["unclaimed"], stats.get("passed_over", 0)
    note("unclaimed {}, passed over {}".format(*counted))
    if kind == "closes" and sum(counted) < CLOSING * count:
        raise Failure(f"the forged segments are not counted: {stats}")


@case("forged FIN and RST segments, read by tc", deadline=DEADLINE)
def forged_tc(world):
    flood(world, "closes", SEGMENTS)


@case("forged FIN and RST segments, read by XDP", deadline=DEADLINE)
def forged_xdp(world):
    flood(world, "closes", SEGMENTS, "--packets", "xdp")


@case("forged FIN and RST segments, with a ring that has little room", deadline=DEADLINE)
def forged_small_ring(world):
    flood(world, "closes", SEGMENTS, "--ring-size", "65536")


@case("forged FIN and RST segments, while TIME_WAIT is counted", deadline=DEADLINE)
def forged_timewait(world):
    with Tracer("timewait", "--netns", world.stranger.name, "--interval", "0.5") as tracer:
        first = tracer.take(lambda found: found["type"] == "time_wait_summary", "summary")
        made = closes_meanwhile(world, SEGMENTS, "closes") + [close_one(world)]
        check_memory(tracer, "timewait")
        outcome = tracer.stop()
    last = tracer.objects("time_wait_summary")[-1]
    equal("entered", last["entered"] - first["entered"], len(made))
    # After a minute the first end of themselves; their timers may run where no program is run.
    equal("ended otherwise", {end: count for end, count in last["ended_by"].items()
                              if count and end not in ("timer", "unknown")}, {})
    equal("missed", (last["missed"], last["crowded_out"], outcome.summary["lost"]), (0, 0, 0))


@case("forged FIN and RST segments, while leaks are sought", deadline=DEADLINE)
def forged_leaks(world):
    with Leaks("--netns", world.host.name, "--threshold", "0.2", "--interval", "0.2") as tracer, \
            world.connected() as (client, server):
        client.close()
        server.read_end()
        closes_meanwhile(world, SEGMENTS, "closes")
        found = tracer.take(lambda found: found["type"] == CLOSE, "suspect")
        equal("suspect", (found["local"]["port"], found["created"]["how"]),
              (server.local[1], "accept"))
        check_memory(tracer, "leaks")
        outcome = tracer.stop()
    equal("suspects", len(tracer.objects(CLOSE)), 1)
    equal("lost", outcome.summary["lost"], 0)


def syn_flood(world, cookies):
    """Who sends only SYNs gets answers and ignores them. How many cookies were sent, how many SYNs
    were dropped."""
    counters = "TcpExtSyncookiesSent", "TcpExtListenDrops"
    before = [world.host.counter(name) for name in counters]
    world.host.sysctl("net.ipv4.tcp_syncookies", cookies)
    world.host.ip("route", "replace", "11.0.0.0/8", "via", STRANGER[4])
    server = Puppet(world.host, "flooded")
    try:
        server.listen(HOST[4], 64, PORT)
        flood(world, "syns", SYNS)
    finally:
        server.stop()
    return [world.host.counter(name) - count for name, count in zip(counters, before)]


@case("a SYN flood, with SYN cookies", deadline=DEADLINE)
def syns_with_cookies(world):
    if not syn_flood(world, 1)[0]:
        raise Failure("no cookie was sent: this proves nothing")


@case("a SYN flood, without SYN cookies", deadline=DEADLINE)
def syns_without_cookies(world):
    cookies, drops = syn_flood(world, 0)
    if cookies or not drops:
        raise Failure(f"{cookies} cookies, {drops} dropped: this proves nothing")


if __name__ == "__main__":
    sys.exit(tap.main(Attacked))
