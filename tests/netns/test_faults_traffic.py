#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The traffic judged: a web server under load with a tracer that is stopped, killed, starved or
blocked, against the same without one. No request fails; how many there are is told as a ratio."""

import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import threading

from harness import server, tap
from harness.cgroup import Cgroup
from harness.namespace import Namespace, require
from harness.tap import Failure, case, note
from harness.tracer import Tracer

PORT = 8080
SECONDS = 1
ROUNDS = 3
# A tracer at work costs some, a machine shared with others more: this is to find one that stalls
# the traffic.
LEAST_RATIO = 0.4


def requests(here):
    """Of a second of wrk, each on a connection of its own: per second. None may fail."""
    with here:
        done = subprocess.run(["wrk", "-t", "1", "-c", "8", "-d", str(SECONDS), "--timeout", "20s",
                               "-H", "Connection: close", f"http://127.0.0.1:{PORT}/"],
                              capture_output=True, text=True, check=True)
    for sign in ("Socket errors", "Non-2xx"):
        if sign in done.stdout:
            raise Failure(done.stdout)
    return float(re.search(r"^Requests/sec: +([\d.]+)$", done.stdout, re.MULTILINE).group(1))


def plain(_, here):
    return requests(here)


def at_work(stack, here):
    stack.enter_context(traced())
    return requests(here)


@contextlib.contextmanager
def traced(**settings):
    with open(os.devnull, "wb") as out, Tracer(stdout=settings.pop("stdout", out),
                                               **settings) as tracer:
        yield tracer


def stopped(stack, here):
    tracer = stack.enter_context(traced())
    tracer.process.send_signal(signal.SIGSTOP)
    stack.callback(tracer.process.send_signal, signal.SIGCONT)
    return requests(here)


def killed(stack, here):
    tracer = stack.enter_context(traced())
    timer = threading.Timer(SECONDS / 2, tracer.process.kill)
    timer.start()
    stack.callback(timer.join)
    return requests(here)


def starved(stack, here):
    cgroup = stack.enter_context(Cgroup("cpu"))
    tracer = stack.enter_context(traced())
    cgroup.add(tracer.pid)
    cgroup.limit_cpu(0.01)
    stack.callback(cgroup.limit_cpu, None)
    return requests(here)


def blocked(stack, here):
    reader, writer = os.pipe()
    stack.callback(os.close, writer)
    stack.enter_context(traced(stdout=writer))
    stack.callback(os.close, reader) # then it ends quietly
    return requests(here)


CONDITIONS = (plain, at_work, stopped, killed, starved, blocked)


@case("no request fails, whatever becomes of the tracer", deadline=500)
def traffic():
    require("wrk")
    with contextlib.ExitStack() as stack:
        here = Namespace("here")
        stack.callback(here.remove)
        web = server.nginx(here, PORT)
        stack.callback(web.stop)
        here.sysctl("net.ipv4.tcp_tw_reuse", 1)
        rates = {condition: [] for condition in CONDITIONS}
        for _ in range(ROUNDS):
            for condition in CONDITIONS:
                with contextlib.ExitStack() as inner:
                    rates[condition].append(condition(inner, here))
    wrong = []
    for condition in CONDITIONS[1:]:
        ratio = statistics.median(with_it / without for with_it, without in
                                  zip(rates[condition], rates[plain]))
        note(f"{condition.__name__:8} {ratio:.2f} of {statistics.median(rates[plain]):.0f} "
             "requests per second")
        if ratio < LEAST_RATIO:
            wrong.append(f"{condition.__name__}: {ratio:.2f}, {rates[condition]}, {rates[plain]}")
    if wrong:
        raise Failure("\n".join(wrong))


if __name__ == "__main__":
    sys.exit(tap.main())
