#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""In a container with the host's pids and network: closes, owners, cgroups and other namespaces."""

import contextlib
import os
import sys

from harness import tap
from harness.closing import close, of, pair, place
from harness.container import Container
from harness.control_group import control_group
from harness.expect import equal
from harness.namespace import Namespace
from harness.privileges import status
from harness.tap import Failure, case
from harness.tracer import Tracer, run

ADDED = ("bpf", "perfmon", "net_admin", "sys_ptrace")
ID = "0123456789ab" + "c" * 52


@contextlib.contextmanager
def other():
    there = Namespace("there")
    try:
        yield there
    finally:
        there.remove()


def tells(tracer, here, ends, segments):
    """Of both ends, with their owners."""
    close(ends)
    found = [tracer.take(of(here), "teardown") for _ in range(2)]
    equal("owners", sorted(item.get("process", {}).get("pid", 0) for item in found),
          sorted(end.pid for end in ends))
    equal("with segments", [bool(item["segments"]) for item in found], [segments] * 2)
    return found


@case("privileged: owners, cgroups, and every network namespace")
def privileged():
    with Container() as container, place() as here, other() as there, \
            control_group(f"/tcpclose-{os.getpid()}/docker-{ID}.scope") as folder, \
            pair(here) as old, pair(there) as elsewhere, \
            Tracer(prefix=container.words) as tracer:
        for end in old:
            with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as procs:
                procs.write(str(end.pid))
        with pair(here) as ends:
            tells(tracer, here, ends, True)
        tells(tracer, here, old, True)
        tells(tracer, there, elsewhere, True)
        equal("no_new_privs", status(tracer.pid)["NoNewPrivs"], "1")
        outcome = tracer.stop()
    equal("exit status", outcome.status, 0)
    if "CAP_" in outcome.stderr:
        raise Failure(f"it misses something: {outcome.stderr!r}")


@case("a container's id, of processes in another container")
def neighbours():
    path = f"/tcpclose-{os.getpid()}/docker-{ID}.scope"
    with Container() as container, place() as here, control_group(path) as folder:
        enter = ("sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', folder)
        with Tracer(prefix=container.words) as tracer, pair(here, prefix=enter) as ends:
            for found in tells(tracer, here, ends, True):
                equal("cgroup", found.get("cgroup"), path)
                equal("container", found.get("container"), ID[:12])
            equal("exit status", tracer.stop().status, 0)


@case("with four capabilities in place of --privileged: what is here, and what is missing")
def added():
    with Container(ADDED) as container, place() as here, pair(here) as old, \
            Tracer(prefix=container.words) as tracer:
        with pair(here) as ends:
            tells(tracer, here, ends, True)
        tells(tracer, here, old, True)
        equal("kept", status(tracer.pid)["CapBnd"],
              {"bpf", "net_admin", "sys_ptrace", "dac_override"})
        outcome = tracer.stop()
    equal("exit status", outcome.status, 0)
    if "CAP_SYS_ADMIN" not in outcome.stderr or "CAP_SYS_PTRACE" in outcome.stderr:
        raise Failure(f"it does not say what is missing: {outcome.stderr!r}")


@case("with the capabilities that every container has: exit 3 names those that are missing")
def not_enough():
    with Container(()) as container, place():
        code, _, error = run(prefix=container.words)
    equal("exit status", code, 3)
    if "CAP_BPF, " not in error.replace("CAP_PERFMON, CAP_BPF", "CAP_BPF, "):
        raise Failure(f"it does not say which: {error!r}")


if __name__ == "__main__":
    sys.exit(tap.main())
