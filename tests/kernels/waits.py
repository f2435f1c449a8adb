# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What is expected of the tracers that tests/workload/waits.c runs side by side: each tells what
happened, and all tell the same, however they came to know."""

import json

from harness.tracer import SUMMARY
from odd import ODD_MOST

MS = 1_000_000
SECOND = 1000 * MS
# Of most, and of each: between the two things that tell, an emulated machine may be stopped.
SAME_WITHIN, ALWAYS_WITHIN = 20 * MS, 1000 * MS
# What the object of each wait is (None: an orphan's, if the acknowledgement came on its own), what
# ends it, and how long it lasts at least and at most. An emulated machine is slow.
WAITS = {"never": (None, "never", 0, 0),
         "timer": ("time_wait", "timer", 60 * SECOND, 90 * SECOND),
         "connect": ("time_wait", "connect", 1.1 * SECOND, 40 * SECOND),
         "syn": ("time_wait", "syn", 1.4 * SECOND, 40 * SECOND),
         "orphan": ("fin_wait2", "timer", 20 * SECOND, 55 * SECOND),
         "orphan-fin": ("time_wait", "timer", 60 * SECOND, 90 * SECOND),
         "destroyed": ("time_wait", "destroyed", 1.9 * SECOND, 40 * SECOND),
         "reset": ("time_wait", "reset", 2.2 * SECOND, 40 * SECOND),
         "restarted": ("time_wait", "timer", 62.9 * SECOND, 95 * SECOND)}
KINDS = ("time_wait", "fin_wait2")
FIRST_IS_SERVER = {"syn"} # who closes first; else the client does
ORPHANED = {"orphan": (20 * SECOND, 55 * SECOND), "orphan-fin": (1.5 * SECOND, 40 * SECOND)}
# Of its end without functions' entries only the kernel's table tells, when it is looked into.
LOOKED_FOR = {"destroyed"}
# ... and of these nothing where that table cannot be asked for one (tcp_diag is a module).
ASKED_FOR = {"reset"}


class Told:
    """What one tracer told."""

    def __init__(self, number, lines):
        start = f"{number} "
        mine = [line.removeprefix(start) for line in lines if line.startswith(start)]
        self.objects = [json.loads(line) for line in mine if line.startswith("{")]
        self.others = [line for line in mine if not line.startswith("{")]

    def of(self, kind, made):
        """The objects of the close's first end to close, in the order in which they came."""
        local, remote = made["client"], made["server"]
        if made["made"] in FIRST_IS_SERVER:
            local, remote = remote, local
        return [found for found in self.objects if found.get("type") == kind and
                found["family"] == made["family"] and
                (found["local"]["port"], found["remote"]["port"]) == (local, remote)]


def refused_of(closes, sock_diag):
    """The kinds that this kernel did not do. Where its table can be asked (`sock_diag`), ENOENT
    says that what was to be destroyed had gone before, which is another story."""
    return {close["refused"] for close in closes if "refused" in close and
            not (sock_diag and close["errno"] == "ENOENT")}


def check_wait(told, made, refused):
    """The one wait of a close that ends on its own; (it or None, what is wrong)."""
    waits = [wait for kind in KINDS for wait in told.of(kind, made)]
    if len(waits) != 1:
        return None, [f"{len(waits)} objects: {json.dumps(waits)}"]
    kind, ended_by, least, most = WAITS["timer" if made["made"] in refused else made["made"]]
    right = waits[0]["type"] == (kind or waits[0]["type"]) and \
        waits[0]["ended_by"] == ended_by and least <= waits[0]["duration_ns"] <= most
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


def check_close(tellers, made, refused, sock_diag):
    """What is wrong with what the tracers told of one close, a line for each. `refused`: the kinds
    that the kernel did not do; `sock_diag`: its table can be asked."""
    waits, orphans, wrong = [], [], []
    if made["made"] in ASKED_FOR and not sock_diag:
        tellers = tellers[:1]
    for number, told in enumerate(tellers):
        wait, bad_wait = check_wait(told, made, refused)
        orphan, bad_orphan = check_orphan(told, made)
        waits.append(wait and wait["duration_ns"])
        orphans.append(orphan)
        wrong += [f"tracer {number}: {line}" for line in bad_wait + bad_orphan]
        # The first has functions' entries: it sees each restart.
        if number == 0 and made["made"] == "restarted" and wait and not wait["restarts"]:
            wrong.append("no restart was seen")
    for what, lasted in ("the wait", waits), ("FIN_WAIT2", orphans):
        if None not in lasted and max(lasted) - min(lasted) > ALWAYS_WITHIN and \
                made["made"] not in LOOKED_FOR:
            wrong.append(f"{what} lasted {lasted} ns")
    return [f"{made['made']}, IPv{made['family']}: {line}" for line in wrong]


def check_end(told):
    """What a tracer says of its whole run: (failures, notes). Where one close is odd, the end of
    its wait or a change may be found missing: nothing was lost on the way, or there would be a
    warning."""
    summary = SUMMARY.fullmatch(told.others[0]) if len(told.others) == 1 else None
    if not summary or int(summary[4]) > ODD_MOST:
        return [f"on stderr: {told.others}"], []
    if summary[4] == "0":
        return [], []
    stats = [found["lost"] for found in told.objects if found.get("type") == "stats"]
    holes = [json.dumps(found) for found in told.objects if found.get("complete") is False]
    return [], [f"{told.others[0]}: {json.dumps(stats)}", *holes]


def check_counts(told, made, refused):
    """What is wrong with what timewait counted of all closes; one may be odd."""
    summaries = [found for found in told.objects
                 if found.get("type") == "time_wait_summary"]
    if not summaries or not summaries[-1].get("final"):
        return [f"no final summary: {told.others}"]
    counted, wanted = summaries[-1]["ended_by"], dict.fromkeys(summaries[-1]["ended_by"], 0)
    for close in made:
        kind, ended_by = WAITS["timer" if close["made"] in refused else close["made"]][:2]
        wanted[ended_by] += kind == "time_wait" or ended_by == "never"
    # Of the tracers before, some still wait.
    wanted["timer"] += summaries[-1]["found"]
    # What is found missing is not known to be destroyed where a program was skipped meanwhile.
    skipped = min(counted.get("unknown", 0), wanted["destroyed"] - counted["destroyed"])
    if skipped > 0:
        wanted["unknown"], wanted["destroyed"] = skipped, wanted["destroyed"] - skipped
    # "never" may be an orphan's, too: then it is not one of TIME_WAIT.
    wanted["never"] = min(wanted["never"], counted["never"])
    moved = sum(abs(counted[end] - wanted[end]) for end in wanted)
    if moved > 2 * ODD_MOST or summaries[-1]["population"] or summaries[-1]["missed"]:
        return [f"counted {counted}, expected {wanted}: {json.dumps(summaries[-1])}"]
    return []


def differences(tellers, mades):
    """By how much the tracers differ in the length of each wait, in ns, in ascending order."""
    lengths = [[wait["duration_ns"] for told in tellers for kind in KINDS
                for wait in told.of(kind, made)]
               for made in mades if made["made"] not in LOOKED_FOR]
    return sorted(max(length) - min(length) for length in lengths if length)


def check_differences(found):
    return [f"the lengths differ by {found} ns"] if found[len(found) // 2] > SAME_WITHIN else []
