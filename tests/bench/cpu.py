# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Seconds of CPU time, user and system, of processes."""

import os
import resource


def ended():
    """Of all children that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            found += file.read().split()
    return found


def of(pid):
    """Of a process that runs, and of its children; of threads that have ended, nothing."""
    ns = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            ns += int(file.read().split()[0])
    return ns / 1e9 + sum(map(of, children(pid)))
