#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""leaks: who holds a forgotten socket wherever its descriptor went, which sockets are looked at,
and what --once prints and ends with."""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time

from harness import attached, leaky, tap
from harness.control_group import control_group
from harness.expect import equal
from harness.leaks import (CLOSE, GROUP, NONE, SUSPECTS, Leaks, Once, check_printable, check_stack,
                           collect, group_of, holders, of, one, suspect_of)
from harness.leaky import FRAMED, FRAMELESS, MESSAGE, spaces
from harness.load import crowd
from harness.namespace import command
from harness.pair import time_of
from harness.tap import Failure, Skip, case, note
from harness.terminal import Terminal
from harness.tracer import run

ACCEPT = f"accept_client:{leaky.line_of('the accept of a stack')}"
CONNECT = f"connect_out:{leaky.line_of('the connect of a stack')}"
SHORT = ("--threshold", "0.2", "--interval", "0.25")
AT_ONCE = ("--threshold", "0.001")
# Of sockets that no bound is known of, or that are a moment old.
NOW = ("--threshold", "0.2", "-d", "0.5")
CONTAINER = "5e0f7a" + 58 * "c"


@contextlib.contextmanager
def watched(*options):
    """A stack, a namespace, and a tracer that looks at that alone."""
    with spaces("here") as (stack, here), Leaks("--netns", here.name, *SHORT, *options) as tracer:
        yield stack, here, tracer


def check_holders(server, found, wanted):
    """wanted: client port to what holders must be."""
    for port, suspect in found.items():
        if holders(suspect) != wanted[port]:
            raise Failure(f"{server.name}: holders of {port} are {suspect['holders']}, expected "
                          f"{wanted[port]}")


# ---- where a descriptor may go

@case("passed over a Unix socket: the receiver holds it, the acceptor made it")
def passed(_world):
    with watched() as (stack, here, tracer):
        server = leaky.start(stack, here, "passes", "pass")
        server.leak(10)
        found = collect(tracer, server, 10)
        group = tracer.take(group_of(server, count=10), "group")
    receiver = server.held[next(iter(found))][0]
    if receiver == server.pid:
        raise Failure("not passed on: this proves nothing")
    check_holders(server, found, {port: {(server.name, *server.held[port])} for port in found})
    equal("who accepted", {suspect["created"]["pid"] for suspect in found.values()}, {server.pid})
    equal("pid of the group", (group["pid"], group["processes"]), (receiver, 1))


@case("left to a forked child that its parent made for it")
def inherited(_world):
    with watched() as (stack, here, tracer):
        server = leaky.start(stack, here, "inherits", "inherit")
        server.leak(5)
        found = collect(tracer, server, 5)
        group = tracer.take(group_of(server, count=5), "group")
    check_holders(server, found, {port: {(server.name, *server.held[port])} for port in found})
    equal("who accepted", {suspect["created"]["pid"] for suspect in found.values()}, {server.pid})
    equal("processes", group["processes"], 5)
    for suspect in found.values():
        check_stack(suspect["created"], ACCEPT, "serve", "main")


@case("held by a server and a child that inherited all")
def shared(_world):
    with watched() as (stack, here, tracer):
        server = leaky.start(stack, here, "shares")
        server.connect(5)
        child = server.fork()
        for port in list(server.clients):
            server.close_client(port)
        found = collect(tracer, server, 5)
        group = tracer.take(group_of(server, count=5), "group")
    check_holders(server, found, {port: {(server.name, pid, server.held[port][1])
                                         for pid in (server.pid, child)} for port in found})
    equal("processes", group["processes"], 2)


def inside(pid):
    """The process that the command of that pid runs in a pid namespace."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return int(file.read().split()[0])


