# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""From the start of the program until everything is attached, and how much memory it has then."""

import functools
import os
import time

import memory
from harness.namespace import namespaces
from harness.tracer import Tracer
from pairs import Spread
from results import measure, most

SUBJECT = "start"
COMMANDS = {"live": (), "timewait": ("timewait",), "leaks": ("leaks",)}
GOAL_SECONDS, GOAL_MB = 0.3, 25


def begin(options):
    """Seconds, and the MB of the process and of its maps."""
    with open(os.devnull, "wb") as out:
        tracer = Tracer(*options, stdout=out)
        started = time.monotonic()
        with tracer:
            took = time.monotonic() - started
            found = took, memory.resident(tracer.pid) / 1e6, memory.of_maps(tracer.pid) / 1e6
            tracer.stop()
    return found


def rounds_of(options, settings):
    with namespaces("here") as (here,), here:
        return [begin(options) for _ in range(settings.rounds)]


def seconds(rounds):
    return measure("s", [took for took, _, _ in rounds()], goal=most(GOAL_SECONDS, of="value"))


def at_rest(rounds):
    return measure("MB", [resident for _, resident, _ in rounds()],
                   goal=most(GOAL_MB, of="value"),
                   bpf_maps_mb=Spread(maps for _, _, maps in rounds()).median)


def benchmarks(settings):
    for name, options in COMMANDS.items():
        rounds = functools.cache(functools.partial(rounds_of, options, settings))
        yield f"{name}, until ready", functools.partial(seconds, rounds)
        yield f"{name}, memory at rest", functools.partial(at_rest, rounds)
