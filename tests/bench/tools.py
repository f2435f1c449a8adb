# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What may run beside a load: the tool in its ways, and what people use in its place. Each is a
context manager that gives a running one, ready, whose end() gives what it lost; None: unknown."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

from harness import attached, closing
from harness.namespace import require
from harness.paths import BUILD
from harness.tap import Failure, Skip
from harness.tracer import Tracer

READY_DEADLINE = 30
END_DEADLINE = 60
POLL = 0.01
LAST_OBJECT = 4096 # bytes, at most
LATER = "127.0.0.99"
CONNECTIONS = 131072 # that the tool keeps at most (correlator_defaults)
# Where the machine has no tracefs: one that goes away with the process.
WITH_TRACEFS = ["unshare", "--mount", "sh", "-c", """cd /sys/kernel
[ -e debug/tracing/events ] || mount -t debugfs none debug
[ -e tracing/events ] || mount -t tracefs none tracing
cd / && exec "$@" """, "sh"]
EMPTY = ("env", f"LD_PRELOAD={os.path.join(BUILD, 'tests/workload/substitute')}", "EMPTY=1")
FIN_OR_RST = "tcp[tcpflags] & (tcp-fin|tcp-rst) != 0"
EACH_CHANGE = ('tracepoint:sock:inet_sock_set_state { printf("%llu %d %s %d -> %d\\n", nsecs, pid, '
               'comm, args->oldstate, args->newstate); }')


def check_bound(teardowns):
    """Each end of a connection has one."""
    if teardowns > 2 * CONNECTIONS:
        raise Skip(f"no more than {CONNECTIONS:,} connections are kept")


class Ours:
    """`recorded`: to a file; nobody reads what is printed then. `emptied`: its programs are called
    and do nothing."""

    def __init__(self, name, *options, recorded=False, emptied=False):
        self.name, self._options, self._recorded = name, options, recorded
        self._emptied = emptied

    @contextlib.contextmanager
    def __call__(self, place=None):
        with tempfile.TemporaryDirectory(prefix="tcpclose-bench-") as folder:
            options = [*self._options]
            path = os.path.join(folder, "out")
            if self._recorded:
                options += ["-w", os.path.join(folder, "recording.pcapng")]
                path = os.devnull
            output = "text" if self._recorded else "json"
            with open(path, "wb") as out, Tracer(*options, stdout=out, output=output,
                                                 prefix=EMPTY * self._emptied) as tracer:
                yield _Traced(tracer, path, self._emptied)


class _Traced:
    def __init__(self, tracer, path, emptied):
        self.pid, self._tracer, self._path, self._emptied = tracer.pid, tracer, path, emptied

    def catch_up(self, place):
        """Waits until a close that is made now is told: then all before it was seen. What is only
        counted in the kernel needs no wait."""
        if "timewait" in self._tracer.words:
            return
        closing.close_one(place.clients, address=LATER)
        end = time.monotonic() + END_DEADLINE
        with open(self._path, "rb") as file:
            while LATER.encode() not in file.read():
                if time.monotonic() > end:
                    raise Failure(f"the close was not told within {END_DEADLINE} s")
                select.select([], [], [], POLL)

    def end(self):
        outcome = self._tracer.stop()
        if outcome.status or not outcome.summary:
            raise Failure(f"{' '.join(self._tracer.words)} ended with {outcome.status}: "
                          f"{outcome.stderr}")
        if self._emptied and outcome.summary["teardowns"]:
            raise Failure(f"programs that do nothing told of a close: {outcome.stderr}")
        if outcome.summary["lost"]:
            print(outcome.stderr, file=sys.stderr, flush=True)
        return outcome.summary["lost"]

    def lost_by_kind(self):
        """Of what went to the file, once it has ended and before that is gone."""
        with open(self._path, "rb") as file:
            file.seek(-min(LAST_OBJECT, os.stat(self._path).st_size), os.SEEK_END)
            return json.loads(file.read().splitlines()[-1])["lost"]


class Peer:
    """`words` may contain {interface} and {file}. `ready`: what it prints on stderr; None: it is
    ready when it has a program in the kernel. `lost`: its own count, summed up."""

    def __init__(self, name, words, lost, ready=None):
        self.name, self._words, self._lost, self._ready = name, words, lost, ready
        self.bpf = ready is None

    @contextlib.contextmanager
    def __call__(self, place):
        require(self._words[0])
        with tempfile.TemporaryDirectory(prefix="tcpclose-bench-") as folder:
            names = {"{interface}": place.interface, "{file}": os.path.join(folder, "capture")}
            words = WITH_TRACEFS + [names.get(word, word) for word in self._words]
            said = os.path.join(folder, "said")
            with open(os.path.join(folder, "out"), "wb") as out, open(said, "wb") as errors, \
                    place.clients:
                process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out,
                                           stderr=errors)
            running = _Running(process, said, self._lost)
            try:
                running.wait_ready(self._ready)
                yield running
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()


class _Running:
    def __init__(self, process, said, lost):
        self.pid = process.pid
        self._process, self._path, self._lost = process, said, lost

    def _said(self):
        with open(self._path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()

    def wait_ready(self, text):
        """Nobody tells when a program is attached, hence the looks."""
        deadline = time.monotonic() + READY_DEADLINE
        end = os.pidfd_open(self.pid)
        try:
            while not (text in self._said() if text else
                       any(kind == "prog" for kind, _ in attached.held(self.pid))):
                if select.select([end], [], [], POLL)[0] or time.monotonic() > deadline:
                    raise Skip(f"it does not start: {_last_line(self._said())}")
        finally:
            os.close(end)

    def end(self):
        if self._process.poll() is not None:
            raise Skip(f"it ended by itself: {_last_line(self._said())}")
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(END_DEADLINE)
        except subprocess.TimeoutExpired:
            raise Skip("it does not end") from None
        return sum(int(count) for count in re.findall(self._lost, self._said()))


def _last_line(text):
    return (text.strip().splitlines() or ["no word of why"])[-1]


LIVE = Ours("live, -o json")
TIMEWAIT = Ours("timewait", "timewait")
LEAKS = Ours("leaks", "leaks")
RECORDING = Ours("recording, -w", recorded=True)
OURS = (LIVE, TIMEWAIT, LEAKS, RECORDING)
# What the kernel takes for calling programs at the same places: no tracer that uses them is faster.
EMPTIED = (Ours("live, its programs empty", emptied=True),
           Ours("timewait, its programs empty", "timewait", emptied=True),
           Ours("leaks, its programs empty", "leaks", emptied=True))

TCPSTATES = Peer("tcpstates", ["tcpstates"], r"[Ll]ost (\d+) events")
PEERS = (
    TCPSTATES,
    Peer("tcplife", ["tcplife"], r"[Ll]ost (\d+) events"),
    Peer("bpftrace, a printf per change", ["bpftrace", "-e", EACH_CHANGE], r"Lost (\d+) events"),
    Peer("tcpdump -w, FIN or RST", ["tcpdump", "-i", "{interface}", "-Z", "root", "-w", "{file}",
                                    FIN_OR_RST], r"(\d+) packets? dropped by kernel",
         ready="listening on"),
    Peer("tshark -w", ["tshark", "-q", "-i", "{interface}", "-w", "{file}"],
         r"(\d+) packets? dropped", ready="Capturing on"),
)
