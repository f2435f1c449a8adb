# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A quarter of what an emulated machine can open and close, for long, as tests/netns/test_soak.py
does it: here no program is skipped by the machine, so that nothing at all may be lost."""

import collections
import json

from harness.load import CLOSED
from harness.soaked import Soaked, table
from harness.tap import note
from harness.tracer import SUMMARY

SAMPLES = 60
MACHINE_MB = 2048


def check(lines, seconds):
    """What is wrong, a line for each."""
    found = [json.loads(line) for line in lines if line.startswith("{")]
    said = [line[2:].split(" ", 1) for line in lines if line.startswith("! ")]
    soaked = {}
    for sample in _having(found, "sample"):
        one = soaked.setdefault(sample["sample"], Soaked(sample["sample"]))
        one.add(sample["kB"], sample["descriptors"])
    loads = [(load["load"], load["rate"], CLOSED.fullmatch(load["told"]))
             for load in _having(found, "load")]
    if not loads or not all(told for _, _, told in loads):
        return ["the load failed", *lines]
    closed = collections.Counter()
    rates = {"full": 0, "soak": 0}
    for place, rate, told in loads:
        closed[place] += int(told[1])
        rates["soak" if rate else "full"] += int(told[2])
    table(list(soaked.values()), seconds)
    note(f"{closed.total()} sockets closed, {rates['soak']} per second of {rates['full']}")
    wrong = [line for one in soaked.values() for line in one.wrong(seconds)]
    for end in _having(found, "status"):
        name = end["tracer"]
        errors = [sentence for who, sentence in said if who == name]
        note(f"{name}: {' / '.join(errors)}")
        summary = SUMMARY.fullmatch(errors[0]) if len(errors) == 1 else None
        if end["status"] or not summary or summary[4] != "0":
            wrong.append(f"{name}: status {end['status']}, it said {errors}")
        elif name in closed and summary.group(1, 2) != (str(closed[name]), "0"):
            wrong.append(f"{name}: {closed[name]} were closed, it said {errors}")
    wrong += [f"leaks told of: {one}" for one in found if one.get("type") == "close_wait"]
    return wrong + _check_waits(found, closed["text"])


def _check_waits(found, closed):
    """Of two sockets one enters TIME_WAIT, or finds no room there."""
    last = [one for one in found if one.get("type") == "time_wait_summary"][-1]
    entered = last["entered"] - last["found"]
    note(f"TIME_WAIT: found {last['found']}, entered {entered}, ended by {last['ended_by']}")
    wrong = [f"{kind}: {last[kind]}" for kind in ("missed", "crowded_out") if last[kind]]
    ended = last["ended_by"]
    if not last.get("final") or 2 * (entered + ended["never"]) != closed or ended.get("unknown"):
        wrong.append(f"{closed} sockets closed, of TIME_WAIT is told: {json.dumps(last)}")
    return wrong


def _having(found, field):
    return [one for one in found if field in one]
