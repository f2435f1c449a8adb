# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""How long BPF programs run: the kernel counts it while somebody holds a descriptor for that."""

import contextlib
import ctypes
import json
import os
import subprocess

from harness import attached
from harness.tap import Skip

BPF_ENABLE_STATS = 32
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def enabled():
    """For all programs of the machine, and no longer than this process lives."""
    attributes = ctypes.create_string_buffer(16) # BPF_STATS_RUN_TIME is 0
    descriptor = _libc.syscall(attached.BPF, BPF_ENABLE_STATS, attributes, 16)
    if descriptor < 0:
        raise Skip(f"the kernel does not count: {os.strerror(ctypes.get_errno())} (Linux 5.8)")
    try:
        yield
    finally:
        os.close(descriptor)


def _counted(pid):
    """(ns, runs) by id and name of the programs that a process holds."""
    held = {number for kind, number in attached.held(pid) if kind == "prog"}
    told = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, check=True).stdout
    return {(one["id"], one.get("name", "?")): (one.get("run_time_ns", 0), one.get("run_cnt", 0))
            for one in json.loads(told) if one["id"] in held}


class Count:
    """What the programs of a process did since it was made."""

    def __init__(self, pid):
        self._pid, self._before = pid, _counted(pid)

    def programs(self):
        """(ns, runs) by name."""
        found = {}
        for key, (ns, runs) in _counted(self._pid).items():
            ns_before, runs_before = self._before.get(key, (0, 0))
            old = found.get(key[1], (0, 0))
            found[key[1]] = (old[0] + ns - ns_before, old[1] + runs - runs_before)
        return found
