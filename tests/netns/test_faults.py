#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What goes wrong around the tool: its sentence, its exit status, and what it leaves behind."""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time

from harness import attached, tap
from harness.closing import close_one, of
from harness.expect import equal
from harness.faults import (EXIT_DONE, EXIT_FAILED, EXIT_NOT_ATTACHED, EXIT_USAGE, sentence,
                            with_summary)
from harness.namespace import Namespace, command, connect_by_veth, namespaces
from harness.puppet import Puppet
from harness.tap import Failure, case
from harness.tracer import PROGRAM, SUMMARY, Tracer, run

HOSTILE = b"\x1b[2J\x07\"\\\n\xff\xc2\x9bx"
# Of what an output may hold, a terminal acts on nothing: line ends and printable characters.
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")


# ---- names from outside

def hostile(output):
    with namespaces("here") as (here,):
        with Tracer("--netns", here.name, output=output) as tracer:
            close_one(here, names=[os.fsdecode(HOSTILE)] * 2)
            outcome = tracer.stop()
        with_summary(outcome, EXIT_DONE)
        text = b"".join(outcome.lines).decode("utf-8") # and it must be valid UTF-8
        found = FORBIDDEN.search(text)
        if found:
            raise Failure(f"{found.group(0)!r} reaches the reader: "
                          f"{text[max(0, found.start() - 40):found.end() + 40]!r}")
        if "x" not in text or "2J" not in text:
            raise Failure(f"the process is not named at all: {text!r}")
        return outcome.lines


@case("a hostile process name in text")
def hostile_text():
    hostile("text")


@case("a hostile process name in table")
def hostile_table():
    hostile("table")


@case("a hostile process name in json")
def hostile_json():
    teardowns = [found for found in map(json.loads, hostile("json"))
                 if found["type"] == "teardown"]
    equal("number of objects", len(teardowns), 2)


# ---- the reader of the output

@case("standard output is full")
def full():
    for output in ("text", "table", "json"):
        with namespaces("here") as (here,), open("/dev/full", "wb") as out:
            with Tracer("--netns", here.name, output=output, stdout=out) as tracer:
                close_one(here)
                outcome = tracer.wait()
        with_summary(outcome, EXIT_FAILED)
        if "No space left on device" not in outcome.stderr:
            raise Failure(f"stderr does not say why: {outcome.stderr!r}")
        sentence("".join(outcome.stderr.splitlines(True)[:-1]))


@case("standard output is a pipe that nobody reads any more")
def closed_pipe():
    for output in ("text", "table", "json"):
        reader, writer = os.pipe()
        with namespaces("here") as (here,):
            with open(writer, "wb") as out:
                tracer = Tracer("--netns", here.name, output=output, stdout=out).__enter__()
            with tracer:
                os.close(reader)
                close_one(here)
                outcome = tracer.wait()
        with_summary(outcome, EXIT_DONE)
        equal("number of lines on stderr", len(outcome.stderr.splitlines()), 1)


# ---- what is traced goes away

@case("an interface deleted while it is traced")
def interface_deleted():
    with namespaces("left", "right") as (left, right):
        end = connect_by_veth(left, right)[0]
        with Tracer() as tracer:
            close_one(left, address="10.77.1.2", server_side=right)
            tracer.take(of(left), "teardown over the interface")
            left.ip("link", "delete", end)
            close_one(right)
            tracer.take(of(right), "teardown after it was deleted")
            outcome = tracer.stop()
        with_summary(outcome, EXIT_DONE)
        equal("number of lines on stderr", len(outcome.stderr.splitlines()), 1)


@case("an interface named with -i deleted while it is traced")
def named_interface_deleted():
    with namespaces("left", "right") as (left, right):
        end = connect_by_veth(left, right)[0]
        with left:
            tracer = Tracer("-i", end).__enter__()
        with tracer:
            close_one(left, address="10.77.1.2", server_side=right)
            found = tracer.take(of(left), "teardown over the interface")
            if not found["segments"]:
                raise Failure("no segments of the interface that was asked for")
            left.ip("link", "delete", end)
            outcome = tracer.stop()
        with_summary(outcome, EXIT_DONE)


