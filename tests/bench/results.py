# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What a run of the benchmarks leaves: a file of JSON lines.

The first line is the run:
  type "run", schema 1; ts (RFC 3339, UTC); machine {cpu, cores, memory_gb}; kernel; versions, of
  the tool and of each program it is compared with; settings {rounds, seconds, large}

Every other line is one thing measured:
  type "measure", schema 1
  subject, name  what was measured
  unit           of value and base
  value          the median with the tool; or of the tool, where nothing is compared
  base           the median of what it is compared with, absent: nothing
  against        what that is: "without", "tshark", ...
  ratio          {median, low, high} of value/base, pair by pair
  rounds         so many pairs
  goal           {of: "ratio" or "value", least or most: a number}, if there is one
  reached        whether it was
  besides        more numbers by name; a name ends with its unit, if it has one
  parts          what value is made of, by name, if that is known
  not_run        why nothing was measured; then only subject and name are there as well
"""

import datetime
import json
import os
import platform
import re
import shutil
import subprocess

from harness.paths import PROGRAM, TOP

from pairs import Spread

FOLDER = os.path.join(TOP, "tests/bench/results")
SCHEMA = 1


def least(number, of="ratio"):
    return {"of": of, "least": number}


def most(number, of="ratio"):
    return {"of": of, "most": number}


def measure(unit, values, bases=None, *, against="without", goal=None, parts=None, **besides):
    """Of the numbers of each round; `bases` are of the same rounds."""
    found = {"unit": unit, "value": Spread(values).median, "rounds": len(values)}
    if bases is not None:
        found |= {"base": Spread(bases).median, "against": against}
        found["ratio"] = Spread(value / base for value, base in zip(values, bases)).fields()
    if goal:
        measured = found["ratio"]["median"] if goal["of"] == "ratio" else found["value"]
        found |= {"goal": goal, "reached": goal.get("least", measured) <= measured <=
                  goal.get("most", measured)}
    if parts:
        found["parts"] = parts
    return found | {"besides": besides}


def line(subject, name, found):
    """`found`: by measure(), or {"not_run": why}."""
    return {"type": "measure", "schema": SCHEMA, "subject": subject, "name": name} | found


def _first_line(*words):
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
    except FileNotFoundError:
        return None
    return (done.stdout.splitlines() or [""])[0]


def _versions():
    """Of the tool and of the peers that are there."""
    found = {"tcpclose-trace": _first_line(PROGRAM, "--version"),
             "tcpstates": _first_line("tcpstates", "--version"),
             "bpftrace": _first_line("bpftrace", "--version"),
             "tcpdump": _first_line("tcpdump", "--version"),
             "tshark": _first_line("tshark", "--version"),
             "nginx": _first_line("nginx", "-v"),
             "wrk": _first_line("wrk", "-v"),
             "iperf3": _first_line("iperf3", "--version")}
    return {name: line for name, line in found.items() if line is not None}


def _field(path, pattern, default):
    with open(path, encoding="utf-8") as file:
        found = re.search(pattern, file.read(), re.MULTILINE)
    return found.group(1) if found else default


def run_line(settings):
    memory = int(_field("/proc/meminfo", r"^MemTotal:\s+(\d+) kB", "0"))
    return {"type": "run", "schema": SCHEMA,
            "ts": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "machine": {"cpu": _field("/proc/cpuinfo", r"^model name\s*: (.*)$",
                                      platform.machine()),
                        "cores": os.cpu_count(), "memory_gb": round(memory / 1e6)},
            "kernel": platform.release(), "versions": _versions(), "settings": settings}


class Results:
    """The file of a run, which has each line as soon as it is measured."""

    def __init__(self, folder, run):
        os.makedirs(folder, exist_ok=True)
        moment = re.sub(r"[:Z]", "", run["ts"]).replace("T", "-")
        self.path = os.path.join(folder, f"{moment}-{run['kernel']}.jsonl")
        self.lines = []
        self._file = open(self.path, "w", encoding="utf-8")
        self.add(run)

    def add(self, line):
        self.lines.append(line)
        print(json.dumps(line, ensure_ascii=False), file=self._file, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


def keep(path):
    """Moves a run's file to those that README's table may be made of."""
    os.makedirs(FOLDER, exist_ok=True)
    return shutil.move(path, FOLDER)


def newest():
    """The lines of the last run that is kept; None: there is none."""
    names = sorted(os.listdir(FOLDER)) if os.path.isdir(FOLDER) else []
    if not names:
        return None
    with open(os.path.join(FOLDER, names[-1]), encoding="utf-8") as file:
        return [json.loads(line) for line in file]
