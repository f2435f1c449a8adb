#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The owner is the owner: never a process that merely was on the CPU."""

import contextlib
import json
import os
import subprocess
import sys

from harness import tap
from harness.events import Destruction
from harness.namespace import Namespace
from harness.tap import Failure, case, note
from harness.tracer import TOP, Tracer
from harness.world import check_totals

CONNECTIONS = 1000
WORKLOAD = os.path.join(TOP, "tests/workload")
NAMES = {"forking-server", "forking-child", "forking-client"}


@contextlib.contextmanager
def bystanders():
    """Two of them for every CPU."""
    started = [subprocess.Popen(["/usr/bin/python3", "-I", f"{WORKLOAD}/bystander.py",
                                 f"bystander-{number}"])
               for number in range(2 * os.cpu_count())]
    try:
        yield {process.pid for process in started}
    finally:
        for process in started:
            process.kill()
            process.wait()


def wrong_owners(teardowns, told, client):
    """`told`: client port to the server and its children."""
    wrong = []
    for found in teardowns:
        port = (found["local"] if found["role"] == "client" else found["remote"])["port"]
        right = {client} if found["role"] == "client" else told[port]
        for field in ("process", "close_call"):
            who = found.get(field)
            if who is None:
                wrong.append(f"{found['role']}, port {port}: no {field}")
            elif who.get("pid") not in right or who.get("comm") not in NAMES:
                wrong.append(f"{found['role']}, port {port}: {field} is {who}, not of {right}")
    return wrong


@case("1,000 connections of a forking server under load", deadline=180)
def forking():
    with contextlib.ExitStack() as stack:
        here = Namespace("here")
        stack.callback(here.remove)
        ends = Destruction(here)
        stack.callback(ends.close)
        tracer = stack.enter_context(Tracer(recorded=True))
        stack.enter_context(bystanders())
        with here:
            workload = subprocess.Popen(
                ["/usr/bin/python3", "-I", f"{WORKLOAD}/forking.py", str(CONNECTIONS)],
                stdout=subprocess.PIPE, text=True)
        with workload.stdout:
            told = {} # a port may serve again: tcp_tw_reuse on loopback
            for port, *pids in map(json.loads, workload.stdout):
                told.setdefault(port, set()).update(pids)
        if workload.wait():
            raise Failure("the workload failed")
        ends.wait(lambda gone: len(gone) >= 2 * CONNECTIONS)
        outcome = tracer.stop()
        teardowns = [found for found in tracer.objects()
                     if found["local"].get("netns") == here.inode]
    wrong = check_totals(tracer, outcome)
    if len(teardowns) != 2 * CONNECTIONS:
        wrong.append(f"{len(teardowns)} objects for {2 * CONNECTIONS} sockets")
    wrong += wrong_owners(teardowns, told, workload.pid)
    note(f"{len(teardowns)} sockets, {len(told)} client ports")
    if wrong:
        raise Failure("\n".join([f"{len(wrong)} differences", *wrong[:10]]))


if __name__ == "__main__":
    sys.exit(tap.main())
