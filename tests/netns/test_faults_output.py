#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Where the tool writes: a reader that is slow or reads no more, a disk that is full, descriptors
that are closed or too few. It waits, does not grow, counts, and ends when it is told to."""

import contextlib
import json
import os
import re
import select
import signal
import sys
import tempfile
import threading
import time

from harness import tap
from harness.closing import close_one, of
from harness.expect import equal
from harness.faults import EXIT_DONE, EXIT_FAILED, EXIT_NOT_ATTACHED, sentence, with_summary
from harness.load import Load
from harness.namespace import command, namespaces
from harness.tap import Failure, Skip, case, note
from harness.tracer import SUMMARY, Tracer, replay_differs, run

MEMORY = 100 << 20
SMALL = ("--ring-size", "256K")
SECONDS = 2
STEADILY = ("-r", "3000")
PAUSE = 4 # longer than a replay waits for what a file has later
SLOWLY = 2 << 20 # bytes per second


def peak(tracer):
    """Bytes of memory of its own, at most, so far."""
    with open(f"/proc/{tracer.pid}/status", encoding="ascii") as file:
        return int(re.search(r"^VmHWM:\s*(\d+) kB$", file.read(), re.MULTILINE).group(1)) << 10


class Pipe:
    """Standard output whose other end the test reads as it likes."""

    def __init__(self, stack):
        self.reader, writer = os.pipe()
        stack.callback(os.close, self.reader)
        self.writer = stack.enter_context(open(writer, "wb"))
        self.text = bytearray()

    def started(self, tracer):
        """Only the tracer has the writing end any more: the end of file is its end."""
        self.writer.close()
        return tracer

    def read_all(self, hurry=None):
        """To the end; slowly until the event `hurry`."""
        while block := os.read(self.reader, 1 << 16):
            self.text += block
            if hurry:
                hurry.wait(len(block) / SLOWLY)

    def objects(self):
        return [json.loads(line) for line in self.text.decode("utf-8").splitlines()]


def close_many(here, *words):
    with Load(here, *words) as load:
        return load.wait()[0]


def blocked(stack, here, *options, load=(SECONDS,), **settings):
    """A tracer under load whose output nobody reads: pipe and ring are full."""
    pipe = Pipe(stack)
    tracer = stack.enter_context(Tracer(*SMALL, "--netns", here.name, *options, stdout=pipe.writer,
                                        **settings))
    pipe.started(tracer)
    return pipe, tracer, close_many(here, *load)


def check_account(closed, objects, outcome):
    """Every socket has an object, or a record of it was lost and counted."""
    summary = with_summary(outcome, EXIT_DONE)
    stats = objects[-1]
    equal("type of the last object", stats["type"], "stats")
    equal("lost, by kind", sum(stats["lost"].values()), summary["lost"])
    teardowns = [found for found in objects if found["type"] == "teardown"]
    if not closed - summary["lost"] <= len(teardowns) <= closed:
        raise Failure(f"{closed} sockets closed, {len(teardowns)} objects, {summary}")


@case("a slow reader: nothing grows, what is lost is counted")
def slow_reader():
    with namespaces("here") as (here,), contextlib.ExitStack() as stack:
        pipe = Pipe(stack)
        tracer = pipe.started(stack.enter_context(
            Tracer(*SMALL, "--netns", here.name, stdout=pipe.writer)))
        hurry = threading.Event()
        stack.callback(hurry.set)
        reader = threading.Thread(target=pipe.read_all, args=(hurry,))
        reader.start()
        with Load(here, SECONDS) as load:
            closed, _ = load.wait()
        used = peak(tracer)
        hurry.set()
        outcome = tracer.stop()
        reader.join()
    check_account(closed, pipe.objects(), outcome)
    note(f"{closed} sockets closed, {outcome.summary}, {used >> 20} MB")
    if used > MEMORY:
        raise Failure(f"{used >> 20} MB of memory")


@case("a reader that pauses: what is lost is counted, it goes on, and a replay knows all of it")
def pausing_reader():
    with namespaces("here") as (here,), contextlib.ExitStack() as stack:
        recording = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "recording")
        pipe, tracer, closed = blocked(stack, here, "-w", recording, load=(PAUSE, *STEADILY))
        used = peak(tracer)
        reader = threading.Thread(target=pipe.read_all)
        reader.start()
        closed += close_many(here, 1, *STEADILY)
        client = close_one(here)
        outcome = tracer.stop()
        reader.join()
        replayed = run("-r", recording, "-o", "json")[1]
    check_account(closed + 2, pipe.objects(), outcome)
    if different := replay_differs(pipe.text.decode(), replayed):
        raise Failure(f"the replay is another story: {different}")
    if not outcome.summary["lost"]:
        raise Failure("nothing was lost: this proves nothing")
    if used > MEMORY:
        raise Failure(f"{used >> 20} MB of memory")
    if not any(found["type"] == "teardown" and client.local[1] in (
            found["local"]["port"], found["remote"]["port"]) for found in pipe.objects()):
        raise Failure("the close after the pause is not told of")


def nobody_reads(outcome):
    equal("exit status", outcome.status, EXIT_FAILED)
    if outcome.summary is None:
        raise Failure(f"no summary at the end of stderr: {outcome.stderr!r}")
    lines = [line for line in outcome.stderr.splitlines() if "warning: " not in line]
    sentence(lines[0])
    if "nobody reads it" not in lines[0]:
        raise Failure(f"stderr does not say why: {outcome.stderr!r}")


@case("nobody reads: SIGTERM ends it after a while")
def blocked_ends():
    with namespaces("here") as (here,), contextlib.ExitStack() as stack:
        _, tracer, _ = blocked(stack, here)
        nobody_reads(tracer.stop(signal.SIGTERM))


@case("nobody reads: a second signal ends it at once")
def blocked_ends_at_once():
    for command_words in ((), ("-w", "/dev/stdout"), ("-o", "text")):
        with namespaces("here") as (here,), contextlib.ExitStack() as stack:
            _, tracer, _ = blocked(stack, here, *command_words)
            tracer.process.send_signal(signal.SIGTERM)
            nobody_reads(tracer.stop(signal.SIGINT))


@case("nobody reads what it says either: it ends all the same")
def blocked_errors():
    with namespaces("here") as (here,), contextlib.ExitStack() as stack:
        pipe = Pipe(stack)
        with Tracer(*SMALL, "--netns", here.name, stdout=pipe.writer,
                    prefix=("sh", "-c", 'exec "$0" "$@" 2>&1')) as tracer:
            pipe.started(tracer)
            with Load(here, SECONDS) as load:
                load.wait()
            tracer.process.send_signal(signal.SIGTERM)
            equal("exit status", tracer.stop(signal.SIGINT).status, EXIT_FAILED)


@contextlib.contextmanager
def small_disk(size):
    with tempfile.TemporaryDirectory(prefix="tcpclose-disk-") as folder:
        try:
            command("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
        except RuntimeError as error:
            raise Skip(f"no tmpfs can be mounted: {error}") from None
        try:
            yield folder
        finally:
            command("umount", folder)


@case("the disk is full: the recording ends with a sentence, all before it can be read")
def full_disk():
    with small_disk("1m") as folder, namespaces("here") as (here,):
        path = os.path.join(folder, "recording.pcapng")
        with Tracer("--netns", here.name, "-w", path) as tracer:
            with Load(here, SECONDS) as load:
                load.wait()
            outcome = tracer.wait()
        summary = with_summary(outcome, EXIT_FAILED)
        said = [line for line in outcome.stderr.splitlines() if "No space left" in line]
        equal("number of sentences", len(said), 1)
        if "what was recorded before can be read" not in said[0]:
            raise Failure(f"it does not say what remains: {said}")
        status, out, error = run("-r", path, "-o", "json")
        replayed = [json.loads(line) for line in out.splitlines()]
    equal("exit status of the replay", status, EXIT_DONE)
    count = sum(found["type"] == "teardown" for found in replayed)
    if not count:
        raise Failure(f"nothing can be read: {error}")
    if summary["teardowns"] < count:
        raise Failure(f"{count} teardowns recorded, {summary} told live")


def wait_recorded(path, wanted):
    """Until a replay of what is there tells of it: the recording is readable at any time."""
    end = time.monotonic() + 25
    while time.monotonic() < end:
        status, out, _ = run("-r", path, "-o", "json")
        equal("exit status of the replay", status, EXIT_DONE)
        if any(wanted(found) for found in map(json.loads, out.splitlines())):
            return
        select.select([], [], [], 0.05)
    raise Failure("the close is not in the recording")


@case("kill -9 while it records: the recording can be read to its last second")
def killed_recorder():
    with tempfile.TemporaryDirectory(prefix="tcpclose-") as folder, \
            namespaces("here") as (here,):
        path = os.path.join(folder, "recording.pcapng")
        with Tracer("--netns", here.name, "-w", path) as tracer, Load(here, SECONDS) as load:
            close_one(here)
            live = tracer.take(of(here), "teardown")
            load.wait()
            wait_recorded(path, lambda found: found["type"] == "teardown" and
                          found["connection"] == live["connection"])
            equal("exit status", tracer.stop(signal.SIGKILL).status, -signal.SIGKILL)
        status, out, error = run("-r", path, "-o", "json")
    equal("exit status of the replay", status, EXIT_DONE)
    if not any(found.get("connection") == live["connection"]
               for found in map(json.loads, out.splitlines())):
        raise Failure(f"the close is not in the recording: {error}")


@case("standard descriptors that are closed")
def closed_descriptors():
    with namespaces("here") as (here,):
        for closed, status in (("<&-", EXIT_DONE), ("2>&-", EXIT_DONE), (">&-", EXIT_FAILED),
                               ("<&- >&- 2>&-", EXIT_FAILED)):
            with Tracer("--netns", here.name,
                        prefix=("sh", "-c", f'exec "$0" "$@" {closed}')) as tracer:
                close_one(here)
                outcome = tracer.stop() if status == EXIT_DONE else tracer.wait()
            equal(f"exit status with {closed}", outcome.status, status)
            if "2>&-" not in closed:
                with_summary(outcome, status)
            if closed == ">&-" and "standard output: Bad file descriptor" not in outcome.stderr:
                raise Failure(f"stderr does not say why: {outcome.stderr!r}")


@case("too few descriptors: a sentence, or it works", deadline=300)
def few_descriptors():
    for command_words, counts in (((), (6, 24, 48, 256)), (("timewait",), (8, 256)),
                                  (("leaks",), (8, 256))):
        ends = set()
        for count in counts:
            status, _, error = run(*command_words, "-d", "0.1",
                                   prefix=("prlimit", f"--nofile={count}"))
            ends.add(status)
            if status not in (EXIT_DONE, EXIT_FAILED, EXIT_NOT_ATTACHED, 127):
                raise Failure(f"{command_words}, {count} descriptors: {status}, {error!r}")
            if status == EXIT_DONE and not SUMMARY.fullmatch(error.splitlines()[-1]):
                raise Failure(f"no summary with {count} descriptors: {error!r}")
            if status in (EXIT_FAILED, EXIT_NOT_ATTACHED) and "tcpclose-trace: cannot" not in error:
                raise Failure(f"{count} descriptors: {status} without a sentence: {error!r}")
        if EXIT_DONE not in ends or len(ends) < 2:
            raise Failure(f"{command_words}: ends {ends}: this proves nothing")


HIDDEN = 'mount -t proc -o hidepid=2 proc /proc && exec "$0" "$@"'


@case("a /proc that hides processes: owners are known by what they call")
def hidden_processes():
    """Whoever may trace any process sees them all the same; without that capability the owner is
    the one that connected or accepted."""
    hidden = ("unshare", "-m", "sh", "-c", HIDDEN)
    for prefix in (hidden, ("setpriv", "--bounding-set=-sys_ptrace", *hidden)):
        with namespaces("here") as (here,):
            with Tracer("--netns", here.name, prefix=prefix) as tracer:
                client = close_one(here)
                found = tracer.take(lambda found: of(here)(found) and found["role"] == "client",
                                    "teardown")
                equal("owner", found["process"]["pid"], client.pid)
                with_summary(tracer.stop(), EXIT_DONE)


@case("no locked memory allowed")
def no_locked_memory():
    with namespaces("here") as (here,):
        with Tracer("--netns", here.name, prefix=("prlimit", "--memlock=0")) as tracer:
            close_one(here)
            equal("kind", tracer.take(of(here), "teardown")["kind"], "three-way")
            with_summary(tracer.stop(), EXIT_DONE)


if __name__ == "__main__":
    sys.exit(tap.main())
