# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What a tracer must tell of the closes of tests/workload/interrupted.c, in the middle of which
something happens to the machine."""

import errno
import re

from harness.pair import time_of
from harness.tap import Skip
from modes import Run

# What happens, and the options with which it is told of. After the modules nothing has them.
FAULTS = {"clock": "", "cpu": "", "namespaces": "", "modules": "--without tcx --without fentry"}
SUSPEND = {"suspend": ""}
SUMMARY = re.compile(r"(\d+) teardowns, 0 unfinished, \d+ records, (\d+) lost")
SLEEP_NS = 1_000_000_000
SLACK_NS = 1_000_000_000
IN_USE = (errno.EBUSY, errno.EAGAIN)


def check(fault, lines):
    """What is wrong, a line for each."""
    run = Run(lines)
    if unable := run.having("unable"):
        raise Skip(f"this machine cannot do it: {unable[0]['unable']}")
    wrong = [f"failed: {found}" for found in run.having("failed")]
    made, summary = run.having("made"), [SUMMARY.fullmatch(line) for line in run.errors]
    if run.having("status") != [{"status": 0}] or len(summary) != 1 or not summary[0]:
        wrong.append(f"status {run.having('status')}, on stderr: {run.errors}")
        return wrong
    lost = int(summary[0].group(2))
    if not made or len(run.teardowns()) != int(summary[0].group(1)):
        wrong.append(f"made {made}, told of {len(run.teardowns())}")
        return wrong
    return wrong + CHECKS[fault](run, made[0], lost)


def _check_interrupted(run, made, lost):
    """By the boot clock, which neither the wall clock nor a sleep takes anything from."""
    at = {found["step"]: found["boot"] for found in run.having("step")}
    wrong = [] if not lost else [f"{lost} lost"]
    client, wait = ([found for found in run.objects if found.get("type") == kind and
                     (found["local"]["port"], found["remote"]["port"]) ==
                     (made["client"], made["server"])] for kind in ("teardown", "time_wait"))
    if len(client) != 2 or len(wait) != 2:
        return [*wrong, f"{len(client)} teardowns and {len(wait)} waits of the client"]
    lasted = sum(client[0]["durations_ns"].get(state, 0) for state in ("FIN_WAIT1", "FIN_WAIT2"))
    wrong += _check_between("until the server's FIN", lasted,
                            at["second-closing"] - at["half-closed"], at["closed"] - at["closing"])
    wrong += _check_between("TIME_WAIT", wait[0]["duration_ns"], at["connecting"] - at["closed"],
                            at["reused"] - at["second-closing"])
    # The wall clock that was when the tracer began, whatever became of it.
    start = run.having("step")[0]
    told = time_of(client[0]["ts"]) - start["real"] + start["boot"]
    wrong += _check_between("ts", told, at["closing"] - SLACK_NS, at["half-closed"] + SLACK_NS)
    if wait[0]["ended_by"] != "connect" or not client[0]["complete"]:
        wrong.append(f"told: {client[0]} {wait[0]}")
    return wrong


def _check_between(what, value, least, most):
    return [] if least <= value <= most else [f"{what} is {value}, not {least} to {most}"]


def _check_suspend(run, made, lost):
    slept = [found["slept"] for found in run.having("slept")]
    if min(slept) < SLEEP_NS:
        raise Skip(f"this machine did not sleep: {slept} ns")
    return _check_interrupted(run, made, lost)


def _check_modules(run, made, lost):
    told = {(found["when"], found["unload"]): found["errno"] for found in run.having("unload")}
    wrong = [f"unload {key}: {error}" for key, error in told.items()
             if error and (key[0] == "ended" or key[1].endswith("_diag"))]
    wrong += [f"a filter's {module} could be unloaded" for module in ("cls_bpf", "sch_ingress")
              if told["tracing", module] not in IN_USE]
    return wrong + _check_interrupted(run, made, lost)


def _check_cpu(run, made, lost):
    wrong = _check_count(run, made, lost)
    holes = [found for found in run.teardowns() if not found["complete"]]
    if holes and not lost:
        wrong.append(f"nothing was lost, and {len(holes)} are incomplete: {holes[0]}")
    return wrong


def _check_namespaces(run, made, lost):
    """A namespace may be gone before the tracer knew of it: then why its TIME_WAIT ended is not
    known, but never thought to be something else."""
    places = {found["local"]["netns"] for found in run.teardowns()}
    ended = [found.get("ended_by") for found in run.objects
             if found.get("type") == "time_wait" and found["local"]["netns"] in places]
    wrong = _check_count(run, made, lost)
    if len(ended) != made["made"] or set(ended) - {"destroyed", "stopped", None}:
        wrong.append(f"{len(ended)} waits, ended by {ended}")
    return wrong


def _check_count(run, made, lost):
    if len(run.teardowns()) == 2 * made["made"]:
        return []
    return [f"{len(run.teardowns())} teardowns of {made['made']} closes, {lost} lost"]


CHECKS = {"clock": _check_interrupted, "suspend": _check_suspend, "modules": _check_modules,
          "cpu": _check_cpu, "namespaces": _check_namespaces}
