# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What is expected of the tracers that tests/workload/waits.c runs side by side: each tells what
happened, and all tell the same, however they came to know."""

import json

MS = 1_000_000
SECOND = 1000 * MS
SAME_WITHIN = 20 * MS
# What ends each wait, and how long it lasts at least and at most. An emulated machine is slow.
ENDED_BY = {"timer": ("timer", 60 * SECOND, 66 * SECOND),
            "connect": ("connect", 1.1 * SECOND, 4 * SECOND),
            "syn": ("syn", 1.4 * SECOND, 4 * SECOND),
            "orphan-fin": ("timer", 60 * SECOND, 66 * SECOND)}
WAITING = {"syn": "server"} # who closes first; else the client does
ORPHANED = {"orphan": (5 * SECOND, 7 * SECOND), "orphan-fin": (1.5 * SECOND, 4 * SECOND)}


class Told:
    """What one tracer told."""

    def __init__(self, number, lines):
        start = f"{number} "
        mine = [line.removeprefix(start) for line in lines if line.startswith(start)]
        self.objects = [json.loads(line) for line in mine if line.startswith("{")]
        self.others = [line for line in mine if not line.startswith("{")]

    def of(self, kind, made):
        """The objects of the close's first end to close, in the order in which they came."""
        ends = made["client"], made["server"]
        local, remote = reversed(ends) if WAITING.get(made["made"]) else ends
        return [found for found in self.objects if found.get("type") == kind and
                found["family"] == made["family"] and
                (found["local"]["port"], found["remote"]["port"]) == (local, remote)]


def check_wait(told, made):
    """The one TIME_WAIT of a close; (it or None, what is wrong)."""
    waits = told.of("time_wait", made)
    if made["made"] not in ENDED_BY:
        return None, [json.dumps(wait) for wait in waits]
    if len(waits) != 1:
        return None, [f"{len(waits)} time_wait objects: {json.dumps(waits)}"]
    ended_by, least, most = ENDED_BY[made["made"]]
    right = waits[0]["ended_by"] == ended_by and least <= waits[0]["duration_ns"] <= most
    return waits[0], [] if right else [json.dumps(waits[0])]


def check_orphan(told, made):
    """How long the FIN_WAIT2 of an orphan lasted; (it or None, what is wrong)."""
    if made["made"] not in ORPHANED:
        return None, []
    teardowns = told.of("teardown", made)
    if len(teardowns) != 1:
        return None, [f"{len(teardowns)} teardown objects: {json.dumps(teardowns)}"]
    lasted = teardowns[0]["durations_ns"].get("FIN_WAIT2", 0)
    least, most = ORPHANED[made["made"]]
    return lasted, [] if least <= lasted <= most else [json.dumps(teardowns[0])]


def check_close(tellers, made):
    """What is wrong with what the tracers told of one close, a line for each."""
    waits, orphans, wrong = [], [], []
    for number, told in enumerate(tellers):
        wait, bad_wait = check_wait(told, made)
        orphan, bad_orphan = check_orphan(told, made)
        waits.append(wait and wait["duration_ns"])
        orphans.append(orphan)
        wrong += [f"tracer {number}: {line}" for line in bad_wait + bad_orphan]
    for what, lasted in ("TIME_WAIT", waits), ("FIN_WAIT2", orphans):
        if None not in lasted and max(lasted) - min(lasted) > SAME_WITHIN:
            wrong.append(f"{what} lasted {lasted} ns")
    return [f"{made['made']}, IPv{made['family']}: {line}" for line in wrong]


def widest(tellers, mades):
    """By how much the tracers differ at most in the length of a TIME_WAIT, in ns."""
    lengths = [[wait["duration_ns"] for told in tellers for wait in told.of("time_wait", made)]
               for made in mades]
    return max((max(length) - min(length) for length in lengths if length), default=0)
