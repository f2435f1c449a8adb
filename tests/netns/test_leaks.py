#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""leaks: each socket that four programs forget, by whom, since when and from which code; and what
becomes of groups that leak, drain, or are gone before they count."""

import contextlib
import os
import sys
import threading
import time

from harness import leaky, tap
from harness.expect import equal
from harness.leaks import (CLOSE, GROUP, Leaks, check_age, check_honest, check_stack, collect,
                           functions, group_of, holders, of, one, suspect_of)
from harness.leaky import FRAMED, FRAMELESS, MESSAGE, NODE, PYTHON, pause, spaces
from harness.namespace import Namespace
from harness.tap import Failure, Skip, case, note
from harness.tracer import Tracer

SOCKETS = 100 # of each server
PROGRAMS = {"framed": FRAMED, "bare": FRAMELESS, "python": PYTHON, "node": NODE}
ACCEPT = f"accept_client:{leaky.line_of('the accept of a stack')}"
READ = f"read_client:{leaky.line_of('the read of a stack')}"
INTERVAL, SHORT = ("--interval", "0.25"), ("--threshold", "0.2")


class World:
    """A tracer, and servers that leak while it watches: each program in mode read and unread."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.here = Namespace("here")
            stack.callback(self.here.remove)
            self.tracer = stack.enter_context(Leaks("--netns", self.here.name, *SHORT, *INTERVAL))
            self._servers, self._found = {}, {}
            self._stack = stack.pop_all()
        return self

    def server(self, program, mode):
        """Started when the first case asks for it."""
        name = f"{program}-{mode}"
        if name not in self._servers:
            server = leaky.start(self._stack, self.here, name, mode, PROGRAMS[program])
            self._servers[name] = server
            server.leak(SOCKETS)
            self._found[name] = collect(self.tracer, server, SOCKETS)
        elif name not in self._found:
            raise Failure(f"{name}: not all suspects were told before")
        return self._servers[name], self._found[name]

    def __exit__(self, *details):
        return self._stack.__exit__(*details)


def wrong_of(server, port, suspect, truth, by_ss):
    """How the object of the client's port differs from what /proc and ss say."""
    pid, descriptor = server.held[port]
    inode, queued = truth[server.port, port]
    if os.readlink(f"/proc/{pid}/fd/{descriptor}") != f"socket:[{inode}]":
        raise Failure(f"{server.name} told wrong of {port}")
    equal("holders by ss", by_ss[server.port, port], {(server.name, pid, descriptor)})
    reads = server.mode == "read"
    equal("Recv-Q", queued, 0 if reads else MESSAGE + 1)
    wanted = {"eof_read": reads, "unread_bytes": 0 if reads else MESSAGE, "accepted": True}
    wrong = [f"{field} is {suspect.get(field)!r}" for field, value in wanted.items()
             if suspect.get(field) != value]
    if holders(suspect) != {(server.name, pid, descriptor)}:
        wrong.append(f"holders are {suspect['holders']}, expected {pid} fd {descriptor}")
    created = suspect.get("created", {})
    if (created.get("how"), created.get("pid"), created.get("comm")) != \
            ("accept", pid, server.name):
        wrong.append(f"created is {created}")
    return [f"{server.name}, {port}: {line}" for line in wrong]


def check_program(world, program):
    for mode in ("read", "unread"):
        server, found = world.server(program, mode)
        truth, by_ss = leaky.stuck(world.here), leaky.held_by_ss(world.here)
        equal("ports", found.keys(), server.fins.keys())
        wrong = []
        for port, suspect in found.items():
            wrong += wrong_of(server, port, suspect, truth, by_ss)
            check_age(suspect, server.fins[port], True)
        if wrong:
            raise Failure("\n".join([f"{len(wrong)} differences", *wrong[:10]]))


