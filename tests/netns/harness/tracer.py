# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""tcpclose-trace under test: started, ready, read while it runs, stopped."""

import ctypes
import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time

from .paths import BUILD, PROGRAM, TOP
from .tap import Failure

SUMMARY = re.compile(r"(\d+) teardowns, (\d+) unfinished, (\d+) records, (\d+) lost")
READY_DEADLINE = 30
STOP_DEADLINE = 60
TEARDOWN_DEADLINE = 25
IN_MODIFY, IN_CREATE, IN_MOVED_TO = 0x2, 0x100, 0x80
_libc = ctypes.CDLL(None, use_errno=True)


class Appearance:
    """Waits for a file to be created, by inotify."""

    def __init__(self, path):
        self._name = os.path.basename(path).encode()
        self._file = _libc.inotify_init1(os.O_CLOEXEC)
        directory = os.path.dirname(path).encode()
        if _libc.inotify_add_watch(self._file, directory, IN_CREATE | IN_MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")

    def wait(self, process, deadline):
        """True once it is there; False if the process ends before, or the deadline passes."""
        end = os.pidfd_open(process.pid)
        try:
            while True:
                readable = select.select([self._file, end], [], [], deadline)[0]
                if self._file in readable and self._name in self._names():
                    return True
                if end in readable or not readable:
                    return False
        finally:
            os.close(end)

    def _names(self):
        events = os.read(self._file, 65536)
        while events:
            length = struct.unpack("4xIII", events[:16])[2]
            yield events[16:16 + length].rstrip(b"\0")
            events = events[16 + length:]

    def close(self):
        os.close(self._file)


def wait_content(path, text, deadline):
    """Waits until a file that grows contains this text. False: not within the deadline."""
    file = _libc.inotify_init1(os.O_CLOEXEC)
    try:
        if _libc.inotify_add_watch(file, path.encode(), IN_MODIFY) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        end = time.monotonic() + deadline
        while True:
            with open(path, "rb") as content:
                if text in content.read():
                    return True
            if not select.select([file], [], [], max(0, end - time.monotonic()))[0]:
                return False
            os.read(file, 65536)
    finally:
        os.close(file)


def _parse(line):
    try:
        return json.loads(line)
    except ValueError as error:
        return {"type": "not JSON", "line": repr(line), "error": str(error)}


class Outcome:
    """What a run left: exit status, stderr, and of -o json the objects."""

    def __init__(self, status, stderr, lines):
        self.status = status
        self.stderr = stderr
        self.lines = lines
        last = stderr.rstrip("\n").rpartition("\n")[2]
        found = SUMMARY.fullmatch(last)
        self.summary = dict(zip(("teardowns", "unfinished", "records", "lost"),
                                map(int, found.groups()))) if found else None


class Tracer:
    """`with Tracer() as tracer:`. It runs in the namespace of the caller, unless `prefix` words
    (ip netns exec, setpriv) say otherwise. `recorded`: it records, too, and the end is only good
    if a replay says the same, byte for byte."""

    def __init__(self, *options, output="json", stdout=None, prefix=(), recorded=False):
        if not os.access(PROGRAM, os.X_OK):
            raise Failure(f"{PROGRAM} is not built")
        self._folder = tempfile.mkdtemp(prefix="tcpclose-ready-")
        os.chmod(self._folder, 0o777)
        self._ready_file = os.path.join(self._folder, "ready")
        self.words = [*prefix, PROGRAM, "-o", output, "--ready-file", self._ready_file, *options]
        self._output = output
        self._recording = os.path.join(self._folder, "recording.pcapng") if recorded else None
        if recorded:
            self.words += ["-w", self._recording]
        self.process = None
        self._stdout = stdout
        self._json = output == "json"
        self._lines = []
        self._objects = []
        self._error = []
        self._taken = set()
        self._news = threading.Condition()
        self._outcome = None

    def __enter__(self):
        if self.process is None:
            self.start()
            if not self.wait_ready():
                self.process.kill()
                raise Failure(f"{' '.join(self.words)}: not ready:\n{self.stop().stderr}")
        return self

    def __exit__(self, *_):
        if self._outcome is None:
            self.stop()

    def start(self):
        self._appearance = Appearance(self._ready_file)
        self.process = subprocess.Popen(
            self.words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            stdout=subprocess.PIPE if self._stdout is None else self._stdout)
        self.pid = self.process.pid
        self._threads = [threading.Thread(target=self._read_errors)]
        if self._stdout is None:
            self._threads.append(threading.Thread(target=self._read_output))
        for thread in self._threads:
            thread.start()

    def wait_ready(self):
        return self._appearance.wait(self.process, READY_DEADLINE)

    def _read_errors(self):
        with self.process.stderr as stream:
            for line in stream:
                self._error.append(line.decode("utf-8", "backslashreplace"))

    def _read_output(self):
        with self.process.stdout as stream:
            for line in stream:
                with self._news:
                    self._lines.append(line)
                    if self._json:
                        self._objects.append(_parse(line))
                    self._news.notify_all()
        with self._news:
            self._objects.append(None)
            self._news.notify_all()

    def _find(self, wanted):
        for number, found in enumerate(self._objects):
            if number not in self._taken and found is not None and wanted(found):
                self._taken.add(number)
                return found
        return None

    def take(self, wanted, what, deadline=TEARDOWN_DEADLINE):
        """The first object for which wanted(object) is true, once it is printed. No later call
        gets the same one."""
        with self._news:
            found = []

            def look():
                found[:] = filter(None, [self._find(wanted)])
                return found or (self._objects and self._objects[-1] is None)
            self._news.wait_for(look, deadline)
            if not found:
                raise Failure(f"no {what} was reported within {deadline} s")
            return found[0]

    def left(self):
        """The objects that nobody took."""
        return [found for number, found in enumerate(self._objects)
                if number not in self._taken and found is not None]

    def objects(self, kind="teardown"):
        return [found for found in self._objects if found is not None and found["type"] == kind]

    def stop(self, how=signal.SIGINT):
        """Tells it to end, waits for that and gives the outcome."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait()

    def wait(self, deadline=STOP_DEADLINE):
        """Waits until it ends by itself."""
        try:
            status = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self._end(-signal.SIGKILL)
            raise Failure(f"did not end within {deadline} s") from None
        return self._end(status)

    def _end(self, status):
        if self._outcome is None:
            for thread in self._threads:
                thread.join()
            self._appearance.close()
            self._outcome = Outcome(status, "".join(self._error), self._lines)
            # A process that cannot reach the file for a sanitizer's report (tests/run).
            if "ERROR: Can't open file: " in self._outcome.stderr:
                raise Failure(f"a sanitizer has something to say:\n{self._outcome.stderr}")
            try:
                if self._recording:
                    self._check_replay()
            finally:
                shutil.rmtree(self._folder)
        return self._outcome

    def _check_replay(self):
        status, out, error = run("-r", self._recording, "-o", self._output)
        if status != 0:
            raise Failure(f"the replay ended with {status}: {error}")
        if different := replay_differs(b"".join(self._lines).decode(), out):
            raise Failure(f"the replay is another story: {different}")


def replay_differs(live, replayed):
    """What a replay says otherwise than the live run, but for the statistics of the run; None:
    nothing."""
    def lines(text):
        return [line for line in text.splitlines() if not line.startswith('{"type":"stats"')]
    here, there = lines(live), lines(replayed)
    for number, (one, other) in enumerate(zip(here, there)):
        if one != other:
            return f"line {number + 1}:\n{one}\n{other}"
    return None if len(here) == len(there) else f"{len(here)} lines live, {len(there)} replayed"


def run(*options, prefix=(), program=PROGRAM, deadline=STOP_DEADLINE, **settings):
    """The program run to its own end, as (status, stdout, stderr)."""
    done = subprocess.run([*prefix, program, *options], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=deadline, check=False, **settings)
    return done.returncode, done.stdout, done.stderr
