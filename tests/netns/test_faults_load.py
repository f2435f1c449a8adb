#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""More than the tool can take, or less than it needs: a ring that is full, a tool that is stopped,
starved, out of memory, killed, refused by the kernel, or there twice. What it missed is counted,
what it tells is true, the traffic goes on. STOP_SECONDS: how long it is stopped, 60."""

import contextlib
import os
import signal
import sys
import tempfile
import time

from harness import attached, tap
from harness.cgroup import Cgroup
from harness.closing import close_one, of
from harness.expect import equal
from harness.faults import EXIT_DONE, EXIT_FAILED, EXIT_NOT_ATTACHED, with_summary
from harness.load import Load, Recorded, crowd
from harness.namespace import Namespace, namespaces
from harness.paths import BUILD
from harness.tap import Failure, case, note
from harness.tracer import Tracer, run

SECONDS = 2
STOP_SECONDS = int(os.environ.get("STOP_SECONDS", "60"))
STOPPED_RATE = 200
UNENDING = 10000
RECOVERY_DEADLINE = 20
TINY, SMALL = ("--ring-size", "64K"), ("--ring-size", "1M")
SUBSTITUTE = os.path.join(BUILD, "tests/workload/substitute")
# What a churn's sockets can end with, and what a story that lacks records may be called.
TRUE_KINDS = {"four-way", "three-way", "unknown"}


def check_account(closed, recorded, outcome, here):
    """Each socket has an object or lost a record that is counted; what is marked complete is the
    whole truth, and what is not says why and nothing wrong. Number of objects."""
    summary, stats = with_summary(outcome, EXIT_DONE), next(recorded.objects("stats"))
    equal("lost, by kind", sum(stats["lost"].values()), summary["lost"])
    equal("teardowns", stats["teardowns"], summary["teardowns"])
    total, incomplete = 0, 0
    for found in filter(of(here), recorded.objects()):
        total += 1
        incomplete += not found["complete"]
        if found["kind"] not in TRUE_KINDS or found["closed_by"] not in (
                {"client": ("local", "unknown"), "server": ("peer", "unknown")}.get(
                    found["role"], ("local", "peer", "unknown"))):
            raise Failure(f"a wrong verdict: {found}")
        if not set(found["incomplete"]) <= {"lost-records", "stopped"}:
            raise Failure(f"incomplete for another reason: {found}")
        if found["complete"] and (found["kind"] == "unknown" or not found["states"]):
            raise Failure(f"called complete, and is not: {found}")
    if not closed - summary["lost"] <= total <= closed:
        raise Failure(f"{closed} sockets closed, {total} objects, {summary}")
    note(f"{closed} sockets closed, {total} objects, {incomplete} incomplete, lost "
         f"{ {kind: count for kind, count in stats['lost'].items() if count} }")
    return total


def wait_recovered(recorded, here):
    """Closes until one is told of as complete: sockets closed, and after how long."""
    begin, count = time.monotonic(), 0
    while time.monotonic() < begin + RECOVERY_DEADLINE:
        client = close_one(here)
        count += 2
        while time.monotonic() < begin + RECOVERY_DEADLINE:
            told = [found for found in recorded.objects(whole=False) if of(here)(found) and
                    found["local"]["port"] == client.local[1]]
            if told:
                break
            time.sleep(0.01)
        if told and told[-1]["complete"]:
            return count, time.monotonic() - begin
    raise Failure("no close was told of completely after the load")


def must_lose(outcome):
    if not outcome.summary or not outcome.summary["lost"]:
        raise Failure(f"nothing was lost: this proves nothing: {outcome.stderr!r}")
    if "records were lost" not in outcome.stderr:
        raise Failure(f"stderr does not tell of it: {outcome.stderr!r}")


@case("the ring is full: counted, marked, no wrong verdict, and then complete again", deadline=180)
def ring_full(_):
    with namespaces("here") as (here,), Recorded(*TINY, "--netns", here.name) as recorded:
        with Load(here, SECONDS) as load:
            closed, _ = load.wait()
        more, after = wait_recovered(recorded, here)
        outcome = recorded.tracer.stop()
        check_account(closed + more, recorded, outcome, here)
    must_lose(outcome)
    note(f"complete again after {after:.2f} s")


@case("little CPU: counted, and complete again with more", deadline=180)
def starved(_):
    with namespaces("here") as (here,), Cgroup("cpu") as cgroup, \
            Recorded(*SMALL, "--netns", here.name) as recorded:
        cgroup.add(recorded.tracer.pid)
        cgroup.limit_cpu(0.01)
        with Load(here, SECONDS) as load:
            closed, _ = load.wait()
        cgroup.limit_cpu(None)
        more, after = wait_recovered(recorded, here)
        outcome = recorded.tracer.stop()
        check_account(closed + more, recorded, outcome, here)
    must_lose(outcome)
    note(f"complete again after {after:.2f} s")


# ---- stopped for a minute, while the other cases run

class Stopped:
    """A tracer in a namespace of its own, under load, that is stopped."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.here = Namespace("stopped")
            stack.callback(self.here.remove)
            self.recorded = stack.enter_context(Recorded(*TINY, "--netns", self.here.name))
            self.load = stack.enter_context(Load(self.here, STOP_SECONDS, "-r", str(STOPPED_RATE)))
            self.recorded.tracer.process.send_signal(signal.SIGSTOP)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        self.recorded.tracer.process.send_signal(signal.SIGCONT)
        return self._stack.__exit__(*details)