def check_code(world, program):
    """Of a program whose stacks can be told: where each socket was accepted and read."""
    for mode in ("read", "unread"):
        server, found = world.server(program, mode)
        for suspect in found.values():
            check_stack(suspect["created"], ACCEPT, "serve", "main")
            if mode == "unread":
                equal("last_read", suspect.get("last_read"), None)
                continue
            read = suspect.get("last_read", {})
            equal("last_read", (read.get("pid"), read.get("comm"), read.get("bytes")),
                  (server.pid, server.name, 0))
            check_stack(read, READ, "serve", "main")


def check_what_is_told(world, program):
    """Of one whose stacks may be short: they say so."""
    for mode in ("read", "unread"):
        _, found = world.server(program, mode)
        ends = set()
        for suspect in found.values():
            check_honest(suspect["created"])
            ends.add(suspect["created"]["stack_end"])
            if not suspect["created"]["stack"]:
                raise Failure(f"not even the call itself: {suspect['created']}")
        note(f"{program} {mode}: {ends}, {functions(suspect['created']['stack'])}")


@case("C with frame pointers: holder, end of file and age of each of 2 x 100")
def framed(world):
    check_program(world, "framed")


@case("C with frame pointers: the code that accepted and that read")
def framed_code(world):
    check_code(world, "framed")


@case("C without frame pointers: holder, end of file and age of each of 2 x 100")
def frameless(world):
    check_program(world, "bare")


@case("C without frame pointers: the code that accepted and that read")
def frameless_code(world):
    check_code(world, "bare")


@case("Python: holder, end of file and age of each of 2 x 100")
def python(world):
    check_program(world, "python")


@case("Python: a stack that is short says so")
def python_code(world):
    check_what_is_told(world, "python")


@case("Node: holder, end of file and age of each of 2 x 100")
def node(world):
    check_program(world, "node")


@case("Node: a stack that is short says so")
def node_code(world):
    check_what_is_told(world, "node")


@case("their groups: one for each C server, all sockets in the others'")
def groups(world):
    advices = {}
    for program in PROGRAMS:
        for mode in ("read", "unread"):
            try:
                server, _ = world.server(program, mode)
            except Skip:
                continue
            group = world.tracer.take(group_of(server, count=SOCKETS), f"group of {server.name}")
            wanted = {"pid": server.pid, "processes": 1, "held": True, "accepted": True,
                      "how": "accept", "port": server.port, "eof_read": SOCKETS * (mode == "read"),
                      "unread_bytes": MESSAGE * SOCKETS * (mode == "unread")}
            equal(f"group of {server.name}", {field: group.get(field) for field in wanted}, wanted)
            if program in ("framed", "bare"):
                check_stack(group, ACCEPT, "serve", "main")
            if "127.0.0.1" not in str(group["peers"]):
                raise Failure(f"peers are {group['peers']}")
            advices.setdefault(mode, set()).add(group["advice"])
    if not all(all(found) for found in advices.values()) or \
            advices["read"] & advices["unread"]:
        raise Failure(f"advice does not depend on whether they read: {advices}")


@case("the largest group is the first, and SIGINT ends it with status 0")
def end(world):
    outcome = world.tracer.stop()
    equal("exit status", outcome.status, 0)
    if outcome.summary is None or outcome.summary["lost"]:
        raise Failure(outcome.stderr)
    equal("the last object", [world.tracer.objects("stats")[-1]],
          [found for found in world.tracer.left() if found["type"] == "stats"])
    by_time = {}
    for group in world.tracer.objects(GROUP):
        by_time.setdefault(group["ts"], []).append(group["count"])
    for ts, counts in by_time.items():
        if counts != sorted(counts, reverse=True):
            raise Failure(f"{ts}: {counts}")
    suspects = of(world.tracer.objects(CLOSE), CLOSE, world.here)
    keys = {(found["local"]["port"], found["remote"]["port"]) for found in suspects}
    equal("number of objects", len(suspects), len(keys))


# ---- since when

def check_ages(server, found, seen):
    """seen: ports whose FIN was surely sent while it watched; None: not known."""
    for port, suspect in found.items():
        known = "since" in suspect if seen is None else port in seen
        check_age(suspect, server.fins[port], known)
        age = suspect.get("age_ns", suspect.get("at_least_ns"))
        if age < 200_000_000:
            raise Failure(f"below the threshold: {suspect}")


