# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Loopback connections opened and closed at a rate, or as fast as the machine can; and what a run
of the tool whose objects go to a file told of them."""

import contextlib
import json
import os
import re
import subprocess
import tempfile

from .expect import equal
from .paths import BUILD
from .tap import Failure
from .tracer import Tracer

STRETCHED = 3 # by others, at most
CLOSED = re.compile(r"(\d+) sockets closed, (\d+) per second") # what it tells
CHURN = os.path.join(BUILD, "tests/workload/churn")


def own_time(on_the_clock, computed):
    """What others on the same processors, or on those of the host, did meanwhile is not counted;
    what was waited for is."""
    return computed if on_the_clock < STRETCHED * computed else on_the_clock


class Load:
    """`options` of the churn; at once in the background. `prefix`: words in front of it."""

    def __init__(self, namespace, seconds, *options, connections=0, prefix=()):
        words = [*prefix, CHURN, *options, str(seconds), str(connections)]
        with namespace:
            self._process = subprocess.Popen(words, text=True, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def running(self):
        return self._process.poll() is None

    def wait(self):
        """Sockets closed, and closed per second. That no call of it failed is the least that a
        tracer owes to the traffic."""
        told = self._process.communicate()[0]
        if self._process.returncode:
            raise Failure(f"the workload failed: {self._process.returncode}")
        found = CLOSED.fullmatch(told.removesuffix("\n"))
        return int(found.group(1)), int(found.group(2))


@contextlib.contextmanager
def crowd(namespace, connections, leaked):
    """So many connections that are open, of which so many wait for their close()."""
    with namespace:
        process = subprocess.Popen([f"{BUILD}/tests/workload/crowd", str(connections), str(leaked)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        equal("crowd", process.stdout.readline(), b"ready\n")
        yield process
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


class Recorded:
    """A run of the tool whose objects go to a file: nobody reads as fast as it writes."""

    def __init__(self, *options, **settings):
        self._file, self.path = tempfile.mkstemp(prefix="tcpclose-churn-")
        self.tracer = Tracer(*options, stdout=self._file, **settings)

    def __enter__(self):
        self.tracer.__enter__()
        return self

    def __exit__(self, *reason):
        self.tracer.__exit__(*reason)
        os.close(self._file)
        os.unlink(self.path)

    def objects(self, kind="teardown", whole=True):
        """`whole`: also the last line is; it is not while the tool runs."""
        with open(self.path, encoding="utf-8") as file:
            for line in file:
                if not whole and not line.endswith("\n"):
                    return
                found = json.loads(line)
                if found["type"] == kind:
                    yield found
