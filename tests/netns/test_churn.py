#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Loopback connections opened and closed as fast as the machine can: every socket is told of, no
record is lost. CHURN_SECONDS makes it longer than the usual 5 s."""

import contextlib
import os
import sys

from harness import tap
from harness.load import Load, Recorded
from harness.namespace import Namespace, command
from harness.tap import Failure, Skip, case, note

SECONDS = float(os.environ.get("CHURN_SECONDS", "5"))
DEADLINE = int(120 + 8 * SECONDS)
INTERFACES = 20
STEERED_SECONDS = 3


def churn(namespace, meanwhile=lambda: None, seconds=SECONDS):
    """Number of sockets closed, and closed per second."""
    with Load(namespace, seconds) as load:
        meanwhile()
        return load.wait()


def count(run, inode):
    """Objects told: teardowns of the namespace, those of them that are not complete."""
    ours = [found["complete"] for found in run.objects() if found["local"].get("netns") == inode]
    return len(ours), ours.count(False), next(run.objects("stats"), None)


def lose_nothing(here, meanwhile=lambda: None):
    """The churn with the tool: sockets closed per second."""
    with Recorded() as run:
        closed, traced = churn(here, meanwhile)
        outcome = run.tracer.stop()
        teardowns, incomplete, stats = count(run, here.inode)
        note(f"{closed} sockets closed, {os.path.getsize(run.path) / closed:.0f} bytes each; "
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


def steer(namespace):
    """Every CPU may be interrupted to take up a segment of loopback, as by a network card."""
    cpus = os.cpu_count()
    if cpus < 2:
        raise Skip("one CPU")
    try:
        command("ip", "netns", "exec", namespace.name, "sh", "-c",
                f"echo {(1 << min(cpus, 32)) - 1:x} > /sys/class/net/lo/queues/rx-0/rps_cpus")
    except RuntimeError as error:
        raise Skip(f"no receive packet steering: {error}") from None


@case("segments that interrupt a CPU at any time")
def steered():
    with contextlib.ExitStack() as stack:
        here = Namespace("here")
        stack.callback(here.remove)
        steer(here)
        # The kernel may not run the programs for some changes: those are inferred, after a while,
        # and counted.
        run = stack.enter_context(Recorded("-d", str(3 * STEERED_SECONDS)))
        closed, _ = churn(here, seconds=STEERED_SECONDS)
        summary = run.tracer.wait().summary
        teardowns, incomplete, _ = count(run, here.inode)
    note(f"{closed} sockets closed, {teardowns} objects, {incomplete} not complete, {summary}")
    if not closed - summary["lost"] <= teardowns <= closed:
        raise Failure(f"{teardowns} objects for {closed} sockets closed, {summary}")
    if summary["unfinished"]:
        raise Failure(f"some are not over: {summary}")


if __name__ == "__main__":
    sys.exit(tap.main())