def check_number(tracer, here, count):
    """After the end: nothing was told twice or too much."""
    equal("exit status", tracer.stop().status, 0)
    equal("number of objects", len(of(tracer.objects(CLOSE), CLOSE, here)), count)


@case("50 that leaked before it starts and 50 after: each once, with its age")
def before_and_after(_world):
    with spaces("here") as (stack, here):
        server = leaky.start(stack, here, "ages")
        server.leak_paced(50, 0.01)
        early = server.connect(25) # older than the tracer, but not their FINs
        with Leaks("--netns", here.name, *SHORT, *INTERVAL) as tracer:
            for port in early:
                server.close_client(port)
            server.wait_leaked(early)
            late = server.leak_paced(25, 0.01)
            found = collect(tracer, server, 100)
            check_number(tracer, here, 100)
    check_ages(server, found, set(early + late))
    if any(found[port].get("created", {}).get("how") != "accept" for port in late):
        raise Failure("accepted while it watched, but not known to be")
    if guessed := [found[port] for port in early if found[port].get("created", {}).get("pid")]:
        raise Failure(f"accepted before it watched, but told by whom: {guessed[0]}")


@case("leaks go on while it starts: each once, with its age")
def while_it_starts(_world):
    count = 400
    with spaces("here") as (stack, here):
        server = leaky.start(stack, here, "starts")
        ports = server.connect(count)

        def leak():
            for port in ports:
                server.close_client(port)
                pause(0.005)
        load = threading.Thread(target=leak)
        load.start()
        try:
            with Leaks("--netns", here.name, *SHORT, *INTERVAL) as tracer:
                load.join()
                server.wait_leaked(ports)
                found = collect(tracer, server, count)
                check_number(tracer, here, count)
        finally:
            load.join()
    check_ages(server, found, None)
    seen = sum("since" in suspect for suspect in found.values())
    note(f"{count - seen} before, {seen} while it watched")
    if seen in (0, count):
        raise Failure("all on one side of the start: this proves nothing")


# ---- who is a suspect, and what becomes of groups

@case("closed before the threshold: never a suspect")
def below(_world):
    with spaces("here") as (stack, here):
        brief, marker = (leaky.start(stack, here, name) for name in ("brief", "marker"))
        options = ("--netns", here.name, *INTERVAL)
        with Leaks(*options, "--threshold", "0.5") as quick, \
                Leaks(*options, "--threshold", "3") as slow:
            brief.leak(20)
            marker.leak(1)
            collect(quick, brief, 20) # half a second has passed
            brief.close(20)
            collect(slow, marker, 1) # and now 3
            slow.stop()
        told = list(filter(suspect_of(brief), slow.objects(CLOSE))) + \
            list(filter(group_of(brief), slow.objects(GROUP)))
    if told:
        raise Failure(f"told: {told[0]}")


def later(tracer, server, looks):
    """The group of a server so many looks from now."""
    printed = sum(map(group_of(server), tracer.left()))
    for _ in range(printed + looks):
        group = tracer.take(group_of(server), f"group of {server.name}")
    return group


def groups_at(tracer, server, ts):
    """The server's groups at a look."""
    return [found for found in filter(group_of(server), tracer.objects(GROUP))
            if found["ts"] == ts]


@case("closed later: fewer in the group, then no group")
def vanishes(_world):
    with spaces("here") as (stack, here):
        going, staying = (leaky.start(stack, here, name) for name in ("going", "staying"))
        with Leaks("--netns", here.name, *SHORT, *INTERVAL) as tracer:
            staying.leak(5)
            going.leak(30)
            tracer.take(group_of(going, count=30), "group of 30")
            going.close(12)
            tracer.take(group_of(going, count=18), "group of 18")
            going.close(18)
            last = later(tracer, staying, 3)["ts"]
            tracer.stop()
        equal("groups of what is closed", groups_at(tracer, going, last), [])
        equal("groups of what is not", len(groups_at(tracer, staying, last)), 1)


