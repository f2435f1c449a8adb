# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What leaks must tell of the connections that tests/workload/forgotten.c forgets, by kernel."""

import json
import re

from harness.pair import time_of

# Options, and what the kernel must have for a stack to begin with who called accept().
MODES = ("", "--without fentry", "--without user-registers", "--without sock-diag",
         "--without socket-cookie", "--without recv-tracepoint", "--without task-files")
# On every kernel; the rest is for those with `modes`.
EVERYWHERE = ("", "--without fentry")
# The kernel skips a program that interrupts itself, which an emulated machine makes likely; no
# suspect is missed for that.
LOST_MOST = 2
EACH = 2
HOWS = {"older": None, "accepted": "accept", "unread": "accept", "connected": "connect",
        "queued": None}
CALLERS = {"accept": "accept_client", "connect": "connect_out"}
REGISTERS, COOKIE, RECV = (5, 15), (5, 12), (6, 3)
# The kernel notes when a segment came in milliseconds, and two clocks are read one after another.
SLACK_NS = 50_000_000


def _functions(call):
    return [frame.get("function") for frame in call.get("stack", ())]


def _check_creation(how, made, found, registers):
    created = found.get("created")
    if how is None:
        return [f"created is {created}"] if created else []
    if not created or created["how"] != how or created["pid"] != made["pid"]:
        return [f"created is {created}, not by {how} of {made['pid']}"]
    functions = _functions(created)
    wanted = CALLERS[how] if registers else "main"
    return [] if wanted in functions else [f"{wanted} is not in {functions}"]


def _check_age(kind, made, found):
    first, last = made["closing"] - SLACK_NS, made["at"] + SLACK_NS
    if kind == "older":
        longest = time_of(found["ts"]) - first
        return [] if 0 <= found.get("at_least_ns", -1) <= longest else [f"age of {found}"]
    if "since" not in found or not first <= time_of(found["since"]) <= last:
        return [f"since {found.get('since')}, not from {first} to {last}"]
    return []


def _check_one(made, found, options, version):
    kind = made["forgotten"]
    registers = version >= REGISTERS and "user-registers" not in options
    wrong = _check_age(kind, made, found)
    wrong += _check_creation(HOWS[kind], made, found, registers)
    if found["eof_read"] != (kind not in ("unread", "queued")):
        wrong.append(f"eof_read is {found['eof_read']}")
    if found["unread_bytes"] != (9 if kind == "unread" else 0):
        wrong.append(f"unread_bytes is {found['unread_bytes']}")
    holders = [(holder["pid"], holder["fd"]) for holder in found.get("holders", ())]
    if holders != [(made["pid"], made["fd"])]:
        wrong.append(f"holders are {holders}, not {made['pid'], made['fd']}")
    if found["accepted"] != (kind != "queued"):
        wrong.append(f"accepted is {found['accepted']}")
    reads = kind in ("accepted", "connected")
    if reads and registers and version >= RECV and "recv-tracepoint" not in options and \
            "read_end" not in _functions(found.get("last_read", {})):
        wrong.append(f"last_read is {found.get('last_read')}")
    return [f"{kind}: {line}" for line in wrong]


def check(lines, options, version):
    """What is wrong, a line for each."""
    objects = [json.loads(line) for line in lines if line.startswith("{")]
    errors = [line for line in lines if line.startswith("! ")]
    made = [found for found in objects if "forgotten" in found]
    suspects = [found for found in objects if found.get("type") == "close_wait"]
    wrong = []
    for one in made:
        these = [found for found in suspects if found["local"]["port"] == one["local"] and
                 found["remote"]["port"] == one["remote"]]
        if len(these) != 1:
            wrong.append(f"{one}: {len(these)} objects")
        for found in these:
            wrong += _check_one(one, found, options, version)
    if len(made) != EACH * len(HOWS) or len(suspects) != len(made):
        wrong.append(f"{len(made)} were forgotten, {len(suspects)} told of")
    if not [found for found in objects if found.get("status") == 0]:
        wrong.append("the exit status is not 0")
    lost = re.search(r", (\d+) lost$", errors[0]) if len(errors) == 1 else None
    if not lost or int(lost.group(1)) > LOST_MOST:
        wrong.append("on stderr: " + " / ".join(errors))
    return wrong
