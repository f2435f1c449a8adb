#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Loopback connections opened and closed as fast as the machine can: every socket is told of, no
record is lost. CHURN_SECONDS makes it longer than the usual 5 s."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile

from harness import tap
from harness.namespace import Namespace
from harness.tap import Failure, case, note
from harness.tracer import BUILD, Tracer

SECONDS = float(os.environ.get("CHURN_SECONDS", "5"))
DEADLINE = int(120 + 8 * SECONDS)
INTERFACES = 20
PROGRAM = os.path.join(BUILD, "tests/workload/churn")


def churn(namespace, meanwhile=lambda: None):
    """Number of sockets closed, and closed per second."""
    with namespace:
        process = subprocess.Popen([PROGRAM, str(SECONDS)], text=True, stdout=subprocess.PIPE)
    meanwhile()
    told = process.communicate()[0]
    if process.returncode:
        raise Failure("the workload failed")
    return map(int, re.fullmatch(r"(\d+) sockets closed, (\d+) per second\n", told).groups())


def count(path, inode):
    """Objects in the file: teardowns of the namespace, those of them that are not complete."""
    teardowns, incomplete, stats = 0, 0, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            found = json.loads(line)
            if found["type"] == "teardown" and found["local"].get("netns") == inode:
                teardowns += 1
                incomplete += not found["complete"]
            elif found["type"] == "stats":
                stats = found
    return teardowns, incomplete, stats


def lose_nothing(here, meanwhile=lambda: None):
    """The churn with the tool: sockets closed per second."""
    handle, path = tempfile.mkstemp(prefix="tcpclose-churn-")
    os.close(handle)
    try:
        with open(path, "wb") as file, Tracer(stdout=file) as tracer:
            closed, traced = churn(here, meanwhile)
            outcome = tracer.stop()
        teardowns, incomplete, stats = count(path, here.inode)
        note(f"{closed} sockets closed, {os.path.getsize(path) / closed:.0f} bytes each; {stats}")
    finally:
        os.unlink(path)
    wrong = []
    if outcome.summary is None or outcome.summary["lost"]:
        wrong.append(f"lost records: {stats and stats['lost']}, stderr {outcome.stderr!r}")
    if teardowns != closed:
        wrong.append(f"{teardowns} teardown objects for {closed} sockets closed")
    if incomplete:
        wrong.append(f"{incomplete} of them not complete")
    if wrong:
        raise Failure("\n".join(wrong))
    return traced


@case("two threads at full speed", deadline=DEADLINE)
def full_speed():
    with contextlib.ExitStack() as stack:
        here = Namespace("here")
        stack.callback(here.remove)
        _, alone = churn(here)
        traced = lose_nothing(here)
        note(f"{traced} per second with the tool, {alone} without: {traced / alone:.2f}")


@case("two threads at full speed while interfaces are made", deadline=DEADLINE)
def interfaces_meanwhile():
    with contextlib.ExitStack() as stack:
        here, elsewhere = Namespace("here"), Namespace("elsewhere")
        stack.callback(here.remove)
        stack.callback(elsewhere.remove)

        def make():
            for number in range(INTERFACES):
                elsewhere.ip("link", "add", f"left{number}", "type", "veth",
                             "peer", "name", f"right{number}")
        lose_nothing(here, make)


if __name__ == "__main__":
    sys.exit(tap.main())
