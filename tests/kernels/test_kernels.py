#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The program on Debian's kernels, in QEMU: each close of tests/workload/closes.c by every
mechanism, TIME_WAIT, leaks, and what happens to machines. In the end a table tells of all. KERNELS:
names of kernels.txt; KERNEL_CACHE: a folder that keeps what was downloaded; KERNEL_SECONDS: after
so long no further machine is started; SOAK_SECONDS: nothing but that many seconds of closes."""

import concurrent.futures
import json
import os
import re
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../netns"))

import cross
import faults
import leaks
import soak
import table
import waits
from archive import Missing, kernels, obtain_kernel, obtain_sysroot
from harness import tap
from harness.tap import Failure, Skip, case
from harness.tracer import BUILD
from machine import ARCHITECTURES, Machines, Programs, Unable
from modes import EVERYWHERE, LEAST, MODES, Run, check_run
from odd import sift

CACHE = os.environ.get("KERNEL_CACHE", os.path.join(BUILD, "kernels"))
HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
# Mostly they wait for a TIME_WAIT to end.
AT_ONCE = 3
FETCH_SECONDS = 420
START_SECONDS = int(os.environ.get("KERNEL_SECONDS", "900"))
SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS", "0"))
CASE_DEADLINE = 1200 + 2 * SOAK_SECONDS
WORKLOADS = ("closes", "waits", "forgotten", "interrupted", "churn")
# Run side by side; what each has chosen for the end of TIME_WAIT.
WAITS = {"": "fentry:tw_timer_handler", "--without fentry": "timer:timer_expire_entry"}
COUNTERS = ("timewait", "timewait --without fentry")
# What hides the kernel's types or the ring buffer, and what the program then says.
REFUSED = {"types": r"trace: no kernel types \(.+\); \w+",
           "ring --without ringbuf": r"trace: no BPF ring buffer \(.+\); \w+"}
OLDER = {"kernel": r"trace: no (kernel types|BPF ring buffer) \(.+\); \w+"}
# With three capabilities and little locked memory, where that counts.
LOCKED = {"memory": r"\w+ \w+: .+ Operation not permitted( \(.+\))?; "
                    r"before Linux 5\.11 .*LimitMEMLOCK.*"}
LOCKED_BEFORE = (5, 11)


class Bench:
    """Fetches kernels one after the other and runs their machines in the background; in the end it
    prints the table."""

    def __init__(self):
        self._machines = Machines()
        self._fetching = concurrent.futures.ThreadPoolExecutor(1)
        self._pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        self._runs = {}
        self._rows = {}
        self._start_until = 0

    def __enter__(self):
        until = time.monotonic() + FETCH_SECONDS
        self._start_until = time.monotonic() + START_SECONDS
        for kernel in CHOSEN_KERNELS:
            self._rows[kernel.name] = table.Row(kernel.name)
            fetched = self._fetching.submit(self._fetch, kernel, until)
            self._runs[kernel.name] = self._pool.submit(self._run, kernel, fetched)
        return self

    def __exit__(self, *_):
        self._machines.stop()
        for pool in self._fetching, self._pool:
            pool.shutdown(cancel_futures=True)
        # Not as notes: tests/run shows what is none.
        print("\n".join(table.lines(self._rows.values())), flush=True)

    def _fetch(self, kernel, until):
        """The folder of the kernel, and the programs for it."""
        ARCHITECTURES[kernel.architecture].check()
        folder = obtain_kernel(kernel, CACHE, until)
        build, root = BUILD, "/"
        if kernel.architecture != HERE:
            root = obtain_sysroot(kernel.architecture, CACHE, until)
            build = cross.build(kernel.architecture, root, BUILD)
        paths = [os.path.join(build, "tcpclose-trace"),
                 *(os.path.join(build, "tests/workload", name) for name in WORKLOADS)]
        if LEAST in modes_of(kernel):
            paths.append(os.path.join(root, "usr/bin/setpriv"))
        return folder, Programs(paths, ARCHITECTURES[kernel.architecture], root)

    def _run(self, kernel, fetched):
        folder, programs = fetched.result()
        begin = time.monotonic()
        if begin > self._start_until:
            raise Missing(f"no time was left after {START_SECONDS} s: make test-kernels "
                          f"KERNELS={kernel.name}")
        transcript = self._machines.run(ARCHITECTURES[kernel.architecture], folder, programs,
                                        **parts_of(kernel, has_module(folder, "sch_ingress")))
        transcript.seconds = time.monotonic() - begin
        transcript.clsact = has_module(folder, "sch_ingress")
        transcript.sock_diag = has_module(folder, "tcp_diag")
        row = self._rows[kernel.name]
        row.name = transcript.release or kernel.name
        if (mode := transcript.part("mode")) is not None:
            row.plan = Run(mode).plan
        return transcript

    def transcript(self, kernel):
        try:
            return self._runs[kernel.name].result()
        except (Missing, Unable) as reason:
            raise Skip(reason) from None

    def part(self, kernel, title):
        """The lines that a machine told under a title."""
        transcript = self.transcript(kernel)
        told = transcript.part(title)
        if told is None and ("tcx" in title or "modules" in title) and not transcript.clsact:
            raise Skip("the kernel's package has no modules for clsact")
        if told is None:
            raise Failure("\n".join(["the machine died", *transcript.console[-60:]]))
        return told

    def judge(self, kernel, title, function):
        """Runs a case and enters its result in the table."""
        row, result = self._rows[kernel.name], table.FAILED
        try:
            function(self, kernel)
            result = table.PASSED
        except Skip as reason:
            result, row.reason = table.SKIPPED, str(reason)
            raise
        finally:
            row.results[title] = result


def has_module(folder, wanted):
    """Some packages have none."""
    return any(wanted in name for name in os.listdir(os.path.join(folder, "modules")))


def modes_of(kernel):
    return list(MODES) if "modes" in kernel.parts else list(EVERYWHERE)


def leaks_of(kernel):
    return list(leaks.MODES) if "modes" in kernel.parts else list(leaks.EVERYWHERE)


def faults_of(kernel):
    return (faults.FAULTS if "faults" in kernel.parts else {}) | (
        faults.SUSPEND if "suspend" in kernel.parts else {})


def refused_of(kernel):
    if "refused" in kernel.parts:
        return OLDER
    version = tuple(int(number) for number in re.findall(r"\d+", kernel.name)[:2]) or LOCKED_BEFORE
    return REFUSED | (LOCKED if version < LOCKED_BEFORE else {})


def parts_of(kernel, clsact):
    """The files of a machine: see `init`."""
    if SOAK_SECONDS:
        return {"soak": [f"{SOAK_SECONDS} {soak.SAMPLES}"], "memory": soak.MACHINE_MB}
    if "refused" in kernel.parts:
        return {"refused": OLDER}
    parts = {"refused": refused_of(kernel), "modes": modes_of(kernel), "waits": [*WAITS, *COUNTERS],
             "leaks": leaks_of(kernel)}
    parts["faults"] = [f"{fault} {options}" for fault, options in faults_of(kernel).items()]
    if not clsact:
        parts["modes"].remove("--without tcx")
    return parts


def fail_if(wrong):
    if wrong:
        raise Failure("\n".join(wrong))


def note_odd(kernel, lines):
    for line in "\n".join(lines).splitlines():
        tap.note(f"{kernel.name}: odd: {line}")


def try_refused(bench, kernel, title, sentence):
    told = bench.part(kernel, f"refused {title}")
    ends = [json.loads(line) for line in told if line.startswith("{")]
    said = [line for line in told if not line.startswith("{") and " warning: " not in line]
    wrong = [f"status {end}" for end in ends if end["status"] != 3]
    wrong += [f"said: {line}" for line in said
              if not re.fullmatch(f"tcpclose-trace: cannot {sentence}.*", line)]
    if len(ends) != 3 or len(said) != 3:
        wrong.append("\n".join(told))
    fail_if(wrong)


def try_mode(bench, kernel, options):
    run = Run(bench.part(kernel, f"mode {options}"))
    wrong, odd = check_run(run, bench.transcript(kernel).release, options)
    note_odd(kernel, odd)
    fail_if(wrong)


def try_waits(bench, kernel):
    told, sock_diag = bench.part(kernel, "waits"), bench.transcript(kernel).sock_diag
    closes = [json.loads(line) for line in told if line.startswith("{")]
    made = [close for close in closes if "made" in close]
    refused = waits.refused_of(closes, sock_diag)
    tellers = [waits.Told(number, told) for number in range(len(WAITS))]
    wrong, odd = sift({(close["made"], close["family"]):
                       waits.check_close(tellers, close, refused, sock_diag) for close in made})
    note_odd(kernel, odd)
    counters = [waits.Told(len(WAITS) + number, told) for number in range(len(COUNTERS))]
    for options, counter in zip(COUNTERS, counters):
        wrong += [f"{options}: {line}" for line in waits.check_counts(counter, made, refused)]
    if {close["made"] for close in made} != waits.WAITS.keys() or refused - {"destroyed"}:
        wrong.append(f"made were {made}, refused {refused}")
    for options, teller in zip(WAITS, tellers):
        bad, odd = waits.check_end(teller)
        wrong += [f"with {options!r}: {line}" for line in bad]
        note_odd(kernel, [f"with {options!r}: {line}" for line in odd])
    chosen = Run(bench.part(kernel, "mode")).plan.get("end of TIME_WAIT, of orphans")
    if chosen != WAITS[""]:
        wrong.append(f"the ends are told by {chosen}")
    differences = waits.differences(tellers, made) or [0]
    wrong += waits.check_differences(differences)
    for close in refused:
        tap.note(f"{kernel.name}: this kernel does not do {close!r}")
    tap.note(f"{kernel.name}: the lengths differ by {differences[-1] / 1e6} ms or less; "
             f"{' / '.join(line for teller in tellers for line in teller.others)}")
    fail_if(wrong and [*wrong, "all that was said:", *told])


def try_leaks(bench, kernel):
    version = tuple(int(number) for number in
                    re.findall(r"\d+", bench.transcript(kernel).release)[:2])
    wrong = []
    for options in leaks_of(kernel):
        told = bench.part(kernel, f"leaks {options}")
        found = leaks.check(told, options, version)
        wrong += [f"{options or 'as it comes'}: {line}" for line in found]
        wrong += ["all that was said:", *told] if found else []
    fail_if(wrong)


def try_fault(bench, kernel, fault):
    told = bench.part(kernel, f"fault {fault}")
    wrong = faults.check(fault, told)
    fail_if(wrong and [*wrong, "all that was said:", *told])


def try_soak(bench, kernel):
    told = bench.part(kernel, "soak")
    fail_if(soak.check(told, SOAK_SECONDS))


def try_log(bench, kernel):
    transcript = bench.transcript(kernel)
    tap.note(f"{kernel.name}: {transcript.release}, {transcript.seconds:.0f} s")
    if splats := transcript.splats():
        raise Failure("\n".join([*splats, "the whole log:", *transcript.part("log")]))
    bench.part(kernel, "end")


def choose_kernels():
    words = os.environ.get("KERNELS", "").split()
    listed = kernels()
    if unknown := set(words) - {kernel.name for kernel in listed}:
        sys.exit(f"KERNELS: not in kernels.txt: {', '.join(sorted(unknown))}")
    return [kernel for kernel in listed if kernel.name in words or not words]


def cases_of(kernel):
    """Title, what to do."""
    if SOAK_SECONDS:
        yield f"{SOAK_SECONDS} seconds of closes", try_soak
        yield "the kernel's log", try_log
        return
    for line, sentence in refused_of(kernel).items():
        title = line.split()[0]
        yield (f"refused {title}", lambda bench, kernel, title=title, sentence=sentence:
               try_refused(bench, kernel, title, sentence))
    if "refused" not in kernel.parts:
        for options in modes_of(kernel):
            yield (f"mode {options}", lambda bench, kernel, options=options:
                   try_mode(bench, kernel, options))
        yield "TIME_WAIT by function and by timer", try_waits
        yield "leaks", try_leaks
    for fault in faults_of(kernel):
        yield f"fault {fault}", lambda bench, kernel, fault=fault: try_fault(bench, kernel, fault)
    yield "the kernel's log", try_log


def register(kernel):
    for title, function in cases_of(kernel):
        case(f"{kernel.name}: {title}", CASE_DEADLINE)(
            lambda bench, title=title, function=function: bench.judge(kernel, title, function))


if __name__ == "__main__":
    CHOSEN_KERNELS = choose_kernels()
    for chosen in CHOSEN_KERNELS:
        register(chosen)
    sys.exit(tap.main(Bench, root=False))