@case("a burst that drains is not growing", deadline=90)
def burst(_world):
    with spaces("here") as (stack, here):
        server = leaky.start(stack, here, "burst")
        with Leaks("--netns", here.name, *SHORT, *INTERVAL) as tracer:
            server.leak(120)
            tracer.take(group_of(server, count=120), "group of 120")
            for left in range(115, 0, -5):
                server.close(5)
                tracer.take(group_of(server, count=left), f"group of {left}")
            tracer.stop()
    trends = [found["trend"] for found in filter(group_of(server), tracer.objects(GROUP))]
    note("in turn: " + " ".join(trend for number, trend in enumerate(trends)
                                if trends[number - 1:number] != [trend]))
    if "growing" in trends:
        raise Failure(f"called growing: {trends}")


@case("a steady leak is growing, at its rate", deadline=120)
def steady(_world):
    rate = 5 # a second
    with spaces("here") as (stack, here):
        server = leaky.start(stack, here, "steady")
        start = time.monotonic()
        with Leaks("--netns", here.name, *SHORT, *INTERVAL) as tracer:
            leaked, grown = 0, 0
            while grown < 20 and time.monotonic() - start < 60:
                server.leak(1)
                leaked += 1
                pause(max(0, start + leaked / rate - time.monotonic()))
                grown = sum(found["trend"] == "growing"
                            for found in filter(group_of(server), tracer.objects(GROUP)))
            took = time.monotonic() - start
            tracer.stop()
    group = list(filter(group_of(server), tracer.objects(GROUP)))[-1]
    note(f"{leaked} in {took:.1f} s, told: {group['trend']}, {group['growth_per_min']} a minute")
    equal("trend", group["trend"], "growing")
    right = 60 * leaked / took
    if abs(group["growth_per_min"] - right) > 0.2 * right:
        raise Failure(f"{group['growth_per_min']} a minute, in truth {right:.0f}")


# ---- live timelines

@case("live timelines with --threshold: one object for a socket that crosses it")
def live(_world):
    with spaces("here") as (stack, here):
        server = leaky.start(stack, here, "live")
        with Tracer("--netns", here.name, "--threshold", "0.3", recorded=True) as tracer:
            ports = server.leak(3)
            found = collect(tracer, server, 3)
            server.close(3)
            for _ in range(3):
                closed = tracer.take(lambda told: told["type"] == "teardown" and
                                     told["local"]["port"] == server.port, "teardown")
                if closed["close_wait"]["duration_ns"] < 300_000_000:
                    raise Failure(f"close_wait is {closed['close_wait']}")
            tracer.stop()
        equal("number of objects", len(of(tracer.objects(CLOSE), CLOSE, here)), 3)
    for port in ports:
        check_age(found[port], server.fins[port], True)
        equal("holders", holders(found[port]), {(server.name, *server.held[port])})
        check_stack(found[port]["created"], ACCEPT, "serve", "main")


@case("live timelines without --threshold tell of no suspects")
def live_without(_world):
    with spaces("here") as (stack, here):
        server = leaky.start(stack, here, "live")
        with Tracer("--netns", here.name) as tracer:
            server.leak(3)
            tracer.stop()
    equal("objects", tracer.objects(CLOSE) + tracer.objects(GROUP), [])


@case("live timelines in text and table: a line for a socket that crosses it")
def live_text(_world):
    for output in ("text", "table"):
        with spaces("here") as (stack, here):
            server = leaky.start(stack, here, "live-name")
            with Tracer("--netns", here.name, "--threshold", "0.3", "-d", "1.5",
                        output=output, recorded=True) as tracer:
                port = one(server.leak(1), "sockets")
                outcome = tracer.wait()
        lines = [line.decode() for line in outcome.lines if b"CLOSE_WAIT" in line]
        if not any(str(port) in line and "live-name" in line for line in lines):
            raise Failure(f"{output}: no line names the program: {outcome.lines}")


if __name__ == "__main__":
    sys.exit(tap.main(World))
