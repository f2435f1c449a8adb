# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""`tcpclose-trace leaks` under test: started or run once, and how its objects are read."""

import json
import re

from .pair import time_of
from .tap import Failure
from .tracer import Tracer, run

NONE, SUSPECTS = 0, 4 # exit status of --once
CLOSE, GROUP = "close_wait", "close_wait_group"
STACK_ENDS = {"whole", "no-frame-pointers", "deep", "process-gone", "unreadable", "pending"}
# One of them starts each thread.
OUTERMOST = re.compile(r"_start|__libc_start_(call_)?main.*|start_thread|clone3?|__clone3?")
# Of what an output may hold, a terminal acts on nothing: line ends and printable characters.
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Leaks(Tracer):
    def __init__(self, *options, **settings):
        super().__init__("leaks", *options, **settings)


def parse(text):
    """The objects of JSON lines."""
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError as error:
        raise Failure(f"not JSON: {error}: {text[:2000]!r}") from None


class Once:
    """What --once told."""

    def __init__(self, *options, output="json", **settings):
        self.status, self.out, self.error = run("leaks", "--once", "-o", output, *options,
                                                **settings)
        if self.status not in (NONE, SUSPECTS):
            raise Failure(f"status {self.status}, {self.out[:1000]!r}, {self.error!r}")
        self.objects = parse(self.out) if output == "json" else []

    def of(self, kind, *namespaces):
        return of(self.objects, kind, *namespaces)


def of(objects, kind, *namespaces):
    """Those of a kind, of these namespaces."""
    inodes = {namespace.inode for namespace in namespaces}
    return [found for found in objects if found["type"] == kind and
            (found.get("netns") or found.get("local", {}).get("netns")) in inodes]


def suspect_of(server):
    return lambda found: found["type"] == CLOSE and \
        found["local"].get("netns") == server.namespace.inode and \
        found["local"]["port"] == server.port


def group_of(server, **wanted):
    return lambda found: found["type"] == GROUP and \
        found.get("netns") == server.namespace.inode and found["comm"] == server.name and \
        all(found.get(field) == value for field, value in wanted.items())


def collect(tracer, server, count):
    """The suspects of a server, by the client's port: so many, and none of them twice."""
    found = {}
    for _ in range(count):
        suspect = tracer.take(suspect_of(server), f"suspect of {server.name} after {len(found)}")
        if suspect["remote"]["port"] in found:
            raise Failure(f"told twice: {suspect}")
        found[suspect["remote"]["port"]] = suspect
    return found


def one(found, what):
    """The only element of a list."""
    if len(found) != 1:
        raise Failure(f"{len(found)} of {what}: {found}")
    return found[0]


def holders(suspect):
    return {(holder["comm"], holder["pid"], holder["fd"]) for holder in suspect["holders"]}


def functions(stack):
    return [entry.get("function") for entry in stack]


def check_stack(step, *names):
    """names: functions that it must have, the innermost first; "function:line" in leaky.c."""
    told = [(entry.get("function"), entry) for entry in step["stack"]]
    for name in names:
        function, _, line = name.partition(":")
        while told and told[0][0] != function:
            told.pop(0)
        if not told:
            raise Failure(f"no {function} in {step}")
        entry = told.pop(0)[1]
        if line and (entry.get("line") != int(line) or
                     not entry.get("file", "").endswith("leaky.c")):
            raise Failure(f"{function} is at {entry.get('file')}:{entry.get('line')}, "
                          f"expected leaky.c:{line}")
    check_honest(step)


def check_honest(step):
    """A stack that is called whole begins where threads do; another says why it is not."""
    end, stack = step.get("stack_end"), step["stack"]
    if end not in STACK_ENDS:
        raise Failure(f"stack_end {end!r}: {step}")
    if end == "whole" and not any(OUTERMOST.fullmatch(name or "") for name in functions(stack)):
        raise Failure(f"called whole, but it does not begin at a start: {functions(stack)}")
    if any("address" not in entry for entry in stack):
        raise Failure(f"an entry without an address: {stack}")


def check_age(suspect, fin, known_since, tolerance=50_000_000):
    """`fin`: the clock before and after the client's FIN. A time that was seen is right, a lower
    bound never above the truth."""
    before, after = fin
    ts = time_of(suspect["ts"])
    if known_since != ("since" in suspect) or known_since != ("age_ns" in suspect) or \
            known_since == ("at_least_ns" in suspect):
        raise Failure(f"since, age_ns, at_least_ns of one {'seen' if known_since else 'older'}: "
                      f"{suspect}")
    if not known_since:
        if suspect["at_least_ns"] > ts - before:
            raise Failure(f"at_least_ns is {suspect['at_least_ns']}, its age {ts - before}")
        if suspect["at_least_ns"] < ts - after - tolerance:
            raise Failure(f"at_least_ns is only {suspect['at_least_ns']} of {ts - after}")
        return
    since = time_of(suspect["since"])
    if not before - tolerance <= since <= after + tolerance:
        raise Failure(f"since is {since}, the FIN was sent from {before} to {after}")
    if abs(ts - since - suspect["age_ns"]) > tolerance:
        raise Failure(f"age_ns is {suspect['age_ns']}, {ts - since} have passed since then")


def check_printable(text):
    """A string, or bytes that must be UTF-8."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    found = FORBIDDEN.search(text)
    if found:
        raise Failure(f"{found.group(0)!r} reaches the reader: "
                      f"{text[max(0, found.start() - 40):found.end() + 40]!r}")
