# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Records through the pure core alone, from a recording of connections that opened and closed."""

import functools
import os
import re
import tempfile

import places
from harness.namespace import command
from harness.paths import BUILD
from harness.tracer import Tracer
from results import least, measure

SUBJECT = "core"
CONNECTIONS = 5000 # a second
PASSES = 3 # of a round, whose median counts: memory is touched in the first


def record(path, settings):
    # Nothing is lost, so that all stories are whole.
    with places.loopback() as place, open(os.devnull, "wb") as out, \
            Tracer("--netns", place.clients.name, "-w", path, stdout=out) as tracer, \
            place.load(settings.seconds, "-r", str(CONNECTIONS)) as load:
        load.wait()
        tracer.stop()


def play(path, settings):
    """A round is (records, records per second, with JSON)."""
    def once():
        told = command(os.path.join(BUILD, "tests/bench/core_speed"), path, str(PASSES))
        return tuple(map(int, re.findall(r"\d+", told)))
    return [once() for _ in range(settings.rounds)]


def speed(rounds, which, goal):
    return measure("records/s", [one[which] for one in rounds()], goal=goal,
                   records=rounds()[0][0])


def benchmarks(settings):
    with tempfile.TemporaryDirectory(prefix="tcpclose-bench-") as folder:
        path = os.path.join(folder, "recording.pcapng")
        record(path, settings)
        rounds = functools.cache(functools.partial(play, path, settings))
        yield "a recording, from memory", functools.partial(speed, rounds, 1, least(3e6, "value"))
        yield "the same, told as JSON", functools.partial(speed, rounds, 2, None)
