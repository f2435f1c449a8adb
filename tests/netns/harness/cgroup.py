# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Control groups that bound what is inside, of either version, and go away again."""

import contextlib
import os
import time

from .tap import Failure, Skip

ROOT = "/sys/fs/cgroup"
EMPTY_DEADLINE = 10
PERIOD = 100000
_made = 0


class Cgroup:
    """`controller`: memory, cpu or pids."""

    def __init__(self, controller):
        global _made
        _made += 1
        name = f"tcpclose-{os.getpid()}-{_made}"
        self._old = os.path.isdir(f"{ROOT}/{controller}")
        self.path = f"{ROOT}/{controller}/{name}" if self._old else f"{ROOT}/{name}"
        try:
            if not self._old:
                with open(f"{ROOT}/cgroup.subtree_control", "w", encoding="ascii") as file:
                    file.write(f"+{controller}")
            os.mkdir(self.path)
        except OSError as error:
            raise Skip(f"no {controller} control group can be made: {error.strerror}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Whoever is inside must have ended: the kernel may take a moment more."""
        end = time.monotonic() + EMPTY_DEADLINE
        while True:
            try:
                return os.rmdir(self.path)
            except OSError as error:
                if time.monotonic() > end:
                    raise Failure(f"{self.path}: {error.strerror}") from None

    def _write(self, name, value):
        try:
            with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
                file.write(str(value))
        except FileNotFoundError:
            raise Skip(f"no {name} in control groups") from None

    def prefix(self):
        """Words in front of a command that have it run inside from the start."""
        return ("sh", "-c", 'echo $$ >"$0" && exec "$@"', f"{self.path}/cgroup.procs")

    def add(self, pid):
        self._write("cgroup.procs", pid)

    def limit_cpu(self, share):
        """Of one CPU; None: no limit."""
        quota = None if share is None else max(1000, int(share * PERIOD))
        if self._old:
            self._write("cpu.cfs_quota_us", quota or -1)
        else:
            self._write("cpu.max", f"{quota or 'max'} {PERIOD}")

    def limit_memory(self, size):
        """There is no swap either. EBUSY where more is in use and cannot be given back."""
        self._write("memory.limit_in_bytes" if self._old else "memory.max", size)
        with contextlib.suppress(OSError, Skip):
            self._write("memory.memsw.limit_in_bytes" if self._old else "memory.swap.max",
                        size if self._old else 0)

    def memory(self):
        name = "memory.usage_in_bytes" if self._old else "memory.current"
        with open(f"{self.path}/{name}", encoding="ascii") as file:
            return int(file.read())

    def limit_pids(self, count):
        self._write("pids.max", count)
