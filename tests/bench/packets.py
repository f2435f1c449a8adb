# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What the programs on interfaces take for a packet, beside a program that does nothing, by the
kernel's own clock (BPF_PROG_TEST_RUN)."""

import os
from functools import partial

from harness.namespace import command
from harness.paths import BUILD
from pairs import Spread
from results import measure, most

SUBJECT = "packets"
ROUNDS = 5 # at least: they are short
GOAL = most(8, of="value")


def difference(name, rounds):
    return measure("ns", [ours - empty for ours, empty in rounds],
                   goal=GOAL if "data" in name else None,
                   empty_program_ns=Spread(empty for _, empty in rounds).median)


def benchmarks(settings):
    told = command(os.path.join(BUILD, "tests/bench/packets"), str(max(ROUNDS, settings.rounds)),
                   str(max(1, int(settings.seconds * 10))))
    found = {}
    for line in told.splitlines():
        name, ours, empty = line.split("\t")
        found.setdefault(name, []).append((int(ours), int(empty)))
    for name, rounds in found.items():
        yield f"{name}, above an empty program", partial(difference, name, rounds)
