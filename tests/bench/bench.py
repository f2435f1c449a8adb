#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Runs the benchmarks and prints what they measured, one line as soon as it is known. Results go to
a file (results.py) in BUILD/bench; that of a run of all subjects is kept in tests/bench/results."""

import argparse
import dataclasses
import os
import re
import signal
import sys
import tempfile
import traceback

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../netns"))
from harness import namespace, tap
from harness.paths import BUILD
from harness.tap import Skip

import bpf
import bulk
import churn
import core
import cpu
import flat
import memory
import packets
import replay
import requests
import results
import start
import table

SUBJECTS = {module.SUBJECT: module for module in (
    churn, bpf, bulk, requests, packets, core, replay, start, memory, flat)}
COUNTS, MANY = (10000, 100000), (1000000,)


@dataclasses.dataclass
class Settings:
    rounds: int     # pairs of each
    seconds: float  # of a load
    large: bool     # also what takes gigabytes of memory

    @property
    def settle(self):
        """At most so many seconds until a load is even."""
        return 10 * self.seconds

    @property
    def counts(self):
        """Of sockets that are there at once."""
        return COUNTS + MANY if self.large else COUNTS


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--rounds", type=int, default=3, help="pairs of each (3)")
    parser.add_argument("--seconds", type=float, default=3, help="of each load (3)")
    parser.add_argument("--large", action="store_true", help="also with a million sockets")
    parser.add_argument("--results", metavar="FOLDER", help="where to write results to")
    parser.add_argument("chosen", nargs="*", metavar="SUBJECT[/PATTERN]",
                        help="only these, or only what matches the regular expression; there are "
                        f"{', '.join(SUBJECTS)}")
    options = parser.parse_args()
    options.patterns = {}
    for word in options.chosen:
        subject, _, pattern = word.partition("/")
        if subject not in SUBJECTS:
            parser.error(f"no subject: {subject}")
        options.patterns.setdefault(subject, []).append(pattern)
    return options


def measured(subject, patterns, settings):
    """The lines of a subject, each as soon as it is known; with None for one that failed."""
    try:
        for name, measure in SUBJECTS[subject].benchmarks(settings):
            if not any(re.search(pattern, name) for pattern in patterns):
                continue
            try:
                yield results.line(subject, name, measure())
            except Skip as reason:
                yield results.line(subject, name, {"not_run": str(reason)})
            except Exception:
                traceback.print_exc()
                yield None
    except Skip as reason:
        yield results.line(subject, "all of it", {"not_run": str(reason)})
    except Exception:
        traceback.print_exc()
        yield None


def run(chosen, settings, found):
    """How many failed."""
    failed = 0
    print(table.aligned(table.HEAD), flush=True)
    for subject, patterns in chosen.items():
        for line in measured(subject, patterns, settings):
            failed += line is None
            if line:
                found.add(line)
                print(table.aligned(table.row(line)), flush=True)
    return failed


def clean_up():
    """A signal may come where nothing is yet there to unwind."""
    for pid in cpu.children("self"):
        os.kill(int(pid), signal.SIGTERM)
        os.waitpid(int(pid), 0)
    namespace.remove_left()


def main():
    options = parse()
    if os.geteuid():
        sys.exit("bench: it needs root: network namespaces and BPF")
    settings = Settings(options.rounds, options.seconds, options.large)
    folder = options.results or os.path.join(BUILD, "bench")
    # One folder for everybody's files, so that none is left whenever a signal comes.
    with tempfile.TemporaryDirectory(prefix="tcpclose-bench-") as tempfile.tempdir:
        tap.unwind_on(signal.SIGTERM, signal.SIGINT)
        try:
            with results.Results(folder, results.run_line(dataclasses.asdict(settings))) as found:
                failed = run(options.patterns or dict.fromkeys(SUBJECTS, [""]), settings, found)
        except tap.Terminated:
            clean_up()
            return 130
    path = found.path
    if not (failed or options.chosen or options.results):
        path = results.keep(path)
    print(f"results: {os.path.relpath(path)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
