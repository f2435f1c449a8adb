#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A quarter of what the machine can open and close, for long: nothing grows, nothing is lost, each
socket is told of. SOAK_SECONDS: how long, 30; `make soak` takes 1800. From ten minutes on memory
of its own must be flat: within 1 % over the last two thirds."""

import contextlib
import json
import os
import re
import select
import sys
import threading
import time

from harness import tap
from harness.expect import equal
from harness.load import Load
from harness.namespace import Namespace
from harness.soaked import Soaked, table
from harness.tap import Failure, case, note
from harness.tracer import Tracer

SECONDS = float(os.environ.get("SOAK_SECONDS", "30"))
MEASURE_SECONDS = 2
SAMPLES = 60
FORMATS = ("text", "table", "json")
# Of the sockets. Some machines run nobody's programs in tasks of process 1, nor in softirqs that
# interrupt those (ftrace, which sees both, counts them): ends of TIME_WAIT that come there are
# counted as lost, and a socket that it closes, since it listed its descriptor at that moment, is
# not told of.
UNSEEN_MOST, UNTOLD_MOST = 0.01, 1e-6


def sample(tracer):
    """kB of memory of its own, descriptors."""
    with open(f"/proc/{tracer.pid}/smaps_rollup", encoding="ascii") as file:
        memory = int(re.search(r"^Anonymous:\s*(\d+) kB$", file.read(), re.MULTILINE)[1])
    return memory, len(os.listdir(f"/proc/{tracer.pid}/fd"))


class Reader(threading.Thread):
    """Reads objects as they come. Both ends of each connection are told of: keeps those whose other
    end is not yet, and the last one of all."""

    TEARDOWN, ID, LENGTH = b'{"type":"teardown"', b'"connection":"', 32

    def __init__(self):
        super().__init__()
        source, self.sink = os.pipe()
        self._source = open(source, "rb")
        self.alone, self.last = {}, b""

    def run(self):
        with self._source:
            for self.last in self._source:
                if not self.last.startswith(self.TEARDOWN):
                    continue
                begin = self.last.index(self.ID) + len(self.ID)
                connection = self.last[begin:begin + self.LENGTH]
                if not self.alone.pop(connection, None):
                    self.alone[connection] = self.last

    def close(self):
        os.close(self.sink)
        self.join()


@contextlib.contextmanager
def reader():
    with contextlib.closing(Reader()) as reading:
        reading.start()
        yield reading


@contextlib.contextmanager
def silent(*options, out=None, **settings):
    # Not /dev/null, for which some of it is not even made.
    with open("/dev/zero", "wb") as zero, \
            Tracer(*options, stdout=out or zero, **settings) as tracer:
        yield tracer


def watch(soaked, processes, seconds):
    """Samples while the loads run. `soaked`: the tracer of each."""
    begin = time.monotonic()
    while any(process.running() for process in processes):
        for one, tracer in soaked.items():
            one.add(*sample(tracer))
        select.select([], [], [], seconds / SAMPLES)
    return time.monotonic() - begin


@case("a quarter of the machine's closes, each told of, in bounded memory",
      deadline=int(SECONDS * 2 + 300))
def soak():
    with contextlib.ExitStack() as stack:
        places = []
        for output in FORMATS:
            places.append(Namespace(output))
            stack.callback(places[-1].remove)
        with Load(places[0], MEASURE_SECONDS) as load:
            _, full = load.wait()
        rate = full // 2 // 4 // len(places)
        told = stack.enter_context(reader())
        sinks = {"json": told.sink}
        soaked = {Soaked(output): stack.enter_context(
            silent("--netns", place.name, output=output, out=sinks.get(output)))
            for output, place in zip(FORMATS, places)}
        # What others do on the machine would be theirs, too.
        soaked |= {Soaked(name): stack.enter_context(silent(name, "--netns", places[0].name))
                   for name in ("timewait", "leaks")}
        loads = [stack.enter_context(Load(place, SECONDS, "-r", str(rate))) for place in places]
        took = watch(soaked, loads, SECONDS)
        closed = [load.wait()[0] for load in loads]
        table(list(soaked), took)
        outcomes = [tracer.stop() for tracer in soaked.values()]
        note(f"{sum(closed)} sockets closed, {sum(closed) / took:.0f} per second of {full}")
    note(f"lost by kind, and what else was counted: {told.last.decode()}")
    for alone in told.alone.values():
        note(f"the other end was not told: {alone.decode()}")
    wrong = [sentence for one in soaked for sentence in one.wrong(SECONDS)]
    lost = json.loads(told.last)["lost"]
    if sum(lost.values()) > lost["time_wait"] + lost["state"] or \
            lost["state"] > UNTOLD_MOST * closed[-1]:
        wrong.append(f"lost: {lost}")
    for one, outcome in zip(soaked, outcomes):
        equal(f"exit status of {one.name}", outcome.status, 0)
        if outcome.summary["lost"] > UNSEEN_MOST * min(closed):
            wrong.append(f"{one.name}: {outcome.summary}, {outcome.stderr}")
    for place, outcome, count in zip(places, outcomes, closed):
        if not 0 <= count - outcome.summary["teardowns"] <= UNTOLD_MOST * count:
            wrong.append(f"{place.name}: {count} closed, {outcome.summary}")
    if wrong:
        raise Failure("\n".join(wrong))


if __name__ == "__main__":
    sys.exit(tap.main())
