# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Connections opened and closed as fast as two threads can, with and without a tracer."""

import shutil
import tempfile
from functools import partial

import cpu
import places
import tools
from harness.load import crowd
from harness.tap import Skip
from pairs import Spread, pairs
from results import least, measure, most

SUBJECT = "churn"
GOALS = {tools.LIVE: least(0.9), tools.TIMEWAIT: least(0.96), tools.LEAKS: least(0.96),
         tools.RECORDING: least(0.9)}
LONGER = 20            # than other loads
FILE_GROWS = 100000000 # bytes a second
AT_ONCE = 50000        # connections


class Round:
    """One load: sockets closed, in all and per second and per second of CPU time; what the tracer
    took of that and lost."""

    def __init__(self, place, seconds, running=None):
        own, before = cpu.of(running.pid) if running else 0, cpu.ended()
        with place.even_load(seconds) as load:
            self.closed, self.rate = load.wait()
        self._load = cpu.ended() - before
        self.lost = running.end() if running else 0
        # From ready to the end: what it still had to do then, too.
        self._traced = cpu.ended() - before - self._load - own

    def per_cpu(self):
        return self.closed / (self._load + self._traced)

    def traced(self):
        """CPU seconds of the tracer's processes, per 100,000 sockets closed."""
        return self._traced / self.closed * 1e5


def traced(tool, place, seconds):
    with tool(place) as running:
        return Round(place, seconds, running)


def compare(tool, place, settings, costs):
    found = pairs(lambda: traced(tool, place, settings.seconds),
                  lambda: Round(place, settings.seconds), settings.rounds)
    withs, withouts = zip(*found)
    costs[tool] = [one.traced() for one in withs]
    return measure(
        "closes/s", [one.rate for one in withs], [one.rate for one in withouts],
        goal=GOALS.get(tool), lost=sum(one.lost for one in withs),
        cpu_s_per_100k=Spread(costs[tool]).median,
        ratio_per_cpu=Spread(one.per_cpu() / other.per_cpu() for one, other in found).median)


def compare_costs(costs):
    """The CPU time of timelines beside that of the tracer which tells only changes of state."""
    ours, theirs = costs.get(tools.LIVE), costs.get(tools.TCPSTATES)
    if not ours or not theirs:
        raise Skip("one of the two did not run")
    return measure("s/100k", ours, theirs, against="tcpstates", goal=most(0.5))


def losses(running):
    return {f"lost_of_kind_{kind}": lost for kind, lost in running.lost_by_kind().items() if lost}


def burst(place):
    """A program with very many connections ends: the kernel closes both ends of each."""
    with tools.LIVE(place) as running:
        with crowd(place.clients, AT_ONCE, 0):
            running.catch_up(place)
        running.catch_up(place)
        return measure("lost", [running.end()], goal=most(0, of="value"), connections=AT_ONCE,
                       **losses(running))


def endure(place, seconds):
    """All closes of a longer time are told."""
    if (room := shutil.disk_usage(tempfile.gettempdir()).free) < seconds * FILE_GROWS:
        raise Skip(f"{room / 1e9:.0f} GB are free in {tempfile.gettempdir()}, it may take "
                   f"{seconds * FILE_GROWS / 1e9:.0f}")
    with tools.LIVE(place) as running:
        one = Round(place, seconds, running)
        return measure("lost", [one.lost], goal=most(0, of="value"), seconds=seconds,
                       closes_per_s=one.rate, **losses(running))


def benchmarks(settings):
    for make in places.PLACES:
        with make() as place:
            place.settle(settings.settle)
            costs = {}
            if make is places.loopback:
                yield "loopback, lost by live in a longer time", partial(
                    endure, place, LONGER * settings.seconds)
                yield f"loopback, lost by live of {AT_ONCE:,} at once", partial(burst, place)
            for tool in (*GOALS, *tools.EMPTIED, *tools.PEERS):
                yield f"{place.name}, {tool.name}", partial(compare, tool, place, settings, costs)
            yield f"{place.name}, CPU time of live, -o json", partial(compare_costs, costs)