# ---- killed

def modes(folder):
    return {"live": (), "XDP": ("--packets", "xdp"), "recording": ("-w", f"{folder}/recording"),
            "timewait": ("timewait",), "leaks": ("leaks",), "--threshold": ("--threshold", "5")}


@case("kill -9 in every mode leaves nothing", deadline=180)
def killed(_):
    with namespaces("here") as (here,), tempfile.TemporaryDirectory(prefix="tcpclose-") as folder:
        for name, words in modes(folder).items():
            with Tracer(*words, "--netns", here.name) as tracer:
                with Load(here, 0.5, "-r", "500") as load:
                    load.wait()
                held = attached.held(tracer.pid)
                if not any(kind == "link" for kind, _ in held):
                    raise Failure(f"{name}: nothing was attached: this proves nothing")
                equal("exit status", tracer.stop(signal.SIGKILL).status, -signal.SIGKILL)
            left = attached.wait_gone(lambda: held & attached.ids())
            equal(f"what {name} left behind", left, set())


# ---- out of memory

def run_into_limit(here, cgroup):
    """More and more closes that do not end, each of which the tracer has to remember. The outcome
    for the tracer."""
    with Tracer("--netns", here.name, prefix=cgroup.prefix()) as tracer:
        with contextlib.suppress(OSError): # EBUSY: less than is in use
            cgroup.limit_memory(cgroup.memory() + (1 << 18))
        with crowd(here, UNENDING, UNENDING):
            return tracer.stop()


@case("out of memory while it runs: killed or ended, nothing is left, the next start is fine",
      deadline=180)
def out_of_memory(_):
    with namespaces("here") as (here,):
        with Cgroup("memory") as cgroup:
            outcome = run_into_limit(here, cgroup)
        note(f"status {outcome.status}, {outcome.summary}")
        if outcome.status not in (-signal.SIGKILL, EXIT_FAILED):
            raise Failure(f"it did not run out of memory: {outcome.status}, {outcome.stderr}")
        with Tracer("--netns", here.name) as tracer:
            close_one(here)
            equal("kind", tracer.take(of(here), "teardown")["kind"], "three-way")
            with_summary(tracer.stop(), EXIT_DONE)


@case("too little memory to start: killed, or a sentence", deadline=180)
def no_memory(_):
    with Cgroup("memory") as cgroup:
        cgroup.limit_memory(6 << 20)
        status, _, error = run("-d", "0.1", prefix=cgroup.prefix())
    if status != -signal.SIGKILL and (status not in (EXIT_FAILED, EXIT_NOT_ATTACHED) or
                                      "tcpclose-trace: cannot" not in error):
        raise Failure(f"status {status}, {error!r}")


# ---- programs that the kernel refuses

def refusing(*programs):
    return ("env", f"LD_PRELOAD={SUBSTITUTE}", f"REFUSE={','.join(programs)}")


def refused(here, words, program):
    with Tracer(*words, "--netns", here.name, prefix=refusing(program)) as tracer:
        client = close_one(here)
        if not words:
            found = tracer.take(of(here), "teardown")
            equal(f"kind without {program}", found["kind"], "three-way")
            equal(f"complete without {program}", found["complete"], True)
        outcome = tracer.stop()
    with_summary(outcome, EXIT_DONE)
    if f"the kernel refused the program {program}" not in outcome.stderr:
        raise Failure(f"stderr does not tell of it: {outcome.stderr!r}")
    return client


