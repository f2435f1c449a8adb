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
PROGRAM = os.path.join(BUILD, "tests/workload/churn")


def churn(namespace):
    """Number of sockets closed, and closed per second."""
    with namespace:
        told = subprocess.run([PROGRAM, str(SECONDS)], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
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


@case("two threads at full speed", deadline=int(120 + 8 * SECONDS))
def full_speed():
    with contextlib.ExitStack() as stack:
        here = Namespace("here")
        stack.callback(here.remove)
        handle, path = tempfile.mkstemp(prefix="tcpclose-churn-")
        os.close(handle)
        stack.callback(os.unlink, path)
        _, alone = churn(here)
        with open(path, "wb") as file, Tracer(stdout=file) as tracer:
            closed, traced = churn(here)
            outcome = tracer.stop()
        teardowns, incomplete, stats = count(path, here.inode)
        note(f"{closed} sockets closed; {traced} per second with the tool, {alone} without: "
             f"{traced / alone:.2f}; {os.path.getsize(path) / closed:.0f} bytes per socket; "
             f"{stats}")
    wrong = []
    if outcome.summary is None or outcome.summary["lost"]:
        wrong.append(f"lost records: {stats and stats['lost']}, stderr {outcome.stderr!r}")
    if teardowns != closed:
        wrong.append(f"{teardowns} teardown objects for {closed} sockets closed")
    if incomplete:
        wrong.append(f"{incomplete} of them not complete")
    if wrong:
        raise Failure("\n".join(wrong))


if __name__ == "__main__":
    sys.exit(tap.main())
