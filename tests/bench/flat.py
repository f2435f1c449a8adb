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
from results import measure, most

SUBJECT = "flat"
FEW = 1000
GOAL = most(1.1)
# One load leaves nothing to track; the other not much.
RESETS, SOME = (("-m", "reset"), 0), ((), 20000)


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


def cost(place, running, seconds, load):
    """ns for each close, and how much of it in the kernel."""
    count, before = stats.Count(running.pid), cpu.of(running.pid)
    with place.load(seconds, *load[0], connections=load[1]) as load:
        closed, _ = load.wait()
    running.catch_up(place)
    kernel = sum(ns for ns, _ in count.programs().values()) / closed
    return kernel + (cpu.of(running.pid) - before) / closed * 1e9, kernel


def costs(tool, tracked, load, settings, number):
    """Of each round."""
    with places.loopback() as place, stats.enabled(), tool(place) as running, \
            tracked(place, number):
        running.catch_up(place)
        found = [cost(place, running, settings.seconds, load)
                 for _ in range(settings.rounds)]
        running.end()
    return found


def compare(of, few, number):
    if not few:
        few += of(FEW)
    found = of(number)
    return measure("ns/close", [total for total, _ in found], [total for total, _ in few],
                   against=f"with {FEW:,}", goal=GOAL, kernel_ns=found[-1][1])


def benchmarks(settings):
    for tool, tracked, load, name in (
            (tools.LIVE, connections, RESETS, "open sockets"),
            (tools.LIVE, open_teardowns, RESETS, "open teardowns"),
            (tools.TIMEWAIT, time_waits, SOME, "TIME_WAITs")):
        of, few = partial(costs, tool, tracked, load, settings), []
        for number in settings.counts:
            yield f"{tool.name}, with {number:,} {name}", partial(compare, of, few, number)