@case("an interface made while it runs is traced")
def interface_added():
    with namespaces("left", "right") as (left, right), Tracer() as tracer:
        connect_by_veth(left, right, 2)
        # The attachment follows the kernel's message; the first close that is seen proves it.
        for _ in range(50):
            close_one(left, address="10.77.2.2", server_side=right)
            found = tracer.take(of(left), "teardown over the interface")
            if found["segments"]:
                return
    raise Failure("no segments of an interface made after the start")


@case("a namespace deleted while it is traced")
def namespace_deleted():
    with namespaces("stays") as (stays,):
        gone = Namespace("gone")
        try:
            tracer = Tracer().__enter__()
        finally:
            gone.remove()
        with tracer:
            close_one(stays)
            tracer.take(of(stays), "teardown in the other namespace")
            outcome = tracer.stop()
        with_summary(outcome, EXIT_DONE)


# ---- what the kernel or the user does not allow

def refused(*options, word, **settings):
    status, out, error = run(*options, **settings)
    equal("exit status", status, EXIT_NOT_ATTACHED)
    equal("stdout", out, "")
    sentence(error)
    if word not in error:
        raise Failure(f"{word!r} is not in {error!r}")


@case("no BTF")
def no_btf():
    refused("--without", "btf", word="kernel types")


@case("no ring buffer")
def no_ring_buffer():
    refused("--without", "ringbuf", word="ring buffer")


@case("not root")
def not_root():
    # The checkout may be in a folder that others cannot enter.
    with tempfile.TemporaryDirectory(prefix="tcpclose-") as folder:
        os.chmod(folder, 0o755)
        refused(word="root", prefix=NOBODY, program=shutil.copy(PROGRAM, folder))


@case("part of the kernel's offer missing: it goes without")
def without_parts():
    for feature in ("socket-cookie", "send-reset", "reset-reason", "receive-reset", "retransmit",
                    "destroy", "accept-tracepoint", "timer-expire", "fentry", "xdp",
                    "sock-diag", "task-files"):
        with namespaces("here") as (here,):
            with Tracer("--netns", here.name, "--without", feature) as tracer:
                close_one(here)
                for _ in range(2):
                    found = tracer.take(of(here), f"teardown without {feature}")
                    equal(f"kind without {feature}", found["kind"], "three-way")
                outcome = tracer.stop()
            with_summary(outcome, EXIT_DONE)


@case("neither tcx nor clsact: states without segments, and it says so")
def without_packets():
    with namespaces("here") as (here,):
        with Tracer("--netns", here.name, "--without", "tcx", "--without", "clsact") as tracer:
            close_one(here)
            found = tracer.take(of(here), "teardown")
            equal("segments", found["segments"], [])
            outcome = tracer.stop()
        with_summary(outcome, EXIT_DONE)
        if len(outcome.stderr.splitlines()) < 2:
            raise Failure("nothing on stderr tells that there are no segments")


@case("segments asked for that cannot be had")
def asked_packets():
    refused("--packets", "xdp", "--without", "xdp", word="--packets xdp")


# ---- wrong usage

WRONG = [["--bogus"], ["-x"], ["-d", "x"], ["-d", "-1"], ["-d"], ["-n", "0"], ["-n", "-1"],
         ["-n", "1x"], ["-o", "xml"], ["-L", "99999"], ["-L", "80,"], ["-L", ""], ["-D", "0"],
         ["--addr", "1.2.3"], ["--addr", "10.0.0.0/33"], ["--addr", "fd00::/129"], ["-p", "0"],
         ["-p", "x"], ["--packets", "foo"], ["--without", "nothing"], ["-i"], ["-i", ""],
         ["--netns", "nonesuch"], ["--cgroup", "/nonesuch"], ["--ring-size", "3"], ["extra"],
         ["--count=1", "extra"], ["--ready-file"],
         ["--help=yes"]]


