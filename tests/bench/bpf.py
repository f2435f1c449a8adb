# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""How long BPF programs run for a close, by the kernel's own count (which is in it: some 20 ns for
each run). Steadier than closes per second on a noisy machine."""

from functools import partial

import places
import stats
import tools
from pairs import Spread
from results import measure

SUBJECT = "bpf"
PEERS = [peer for peer in tools.PEERS if peer.bpf]


class Round:
    """One load: ns and runs for each close, by program."""

    def __init__(self, tool, place, seconds):
        with tool(place) as running:
            count = stats.Count(running.pid)
            with place.even_load(seconds) as load:
                closed, _ = load.wait()
            self.programs = {name: (ns / closed, runs / closed)
                             for name, (ns, runs) in count.programs().items() if runs}
            running.end()

    def total(self, which):
        return sum(program[which] for program in self.programs.values())


def of_close(tool, place, settings):
    with stats.enabled():
        rounds = [Round(tool, place, settings.seconds) for _ in range(settings.rounds)]
    names = {name for one in rounds for name in one.programs}
    parts = {name: Spread(one.programs.get(name, (0, 0))[0] for one in rounds).median
             for name in names}
    return measure("ns/close", [one.total(0) for one in rounds],
                   parts=dict(sorted(parts.items(), key=lambda part: -part[1])),
                   runs_per_close=Spread(one.total(1) for one in rounds).median)


def benchmarks(settings):
    with places.loopback() as place:
        place.settle(settings.settle)
        for tool in (*tools.OURS, *PEERS):
            yield f"{tool.name}, programs", partial(of_close, tool, place, settings)
