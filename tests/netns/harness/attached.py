# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""BPF programs and links of this machine: which exist, and which of them a process holds."""

import contextlib
import glob
import json
import re
import subprocess
import time

GRACE = 10


def existing():
    """("prog", id) and ("link", id), each with its name or type."""
    found = {}
    for kind in ("prog", "link"):
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
            for kind, number in re.findall(r"^(prog|link)_id:\t(\d+)$", file.read(), re.MULTILINE):
                found.add((kind, int(number)))
    return found


def left_behind(program):
    """BPF programs of that executable's which no process holds, by id: those that clsact keeps, or
    a pin. A link has a holder or is pinned, and then its program is among them."""
    with open(program, "rb") as file:
        inside = file.read()
    programs = {key: name for key, name in existing().items()
                if key[0] == "prog" and name.encode() in inside}
    holders = held()
    return {f"prog {key[1]} {name}" for key, name in programs.items() if key not in holders}


def wait_gone(left):
    """What is left of left() once the kernel has had its grace period, after which it lets go of
    programs and tells nobody: hence the loop."""
    end = time.monotonic() + GRACE
    while (found := left()) and time.monotonic() < end:
        pass
    return found
