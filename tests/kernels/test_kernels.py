#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The program on Debian's kernels, in QEMU: each close of tests/workload/closes.c, every mechanism.
KERNELS: "all", or names of kernels.txt; KERNEL_CACHE: a folder that keeps what was downloaded."""

import concurrent.futures
import json
import os
import re
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../netns"))

from archive import Missing, kernels, obtain
from closes import ACCEPTED, CLOSES, NOBODY, settled
from harness import tap
from harness.expect import expect, segments
from harness.tap import Failure, Skip, case
from harness.tracer import BUILD, PROGRAM
from machine import Machines, Unable, check
import leaks
import waits

CACHE = os.environ.get("KERNEL_CACHE", os.path.join(BUILD, "kernels"))
AT_ONCE = 2
CASE_DEADLINE = 500
# Options, and where segments are then seen.
TC, XDP = {"tc-ingress", "tc-egress"}, {"xdp", "tc-egress"}
MODES = {"": TC, "--without socket-cookie": TC, "--without tcx": TC, "--packets xdp": XDP,
         "--packets none": set(), "--without fentry": TC}
# Run side by side; what each has chosen for the end of TIME_WAIT.
WAITS = {"": "fentry:tw_timer_handler", "--without fentry": "timer:timer_expire_entry"}
COUNTERS = ("timewait", "timewait --without fentry")
# What --explain must choose where nothing is switched off, and since which version.
CHOSEN = {"which socket is which": ("socket cookie", (5, 12)),
          "memory of sockets": ("map that grows", (6, 1)),
          "start of a mini-socket": ("fentry:tcp_time_wait", (5, 5)),
          "restart of TIME_WAIT": ("fentry:__inet_twsk_schedule", (5, 5)),
          "end of TIME_WAIT, of orphans": ("fentry:tw_timer_handler", (5, 5)),
          "early end of TIME_WAIT": ("fentry:inet_twsk_kill", (5, 5)),
          "segments received": ("tcx ingress", (6, 6)),
          "segments sent": ("tcx egress", (6, 6)),
          "RST sent": ("tcp:tcp_send_reset, with its reason", (6, 10))}
SUMMARY = re.compile(r"\d+ teardowns, \d+ unfinished, \d+ records, 0 lost")


class Run:
    """What a mode told."""

    def __init__(self, lines):
        self.plan = {}
        self.errors = [line[2:] for line in lines if line.startswith("! ")]
        self.objects = [json.loads(line) for line in lines if line.startswith("{")]
        for line in lines:
            if line.startswith("? "):
                fact, *cells = re.split(r"  +", line[2:])
                self.plan[fact] = cells[0] if cells else ""

    def having(self, field):
        return [found for found in self.objects if field in found]

    def teardowns(self):
        return [found for found in self.objects if found.get("type") == "teardown"]


class Bench:
    """Runs the machines of the kernels in the background; in the end it prints the table."""

    def __init__(self):
        self._machines = Machines()
        self._pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        self._runs = {}
        self._table = []

    def __enter__(self):
        try:
            check()
        except Unable as reason:
            raise Skip(reason) from None
        for kernel in CHOSEN_KERNELS:
            self._runs[kernel.name] = self._pool.submit(self._run, kernel)
        return self

    def __exit__(self, *_):
        self._machines.stop()
        self._pool.shutdown(cancel_futures=True)
        for row in self._table:
            tap.note("  ".join(cell.ljust(width) for cell, width in
                               zip(row, (26, 23, 24, 14, 13, 0))).rstrip())

    def _run(self, kernel):
        folder = obtain(kernel, CACHE)
        begin = time.monotonic()
        programs = [PROGRAM, *(os.path.join(BUILD, "tests/workload", name)
                               for name in ("closes", "waits", "forgotten"))]
        transcript = self._machines.run(folder, programs, modes=modes_of(folder),
                                        waits=[*WAITS, *COUNTERS], leaks=leaks.MODES)
        transcript.seconds = time.monotonic() - begin
        return transcript

    def transcript(self, kernel):
        try:
            return self._runs[kernel.name].result()
        except Missing as reason:
            raise Skip(reason) from None

    def run(self, kernel, options):
        transcript = self.transcript(kernel)
        if options not in transcript.modes and transcript.ended:
            raise Skip("the kernel's package has no modules for clsact")
        if options not in transcript.modes:
            raise Failure("\n".join(["the machine died", *transcript.console[-60:]]))
        return Run(transcript.modes[options])

    def tell(self, kernel, options, run, result):
        plan = [run.plan.get(fact, "?") if run else "?" for fact in
                ("which socket is which", "segments received", "segments sent")]
        if not self._table:
            self._table.append(("KERNEL", "OPTIONS", "IDENTITY", "IN", "OUT", "RESULT"))
        self._table.append((self.release(kernel), options or "-", *plan, result))

    def release(self, kernel):
        try:
            return self._runs[kernel.name].result().release
        except Missing:
            return kernel.name


def modes_of(folder):
    """clsact is made of modules, which some packages lack."""
    modules = " ".join(os.listdir(os.path.join(folder, "modules")))
    return [mode for mode in MODES if "tcx" not in mode or "sch_ingress" in modules]


def check_plan(run, release, options):
    version = tuple(int(number) for number in re.findall(r"\d+", release)[:2])
    wrong = []
    for fact, (best, since) in CHOSEN.items():
        if options == "" and (run.plan.get(fact) == best) != (version >= since):
            wrong.append(f"{fact}: {run.plan.get(fact)}")
    if options == "--without tcx" and run.plan.get("segments sent") != "clsact egress":
        wrong.append(f"segments sent: {run.plan.get('segments sent')}")
    if options == "--packets xdp" and run.plan.get("segments received") != "XDP":
        wrong.append(f"segments received: {run.plan.get('segments received')}")
    return wrong


def check_end(teardown, end, pid, hooks):
    """What is wrong, a line for each."""
    seen, wrong = segments(teardown), []
    by = {place["hook"] for segment in teardown["segments"] for place in segment["seen"]}
    try:
        expect(teardown, **end.wanted(pid, seen if hooks else None))
    except Failure as failure:
        wrong.append(str(failure))
    if hooks and settled(seen) not in end.segments:
        wrong.append(f"segments are {seen}, expected {end.segments[0]}: {json.dumps(teardown)}")
    if by != hooks:
        wrong.append(f"segments were seen by {by}, not by {hooks}: {json.dumps(teardown)}")
    if teardown["fin_retransmissions"] < end.again:
        wrong.append(f"fin_retransmissions is {teardown['fin_retransmissions']}")
    return wrong


def check_owner(teardown, name, end, wrong):
    process = teardown.get("process") or {}
    if end.owner is NOBODY:
        return
    if process.get("comm") != name:
        wrong.append(f"the owner is {process}, not {name}")
    # A kernel of 7.2 or later now and then skips the program that sees accept().
    allowed = {"accept", "close", "holder"} if end.owner == ACCEPTED else end.owner
    if process.get("how") not in ({allowed} if isinstance(allowed, str) else allowed):
        wrong.append(f"the owner is known by {process.get('how')}, not by {allowed}")


def check_close(made, teardowns, hooks):
    """Both ends of one connection; takes their objects out of the list."""
    wrong, found = [], []
    ports = {made[name]["port"] for name in CLOSES[made["made"]]}
    for name, end in CLOSES[made["made"]].items():
        this = [teardown for teardown in teardowns if teardown["family"] == made["family"] and
                teardown["local"]["port"] == made[name]["port"] and
                {teardown["local"]["port"], teardown["remote"]["port"]} == ports]
        found += this
        if len(this) != 1:
            wrong.append(f"{name}: {len(this)} objects")
            continue
        wrong += check_end(this[0], end, made[name]["pid"], hooks)
        check_owner(this[0], name, end, wrong)
    for teardown in found:
        teardowns.remove(teardown)
    if len({teardown["connection"] for teardown in found}) != 1:
        wrong.append("connection is not the same at both ends")
    return [f"{made['made']}, IPv{made['family']}: {line}" for line in wrong]


def check_run(run, release, options):
    teardowns, made = run.teardowns(), run.having("made")
    wrong = check_plan(run, release, options)
    wrong += [json.dumps(found) for found in run.having("failed")]
    if len(made) != 2 * len(CLOSES):
        wrong.append(f"{len(made)} closes were made")
    ids = [teardown["connection"] for teardown in teardowns]
    for close in made:
        wrong += check_close(close, teardowns, MODES[options])
    wrong += ["reported as well: " + json.dumps(found) for found in teardowns]
    if len(set(ids)) != len(made):
        wrong.append(f"{len(set(ids))} connections are told apart")
    if not any((found.get("process") or {}).get("how") == "accept" for found in run.teardowns()):
        wrong.append("no owner is known by accept()")
    if run.having("status") != [{"status": 0}]:
        wrong.append(f"exit status {run.having('status')}")
    if len(run.errors) != 1 or not SUMMARY.fullmatch(run.errors[0]):
        wrong.append("on stderr: " + " / ".join(run.errors))
    return wrong


def try_mode(bench, kernel, options):
    run, result = None, "skipped"
    try:
        run = bench.run(kernel, options)
        wrong = check_run(run, bench.release(kernel), options)
        result = "passed" if not wrong else f"{len(wrong)} wrong"
    except Failure:
        result = "died"
        raise
    finally:
        bench.tell(kernel, options, run, result)
    if wrong:
        raise Failure("\n".join(wrong))


def try_waits(bench, kernel):
    transcript = bench.transcript(kernel)
    if transcript.waits is None:
        raise Failure("\n".join(["the machine died", *transcript.console[-60:]]))
    closes = [json.loads(line) for line in transcript.waits if line.startswith("{")]
    made = [close for close in closes if "made" in close]
    refused = {close["refused"] for close in closes if "refused" in close}
    tellers = [waits.Told(number, transcript.waits) for number in range(len(WAITS))]
    wrong = [line for close in made for line in waits.check_close(tellers, close, refused)]
    counters = [waits.Told(len(WAITS) + number, transcript.waits)
                for number in range(len(COUNTERS))]
    for options, told in zip(COUNTERS, counters):
        wrong += [f"{options}: {line}" for line in waits.check_counts(told, made, refused)]
    if {close["made"] for close in made} != waits.WAITS.keys() or refused - {"destroyed"}:
        wrong.append(f"made were {made}, refused {refused}")
    for options, told in zip(WAITS, tellers):
        chosen = bench.run(kernel, options).plan.get("end of TIME_WAIT, of orphans")
        if chosen != WAITS[options]:
            wrong.append(f"with {options!r} the ends are told by {chosen}")
        if len(told.others) != 1 or not SUMMARY.fullmatch(told.others[0]):
            wrong.append(f"with {options!r} on stderr: {told.others}")
    for close in refused:
        tap.note(f"{kernel.name}: this kernel does not do {close!r}")
    tap.note(f"{kernel.name}: the lengths differ by {waits.widest(tellers, made) / 1e6:.1f} ms; "
             f"{' / '.join(line for told in tellers for line in told.others)}")
    if wrong:
        raise Failure("\n".join([*wrong, "all that was said:", *transcript.waits]))


def try_leaks(bench, kernel):
    transcript = bench.transcript(kernel)
    version = tuple(int(number) for number in re.findall(r"\d+", transcript.release)[:2])
    wrong = []
    for options in leaks.MODES:
        if options not in transcript.leaks:
            raise Failure("\n".join(["the machine died", *transcript.console[-60:]]))
        found = leaks.check(transcript.leaks[options], options, version)
        wrong += [f"{options or 'as it comes'}: {line}" for line in found]
    if wrong:
        raise Failure("\n".join([*wrong, "all that was said:", *transcript.leaks[""]]))


def try_log(bench, kernel):
    transcript = bench.transcript(kernel)
    tap.note(f"{kernel.name}: {transcript.release}, {transcript.seconds:.0f} s")
    if splats := transcript.splats():
        raise Failure("\n".join([*splats, "the whole log:", *transcript.log]))
    if not transcript.ended:
        raise Failure("\n".join(["the machine died", *transcript.console[-60:]]))


def choose_kernels():
    words = os.environ.get("KERNELS", "").split()
    listed = kernels()
    if unknown := set(words) - {"all"} - {kernel.name for kernel in listed}:
        sys.exit(f"KERNELS: not in kernels.txt: {', '.join(sorted(unknown))}")
    return [kernel for kernel in listed
            if "all" in words or kernel.name in words or (not words and kernel.default)]


def register(kernel):
    for options in MODES:
        case(f"{kernel.name}: {options or 'as it comes'}", CASE_DEADLINE)(
            lambda bench, options=options: try_mode(bench, kernel, options))
    case(f"{kernel.name}: TIME_WAIT by function and by timer", CASE_DEADLINE)(
        lambda bench: try_waits(bench, kernel))
    case(f"{kernel.name}: leaks", CASE_DEADLINE)(lambda bench: try_leaks(bench, kernel))
    case(f"{kernel.name}: the kernel's log", CASE_DEADLINE)(lambda bench: try_log(bench, kernel))


if __name__ == "__main__":
    CHOSEN_KERNELS = choose_kernels()
    for chosen in CHOSEN_KERNELS:
        register(chosen)
    sys.exit(tap.main(Bench, root=False))
