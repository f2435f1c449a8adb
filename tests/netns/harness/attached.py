# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""BPF programs, maps and links of this machine: which exist, which of them a process holds, and
what a case left behind. Others may load and unload theirs meanwhile."""

import contextlib
import ctypes
import glob
import json
import os
import platform
import re
import struct
import subprocess
import time

GRACE = 10
KINDS = ("prog", "map", "link")
# Of enum bpf_cmd; the number of bpf(2).
NEXT_ID = {"prog": 11, "map": 12, "link": 31}
BPF = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
_libc = ctypes.CDLL(None, use_errno=True)


def ids():
    """("prog", id), ("map", id) and ("link", id): `bpftool show` without what it costs."""
    found = set()
    for kind, command in NEXT_ID.items():
        attributes = ctypes.create_string_buffer(16)
        while _libc.syscall(BPF, command, attributes, 16) == 0:
            number = struct.unpack_from("II", attributes)[1]
            found.add((kind, number))
            struct.pack_into("II", attributes, 0, number, 0)
    return found


def existing():
    """The same by bpftool, each with its name or type."""
    found = {}
    for kind in KINDS:
        done = subprocess.run(["bpftool", "-j", kind, "show"], capture_output=True, text=True,
                              check=True)
        for item in json.loads(done.stdout or "[]"):
            found[kind, item["id"]] = item.get("name") or item["type"]
    return found


def held(pid="[0-9]*"):
    """Those that this process, or any, has a descriptor of."""
    found = set()
    for path in glob.iglob(f"/proc/{pid}/fdinfo/*"):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            for kind, number in re.findall(r"^(prog|map|link)_id:\t(\d+)$", file.read(),
                                           re.MULTILINE):
                found.add((kind, int(number)))
    return found


def filters():
    """tc filters on the machine's own loopback, which may be the only interface that it has."""
    found = set()
    for parent in ("ingress", "egress"):
        done = subprocess.run(["tc", "filter", "show", "dev", "lo", parent], capture_output=True,
                              text=True, check=False)
        found.update(f"lo {parent}: {line}" for line in done.stdout.splitlines())
    return found


def wait_gone(left):
    """What is left of left() once the kernel has had its grace period, after which it lets go of
    programs and tells nobody: hence the loop. What comes meanwhile is somebody else's."""
    end = time.monotonic() + GRACE
    found = left()
    while found and time.monotonic() < end:
        found &= left()
    return found


class Watch:
    """What there is before a case; left() is what it left behind: BPF, filters on loopback, and
    processes of that executable that go on."""

    def __init__(self, program):
        self._program = program
        self._ids, self._filters, self._running = ids(), filters(), self._children()

    def _children(self):
        """Of this process, those that run the program."""
        found = set()
        for path in glob.iglob("/proc/self/task/*/children"):
            with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
                for pid in file.read().split():
                    with contextlib.suppress(OSError):
                        if os.path.samefile(f"/proc/{pid}/exe", self._program):
                            found.add(f"process {pid}")
        return found

    def _unheld(self):
        """A link has a holder or is pinned, and then its program is among these."""
        new = ids() - self._ids
        return new - held() if new else new

    def left(self):
        left = wait_gone(self._unheld)
        if left:
            with open(self._program, "rb") as file:
                inside = file.read()
            # libbpf puts a part of the object's name before that of a section: "socket.rodata".
            left = {f"{kind} {number} {name}" for (kind, number), name in existing().items()
                    if (kind, number) in left and
                    (kind == "link" or name.split(".")[0].encode() in inside)}
        return left | (filters() - self._filters) | (self._children() - self._running)
