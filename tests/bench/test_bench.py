#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""`make bench` itself, with loads so short that their numbers mean nothing: what it measures comes
out as documented, and interrupted it leaves nothing behind."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.append(os.path.join(HERE, "../netns"))
from harness import tap
from harness.expect import equal
from harness.tap import Failure, case, note

import results

# Of each, the sort of it that does not take long.
CHOSEN = {"churn": "loopback, (live|tcpdump)", "bpf": "leaks", "bulk": "8", "requests": "keep",
          "packets": "tc", "core": "", "replay": "", "start": "timewait", "memory": "10,000 open",
          "flat": "10,000 TIME_WAITs"}
INTERRUPTED = 130
DEADLINE = 300


@contextlib.contextmanager
def bench(folder, *chosen):
    """In a process group of its own, nothing of which is left."""
    process = subprocess.Popen(
        [f"{HERE}/bench.py", "--rounds", "1", "--seconds", "0.2", "--results", folder, *chosen],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True)
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def results_in(folder):
    names = os.listdir(folder)
    equal("files", len(names), 1)
    with open(os.path.join(folder, names[0]), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def judge(line):
    """False: a program that is compared with is not installed."""
    wrong = [f"{name} is not documented" for name in line
             if not re.search(rf"\b{name}\b", results.__doc__)]
    reason = line.get("not_run", "")
    if reason and not reason.endswith("is not installed"):
        wrong.append("it was not run")
    # What an empty program takes is as much as a good one.
    if not reason and line["subject"] != "packets":
        wrong += [f"{name}: {line[name]}" for name in ("value", "base")
                  if name in line and not line[name] > 0]
    if "ratio" in line and sorted(line["ratio"].values()) != [line["ratio"][name] for name in (
            "low", "median", "high")]:
        wrong.append("ratio")
    if wrong:
        raise Failure(f"{', '.join(wrong)}: {line}")
    return not reason


def alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@case("every subject measures something", deadline=DEADLINE)
def every_subject():
    with tempfile.TemporaryDirectory(prefix="tcpclose-bench-") as folder:
        with bench(folder, *("/".join(words) for words in CHOSEN.items())) as process:
            said = process.communicate()[0]
        equal(f"status of {said}", process.returncode, 0)
        run, *lines = results_in(folder)
    equal("settings of the run", run["settings"], {"rounds": 1, "seconds": 0.2, "large": False})
    equal("subjects", {line["subject"] for line in lines}, set(CHOSEN))
    note("\n".join(f"not run: {line}" for line in lines if not judge(line)))
    for line in lines:
        if f"{line['subject']}: {line['name']}" not in said:
            raise Failure(f"{line} was not printed")


@case("interrupted, it ends at once and leaves nothing", deadline=DEADLINE)
def interrupted():
    with tempfile.TemporaryDirectory(prefix="tcpclose-bench-") as folder:
        with bench(folder, "churn/live", "churn/timewait") as process:
            if not any(line.startswith("churn") for line in process.stdout):
                raise Failure("nothing was measured")
            process.send_signal(signal.SIGINT)
            process.communicate()
            equal("status", process.returncode, INTERRUPTED)
            if alive(process.pid):
                raise Failure("processes are left behind")
        equal("type of the lines", [line["type"] for line in results_in(folder)][:2],
              ["run", "measure"])
    names = os.listdir("/run/netns")
    if left := [name for name in names if name.startswith(f"tcpclose-{process.pid}-")]:
        raise Failure(f"left behind: {left}")


if __name__ == "__main__":
    sys.exit(tap.main())