@case("a holder in another pid and mount namespace, with its cgroup")
def elsewhere(_world):
    path = f"/tcpclose-{os.getpid()}/docker-{CONTAINER}.scope"
    with control_group(path) as folder, watched() as (stack, here, tracer):
        enter = ("sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', folder)
        unshare = ("unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc")
        server = leaky.start(stack, here, "elsewhere", prefix=(*enter, *unshare))
        server.leak(3)
        pid = inside(server.pid)
        found = collect(tracer, server, 3)
        server.stop()
    for port, suspect in found.items():
        holder = one(suspect["holders"], "holders")
        wanted = {"comm": server.name, "pid": pid, "fd": server.held[port][1], "cgroup": path,
                  "other_pid_namespace": True}
        equal("holder", {field: holder.get(field) for field in wanted}, wanted)
        if not holder.get("container") or not CONTAINER.startswith(holder["container"]):
            raise Failure(f"container is {holder.get('container')}")
        check_stack(suspect["created"], ACCEPT, "serve", "main")


@case("a holder that is stopped is said to be")
def stopped(_world):
    with watched() as (stack, here, tracer):
        server = leaky.start(stack, here, "stopped")
        running = leaky.start(stack, here, "running")
        running.leak(1)
        ports = server.leak(1)
        os.kill(server.pid, signal.SIGSTOP)
        os.waitpid(server.pid, os.WUNTRACED)
        try:
            found = collect(tracer, server, 1)[ports[0]]
            other = one(list(collect(tracer, running, 1).values()), "suspects")
        finally:
            os.kill(server.pid, signal.SIGCONT)
    equal("stopped", one(found["holders"], "holders").get("stopped"), True)
    if one(other["holders"], "holders").get("stopped"):
        raise Failure(f"called stopped: {other}")


@case("in the queue of a listener that never accepts: who listens")
def not_accepted(_world):
    with watched() as (stack, here, tracer):
        server = leaky.start(stack, here, "refuses", "noaccept")
        server.leak(5)
        found = collect(tracer, server, 5)
        group = tracer.take(group_of(server, count=5), "group")
    for suspect in found.values():
        equal("accepted", (suspect["accepted"], suspect["eof_read"], suspect["unread_bytes"]),
              (False, False, MESSAGE))
        equal("who listens", {(comm, pid) for comm, pid, _ in holders(suspect)},
              {(server.name, server.pid)})
        if suspect.get("created", {}).get("pid"):
            raise Failure(f"nobody accepted it, but: {suspect['created']}")
    equal("group", (group["accepted"], group["pid"]), (False, server.pid))
    if "accept" not in group["advice"]:
        raise Failure(f"advice is {group['advice']!r}")


@case("in flight in a Unix socket: nobody holds it")
def in_flight(_world):
    with watched() as (stack, here, tracer):
        server = leaky.start(stack, here, "flies", "flight")
        server.leak(5)
        found = collect(tracer, server, 5)
        group = tracer.take(lambda told: told["type"] == GROUP and
                            (told.get("port"), told["count"]) == (server.port, 5), "group")
    for suspect in found.values():
        equal("holders", suspect["holders"], [])
        equal("accepted", (suspect["accepted"], suspect["created"]["pid"]), (True, server.pid))
    equal("held", group["held"], False)


@case("connected again after it was refused: the call that made the connection is told of")
def connected_again(_world):
    with watched() as (stack, here, tracer):
        with here:
            closed = socket.create_server(("127.0.0.1", 0))
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            client = stack.enter_context(socket.socket())
        nobody, somebody = closed.getsockname(), listener.getsockname()
        closed.close()
        equal("refused", client.connect_ex(nobody), errno.ECONNREFUSED)
        between = time.clock_gettime_ns(time.CLOCK_REALTIME)
        client.connect(somebody)
        listener.accept()[0].close()
        found = tracer.take(lambda told: told["type"] == CLOSE and
                            told["remote"]["port"] == somebody[1], "suspect")
    if time_of(found["created"]["ts"]) < between:
        raise Failure(f"created is the call that was refused, before {between}: {found}")


@case("a connection of its own: the code that connected, and the other's port")
def connected(_world):
    for program in (FRAMED, FRAMELESS):
        with watched() as (stack, here, tracer):
            server = leaky.start(stack, here, "connects", program=program)
            _, port = server.connect_out()
            found = tracer.take(lambda told, port=port: told["type"] == CLOSE and
                                told["remote"]["port"] == port, "suspect")
            group = tracer.take(group_of(server), "group")
        equal("created", (found["created"]["how"], found["created"]["pid"], group["how"]),
              ("connect", server.pid, "connect"))
        equal("port of the group", group["port"], port)
        check_stack(found["created"], CONNECT, "serve", "main")


# ---- which sockets are looked at, and once

class Servers:
    """Several at several addresses, each with sockets older than any tracer."""

    def __init__(self, stack, here, there):
        self.here, self.there = here, there
        self.alpha = leaky.start(stack, here, "alpha")
        self.beta = leaky.start(stack, here, "beta", "unread", address="::1")
        self.gamma = leaky.start(stack, there, "gamma", address="127.0.0.2")
        self.delta = leaky.start(stack, there, "delta", address="::", host="127.0.0.1")
        self.good = leaky.start(stack, here, "good", "close")
        self.leaking = (self.alpha, self.beta, self.gamma, self.delta)
        self.ports = {server.name: set(server.leak(4)) for server in self.leaking}
        self.good.leak(4)


class World:
    def __enter__(self):
        self._stack = contextlib.ExitStack()
        with self._stack as stack:
            inner, here, there = stack.enter_context(spaces("here", "there"))
            self.servers = Servers(inner, here, there)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._stack.__exit__(*details)


def told_by(servers, once):
    """Name of each server to the client's ports that were told, each once."""
    found = {}
    for server in servers.leaking:
        ports = [told["remote"]["port"] for told in filter(suspect_of(server), once.objects)]
        if len(ports) != len(set(ports)):
            raise Failure(f"told twice: {ports}")
        if ports:
            found[server.name] = set(ports)
    known = {server.port for server in servers.leaking}
    for suspect in once.of(CLOSE, servers.here, servers.there):
        if suspect["local"]["port"] not in known:
            raise Failure(f"told as well: {suspect}")
    return found


def check_once(servers, names, *options, now=AT_ONCE):
    once = Once(*now, *options)
    equal(f"told with {' '.join(options)}", told_by(servers, once),
          {name: servers.ports[name] for name in names})
    equal(f"exit status with {' '.join(options)}", once.status, SUSPECTS)
    for server in servers.leaking:
        if server.name in names:
            one(list(filter(group_of(server, count=4), once.objects)), f"groups of {server.name}")
    return once


@case("--once: what is there, once each, IPv4 and IPv6, with status 4")
def once_all(world):
    servers = world.servers
    once = check_once(servers, servers.ports.keys())
    for suspect in once.of(CLOSE, servers.here, servers.there):
        server = next(server for server in servers.leaking if suspect_of(server)(suspect))
        port = suspect["remote"]["port"]
        equal("holders", holders(suspect), {(server.name, *server.held[port])})
        equal("family", suspect["family"], 6 if server is servers.beta else 4)
        equal("eof_read", suspect["eof_read"], server is not servers.beta)
        if "since" in suspect or suspect["at_least_ns"] <= 0:
            raise Failure(f"older than the tracer: {suspect}")
    equal("the last object", once.objects[-1]["type"], "stats")


@case("--once of where nothing leaks: status 0, and nothing told")
def once_none(_world):
    with spaces("here") as (stack, here):
        leaky.start(stack, here, "good", "close").leak(4)
        for output in ("text", "table", "json"):
            once = Once(*AT_ONCE, "--netns", here.name, output=output)
            equal(f"exit status, {output}", once.status, NONE)
        equal("objects", [found["type"] for found in once.objects], ["stats"])


@case("--once of sockets below the threshold: status 0")
def once_below(world):
    with spaces("here") as (stack, here):
        leaky.start(stack, here, "young").leak(4)
        equal("exit status", Once("--netns", here.name).status, NONE) # 30 s
    once = Once("--netns", world.servers.here.name, "--threshold", "3600")
    equal("exit status", once.status, NONE)
    equal("objects", [found["type"] for found in once.objects], ["stats"])


@case("filters: each server by what only it has")
def filters(world):
    servers = world.servers
    alpha, beta = servers.alpha, servers.beta
    check_once(servers, {"alpha"}, "-p", str(alpha.pid))
    check_once(servers, {"beta"}, "-c", "beta")
    check_once(servers, {"gamma"}, "-L", str(servers.gamma.port))
    check_once(servers, {"alpha", "beta"}, "-L", f"{alpha.port},{beta.port}", "--netns",
               servers.here.name)
    check_once(servers, {"gamma"}, "--addr", "127.0.0.2", "--netns", servers.there.name)
    check_once(servers, {"beta"}, "--addr", "::1/128", "--netns", servers.here.name)
    check_once(servers, {"alpha", "gamma", "delta"}, "-4")
    check_once(servers, {"beta"}, "-6")
    check_once(servers, {"alpha", "beta"}, "--netns", servers.here.name)
    check_once(servers, {"gamma", "delta"}, "--netns", str(servers.gamma.pid))
    for options in (("-p", str(servers.good.pid)), ("-c", "good"), ("-D", "1")):
        equal(f"exit status with {options}", Once(*AT_ONCE, *options).status, NONE)


@case("filters: the remote port is one client's")
def remote_port(world):
    port = min(world.servers.ports["alpha"])
    once = Once(*AT_ONCE, "-D", str(port), "--netns", world.servers.here.name)
    equal("told", told_by(world.servers, once).get("alpha"), {port})


@case("without part of the kernel's offer: the same suspects")
def without(world):
    for feature in ("sock-diag", "socket-cookie"):
        once = check_once(world.servers, world.servers.ports.keys(), "--without", feature, now=NOW)
        for suspect in once.of(CLOSE, world.servers.here, world.servers.there):
            server = next(server for server in world.servers.leaking
                          if suspect_of(server)(suspect))
            equal(f"holders without {feature}", holders(suspect),
                  {(server.name, *server.held[suspect["remote"]["port"]])})
            equal(f"eof_read without {feature}", suspect["eof_read"], server.mode == "read")


@case("without part of the kernel's offer: those that leak while it watches, once each")
def without_live(_world):
    for feature in ("sock-diag", "socket-cookie"):
        with watched("--without", feature) as (stack, here, tracer):
            server = leaky.start(stack, here, "without")
            server.leak(20)
            found = collect(tracer, server, 20)
            tracer.stop()
            equal("number of objects", len(of(tracer.objects(CLOSE), CLOSE, here)), 20)
        check_holders(server, found, {port: {(server.name, *server.held[port])} for port in found})


@case("text and table name program, count and code; --once -d watches first")
def people(_world):
    for output in ("text", "table"):
        with spaces("here") as (stack, here):
            server = leaky.start(stack, here, "for-people")
            with Leaks("--once", "--netns", here.name, "--threshold", "0.2", "-d", "1.5",
                       output=output) as tracer:
                server.leak(7)
                outcome = tracer.wait()
        text = b"".join(outcome.lines).decode()
        equal("exit status", outcome.status, SUSPECTS)
        check_printable(text)
        wanted = ["for-people", "7"]
        if output == "text":
            wanted += ["accept_client", "leaky.c:" + ACCEPT.partition(":")[2], "-K"]
        if missing := [word for word in wanted if word not in text]:
            raise Failure(f"{output}: no {missing} in\n{text}")


@case("a terminal: drawn over from its first line, never more lines than it has")
def terminal(_world):
    with spaces("here") as (stack, here):
        screen = Terminal(12, 60)
        with Leaks("--netns", here.name, *SHORT, "-d", "2", output="text",
                   stdout=screen.side) as tracer:
            for number in range(8):
                leaky.start(stack, here, f"screen-{number}").leak(2)
            outcome = tracer.wait()
        equal("exit status", outcome.status, 0)
        if "screen-" not in screen.screens()[-1]:
            raise Failure("no group on the last screen")


def told_holders(suspect):
    """All that is told of them, which may be in any order."""
    return sorted(sorted(holder.items()) for holder in suspect["holders"])


@case("by the kernel's list and by a walk through /proc: the same holders, all of them")
def both_ways(_world):
    by_list, by_walk = ("--without", "all-processes"), ("--without", "task-files")
    if "iter/task_file" not in run("leaks", "--once", "--explain", *by_list)[1]:
        raise Skip("this kernel has no list of descriptors")
    with spaces("here") as (stack, here):
        shared = leaky.start(stack, here, "shares")
        shared.leak(20)
        children = {shared.fork() for _ in range(3)}
        pause = leaky.start(stack, here, "stands")
        pause.leak(5)
        os.kill(pause.pid, signal.SIGSTOP)
        stack.callback(os.kill, pause.pid, signal.SIGCONT)
        within = leaky.start(stack, here, "within", prefix=(
            "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"))
        within.leak(5)
        leaky.start(stack, here, "refuses", "noaccept").leak(5)
        with crowd(here, 2000, 1000):
            ways = [Once(*AT_ONCE, "--netns", here.name, *options).of(CLOSE, here)
                    for options in (by_list, by_walk)]
    first, second = ({(found["local"]["port"], found["remote"]["port"]): told_holders(found)
                         for found in told} for told in ways)
    equal("suspects", len(first), 1035)
    equal("holders", first, second)
    held = [holder["pid"] for found in ways[0] for holder in found["holders"]]
    equal("by forked children", {held.count(child) for child in children}, {20})
    for field, count in (("stopped", 5), ("other_pid_namespace", 5)):
        equal(field, sum(holder.get(field, False) for found in ways[0]
                         for holder in found["holders"]), count)


@case("thresholds that are none: status 2 and a sentence")
def thresholds(_world):
    for value in ("x", "-1", "", "1x", "nan", "1e999"):
        status, out, error = run("leaks", "--once", "--threshold", value)
        if status != 2 or out or "--threshold" not in error:
            raise Failure(f"{value!r}: status {status}, {out!r}, {error!r}")


@case("the command that it prints ends the sockets of the group, and no other")
def kill_hint(_world):
    with spaces("here", "there") as (stack, here, there):
        server = leaky.start(stack, here, "ends")
        other = leaky.start(stack, here, "stays")
        far = leaky.start(stack, there, "far")
        for each in (server, other, far):
            each.leak(5)
        before = {ports for ports in leaky.stuck(here) if ports[0] == other.port}
        once = Once(*NOW, "--netns", here.name)
        hint = one(list(filter(group_of(server), once.objects)), "groups")["kill_hint"]
        note(hint)
        if "-K" not in hint:
            raise Failure(f"no ss -K: {hint!r}")
        equal("sockets before", len(leaky.stuck(here)), 10)
        with here:
            done = subprocess.run(["sh", "-c", hint], capture_output=True, text=True, check=False)
        if "not supported" in done.stderr:
            raise Skip("this kernel cannot destroy sockets")
        if done.returncode:
            raise Failure(f"{hint}: {done.stderr}")
        equal("sockets left", leaky.stuck(here).keys(), before)
        equal("sockets elsewhere", len(leaky.stuck(there)), 5)


@case("kill -9 leaves nothing attached")
def killed(_world):
    with watched() as (_, here, tracer):
        held = attached.held(tracer.pid)
        if not any(kind == "link" for kind, _ in held):
            raise Failure("nothing was attached: this proves nothing")
        equal("exit status", tracer.stop(signal.SIGKILL).status, -signal.SIGKILL)
        equal("what is left", attached.wait_gone(lambda: held & attached.ids()), set())


if __name__ == "__main__":
    sys.exit(tap.main(World))
