# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What a close costs while many sockets are tracked: in the kernel, by its own count, and in user
space."""

import contextlib
from functools import partial

import cpu
import places
import stats
import tools
from harness.load import crowd
from pairs import Spread, pairs
from results import measure, most

SUBJECT = "flat"
FEW = 1000
GOAL = most(1.1)
SOME = 20000


@contextlib.contextmanager
def connections(place, count):
    with crowd(place.clients, count // 2, 0):
        yield


@contextlib.contextmanager
def open_teardowns(place, count):
    tools.check_bound(count)
    with crowd(place.clients, count // 2, count // 2):
        yield


@contextlib.contextmanager
def time_waits(place, count):
    place.leave_waiting(count)
    yield


def cost(place, running, load):
    """ns for each close, and how much of it in the kernel."""
    count, before = stats.Count(running.pid), cpu.of(running.pid)
    with load(place) as closing:
        closed, _ = closing.wait()
    running.catch_up(place)
    kernel = sum(ns for ns, _ in count.programs().values()) / closed
    return kernel + (cpu.of(running.pid) - before) / closed * 1e9, kernel


def resets(seconds, place):
    return place.load(seconds, "-m", "reset")


def some(seconds, place):
    return place.load(seconds, connections=SOME)


def cost_with(tool, tracked, load, seconds, number):
    """After a load that makes the tables as large as they become and leaves nothing to track."""
    with places.loopback() as place, stats.enabled(), tool(place) as running, \
            tracked(place, number):
        running.catch_up(place)
        cost(place, running, partial(resets, seconds))
        found = cost(place, running, partial(load, seconds))
        running.end()
    return found


def compare(of, rounds, number):
    many, few = zip(*pairs(partial(of, number), partial(of, FEW), rounds))
    kernel = Spread(one / other for (_, one), (_, other) in zip(many, few)).median
    return measure("ns/close", [total for total, _ in many], [total for total, _ in few],
                   against=f"with {FEW:,}", goal=GOAL, kernel_ratio=kernel)


def benchmarks(settings):
    for tool, tracked, load, name in (
            (tools.LIVE, connections, resets, "open sockets"),
            (tools.LIVE, open_teardowns, resets, "open teardowns"),
            (tools.TIMEWAIT, time_waits, some, "TIME_WAITs")):
        of = partial(cost_with, tool, tracked, load, settings.seconds)
        for number in settings.counts:
            yield f"{tool.name}, with {number:,} {name}", partial(compare, of, settings.rounds,
                                                                  number)