@case("a program that the kernel refuses: the rest goes on and says what is missing", deadline=180)
def refused_programs(_):
    with namespaces("here") as (here,):
        for program in ("reset_sent", "socket_destroyed", "accept4_exit", "task_files"):
            refused(here, (), program)
        for program in ("close_wait_read", "task_files"):
            refused(here, ("leaks",), program)
        with Tracer("--netns", here.name,
                    prefix=refusing("reset_received", "retransmitted")) as tracer:
            outcome = tracer.stop()
        with_summary(outcome, EXIT_DONE)
        equal("number of sentences", outcome.stderr.count("the kernel refused the program"), 2)


@case("the packet programs refused: states without segments, and it says so", deadline=120)
def refused_packets(_):
    with namespaces("here") as (here,):
        with Tracer("--netns", here.name, prefix=refusing("tcpclose_in")) as tracer:
            close_one(here)
            equal("segments", tracer.take(of(here), "teardown")["segments"], [])
            outcome = tracer.stop()
    with_summary(outcome, EXIT_DONE)
    if "without segments" not in outcome.stderr:
        raise Failure(f"stderr does not tell of it: {outcome.stderr!r}")


@case("what it cannot do without is refused: a sentence, and nothing is left", deadline=120)
def refused_states(_):
    for words, program in (((), "socket_state"), (("timewait",), "population_state"),
                           (("leaks",), "close_wait_state")):
        status, _, error = run(*words, prefix=refusing(program))
        equal(f"exit status without {program}", status, EXIT_NOT_ATTACHED)
        if "the kernel refused" not in error or len(error.splitlines()) != 1:
            raise Failure(f"not one sentence that says why: {error!r}")


# ---- many at once

@case("two tracers at once in every command", deadline=180)
def two(_):
    with namespaces("here") as (here,), contextlib.ExitStack() as stack:
        live = [stack.enter_context(Recorded("--netns", here.name)) for _ in range(2)]
        waits = [stack.enter_context(Tracer("timewait", "--netns", here.name)) for _ in range(2)]
        leaks = [stack.enter_context(Tracer("leaks", "--netns", here.name)) for _ in range(2)]
        with Load(here, SECONDS, "-r", "1000") as load:
            closed, _ = load.wait()
        for recorded in live:
            outcome = recorded.tracer.stop()
            check_account(closed, recorded, outcome, here)
        entered = []
        for tracer in waits:
            with_summary(tracer.stop(), EXIT_DONE)
            last = tracer.objects("time_wait_summary")[-1]
            entered.append(last["entered"] + last.get("missed", 0))
        for tracer in leaks:
            with_summary(tracer.stop(), EXIT_DONE)
    equal("TIME_WAITs entered, by both", entered, [closed // 2] * 2)


@case("a bomb of short connections: none is forgotten", deadline=240)
def bomb(_):
    with namespaces("here") as (here,):
        for mode, kinds in (("empty", TRUE_KINDS), ("reset", {"reset", "unknown"}),
                            ("process", TRUE_KINDS)):
            with contextlib.ExitStack() as stack:
                recorded = stack.enter_context(Recorded("--netns", here.name))
                prefix = ()
                if mode == "process":
                    cgroup = stack.enter_context(Cgroup("pids"))
                    cgroup.limit_pids(16)
                    prefix = cgroup.prefix()
                with Load(here, SECONDS, "-m", mode, prefix=prefix) as load:
                    closed, rate = load.wait()
                outcome = recorded.tracer.stop()
                summary = with_summary(outcome, EXIT_DONE)
                objects = list(filter(of(here), recorded.objects()))
            note(f"{mode}: {rate} per second, {len(objects)} objects of {closed}, {summary}")
            if not closed - summary["lost"] <= len(objects) <= closed:
                raise Failure(f"{mode}: {closed} closed, {len(objects)} objects, {summary}")
            for found in objects:
                if found["kind"] not in kinds:
                    raise Failure(f"{mode}: {found}")


@case("stopped for a minute under load, then it goes on", deadline=STOP_SECONDS * 3 + 120)
def stopped_and_continued(stopped):
    closed, _ = stopped.load.wait()
    stopped.recorded.tracer.process.send_signal(signal.SIGCONT)
    more, after = wait_recovered(stopped.recorded, stopped.here)
    outcome = stopped.recorded.tracer.stop()
    check_account(closed + more, stopped.recorded, outcome, stopped.here)
    must_lose(outcome)
    note(f"complete again after {after:.2f} s")


if __name__ == "__main__":
    sys.exit(tap.main(Stopped))