@case("malformed options")
def malformed():
    for options in WRONG:
        status, out, error = run(*options)
        try:
            equal("exit status", status, EXIT_USAGE)
            equal("stdout", out, "")
            sentence(error)
        except Failure as failure:
            raise Failure(f"{' '.join(options)}: {failure}") from None


@case("a ready file of an earlier run is removed")
def old_ready_file():
    with tempfile.TemporaryDirectory(prefix="tcpclose-") as folder:
        path = os.path.join(folder, "ready")
        with open(path, "w", encoding="ascii"):
            pass
        refused("--ready-file", path, "--without", "ringbuf", word="ring buffer")
        equal("files", os.listdir(folder), [])


@case("a ready file that cannot be made")
def no_ready_file():
    status, _, error = run("--ready-file", "/nonesuch/ready")
    equal("exit status", status, EXIT_FAILED)
    lines = error.splitlines()
    sentence(lines[0])
    if not SUMMARY.fullmatch(lines[-1]):
        raise Failure(f"no summary at the end of stderr: {error!r}")


# ---- the end

@case("SIGINT and SIGTERM flush and end with the summary")
def signals():
    for how in (signal.SIGINT, signal.SIGTERM):
        for output in ("text", "table", "json"):
            with namespaces("here") as (here,):
                with Tracer("--netns", here.name, output=output) as tracer:
                    close_one(here)
                    outcome = tracer.stop(how)
            equal("teardowns", with_summary(outcome, EXIT_DONE)["teardowns"], 2)
            if not outcome.lines:
                raise Failure(f"{how.name}: {output} was not flushed")


@case("a close under way at the end is told of as unfinished")
def unfinished():
    with namespaces("here") as (here,), contextlib.ExitStack() as stack:
        with Tracer("--netns", here.name) as tracer:
            server, client = Puppet(here, "server"), Puppet(here, "client")
            stack.callback(server.stop)
            stack.callback(client.stop)
            client.connect("127.0.0.1", server.listen("127.0.0.1"))
            server.accept()
            client.shutdown("write")
            server.read_end()
            outcome = tracer.stop()
        summary = with_summary(outcome, EXIT_DONE)
        equal("summary", (summary["teardowns"], summary["unfinished"]), (0, 2))
        for found in filter(of(here), tracer.objects()):
            equal("complete", found["complete"], False)
            equal("incomplete", found["incomplete"], ["stopped"])


@case("--count")
def count():
    with namespaces("here") as (here,):
        with Tracer("--netns", here.name, "--count", "3", recorded=True) as tracer:
            for _ in range(4):
                close_one(here)
            outcome = tracer.wait()
        with_summary(outcome, EXIT_DONE)
        equal("number of objects", len(tracer.objects()), 3)


@case("--duration")
def duration():
    begin = time.monotonic()
    with Tracer("--duration", "1.5") as tracer:
        ready = time.monotonic()
        outcome = tracer.wait()
    with_summary(outcome, EXIT_DONE)
    end = time.monotonic()
    if end - begin < 1.5 or end - ready > 5:
        raise Failure(f"it ended {end - ready:.1f} s after it was ready")


# ---- what is left

def ours_in(namespace):
    """Programs on the interfaces of the namespace, by tc or XDP; bpftool 7.1 knows no tcx."""
    with namespace:
        told = json.loads(command("bpftool", "-j", "net", "show"))[0]
        for interface in json.loads(command("ip", "-j", "link", "show")):
            for parent in ("ingress", "egress"):
                told.setdefault("filters", []).extend(command(
                    "tc", "filter", "show", "dev", interface["ifname"], parent).splitlines())
    return [item for kind in ("tc", "xdp", "filters") for item in told.get(kind, [])]


