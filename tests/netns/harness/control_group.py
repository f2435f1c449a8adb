# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Control groups of version 2 that always go away again."""

import contextlib
import os

from .tap import Skip


def _root():
    with open("/proc/self/mounts", encoding="utf-8") as file:
        for words in map(str.split, file):
            if words[2] == "cgroup2" and os.access(words[1], os.W_OK):
                return words[1]
    raise Skip("no cgroup2 file system that can be written to")


@contextlib.contextmanager
def control_group(path):
    """Folders of a cgroup v2, empty again when they are removed."""
    parts = [os.path.join(_root(), *path.strip("/").split("/")[:depth])
             for depth in range(1, path.count("/") + 1)]
    made = []
    try:
        for part in parts:
            os.mkdir(part)
            made.append(part)
        yield parts[-1]
    finally:
        for part in reversed(made):
            os.rmdir(part)