def kill_9(here, *options):
    """A tracer killed while at work; what it had loaded and attached."""
    with Tracer("--netns", here.name, *options) as tracer:
        held = attached.held(tracer.pid)
        if not any(kind == "link" for kind, _ in held):
            raise Failure("nothing was attached: this proves nothing")
        equal("exit status", tracer.stop(signal.SIGKILL).status, -signal.SIGKILL)
    return held


@case("kill -9 leaves nothing attached")
def killed():
    with namespaces("here") as (here,):
        held = kill_9(here)
        equal("what is left", attached.wait_gone(lambda: held & attached.ids()), set())
        equal("what is attached in the namespace", ours_in(here), [])


@case("kill -9 with clsact: the next start removes what is left and says so")
def killed_clsact():
    with namespaces("here") as (here,):
        kill_9(here, "--without", "tcx")
        left = ours_in(here)
        if not left:
            raise Failure("clsact filters went away by themselves: this proves nothing")
        with Tracer("--netns", here.name) as tracer:
            close_one(here)
            found = tracer.take(of(here), "teardown")
            equal("kind", found["kind"], "three-way")
            outcome = tracer.stop()
        with_summary(outcome, EXIT_DONE)
        if "remove" not in outcome.stderr:
            raise Failure(f"stderr does not tell of it: {outcome.stderr!r}")
        equal("what is attached in the namespace", ours_in(here), [])


@case("clsact: a normal end leaves nothing, and the filters of others stay")
def clsact_end():
    with namespaces("here") as (here,):
        with here:
            command("tc", "qdisc", "add", "dev", "lo", "clsact")
            command("tc", "filter", "add", "dev", "lo", "ingress", "prio", "7", "protocol", "ip",
                    "u32", "match", "u32", "0", "0", "flowid", "1:1")
        before = ours_in(here)
        with Tracer("--netns", here.name, "--without", "tcx") as tracer:
            close_one(here)
            found = tracer.take(of(here), "teardown")
            equal("kind", found["kind"], "three-way")
            outcome = tracer.stop()
        with_summary(outcome, EXIT_DONE)
        equal("what is attached in the namespace", ours_in(here), before)


@case("two tracers at once do not disturb each other")
def two():
    for options in ((), ("--without", "tcx")):
        with namespaces("here") as (here,):
            with Tracer("--netns", here.name, *options) as one:
                with Tracer("--netns", here.name, *options) as other:
                    close_one(here)
                    for tracer in (one, other):
                        found = tracer.take(of(here), "teardown")
                        equal("kind", found["kind"], "three-way")
                    with_summary(other.stop(), EXIT_DONE)
                close_one(here)
                one.take(of(here), "teardown")
                one.take(of(here), "teardown")
                equal("kind", one.take(of(here), "teardown")["kind"], "three-way")
                with_summary(one.stop(), EXIT_DONE)


@case("an XDP program of someone else stays, and tc reads what it let pass")
def foreign_xdp():
    with namespaces("here") as (here,):
        with Tracer("--netns", here.name, "--packets", "xdp") as someone:
            attached = ours_in(here)
            for options in ((), ("--packets", "xdp", "-v")):
                with Tracer("--netns", here.name, *options) as tracer:
                    close_one(here)
                    found = tracer.take(of(here), "teardown")
                    equal("kind", found["kind"], "three-way")
                    equal("hooks", {tuple(place["hook"] for place in segment["seen"])
                                    for segment in found["segments"]},
                          {("tc-egress", "tc-ingress")})
                    outcome = tracer.stop()
                with_summary(outcome, EXIT_DONE)
                equal("what is attached afterwards", ours_in(here), attached)
            if "another XDP program is there" not in outcome.stderr:
                raise Failure(f"stderr does not tell of it: {outcome.stderr[-500:]!r}")
            with_summary(someone.stop(), EXIT_DONE)


if __name__ == "__main__":
    sys.exit(tap.main())
