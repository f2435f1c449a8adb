# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A process with one TCP socket that does what it is told, one call at a time."""

import json
import os
import select
import signal
import subprocess

from .tap import Failure

PROGRAM = os.path.join(os.path.dirname(__file__), "../../workload/puppet.py")
REPLY_DEADLINE = 20


class PuppetError(Exception):
    """The call failed in the puppet; the argument is the name of the errno."""


class Puppet:
    """puppet.close() is start("close") and finish(): the call, and the wait for its end."""

    def __init__(self, namespace, name, prefix=()):
        self.name = name
        with namespace:
            self._process = subprocess.Popen(
                [*prefix, "/usr/bin/python3", "-I", "-S", PROGRAM, name], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self._process.pid
        self.namespace = namespace
        self.local = self.remote = None
        self.listening = None

    def start(self, verb, *arguments):
        self._process.stdin.write(json.dumps([verb, *arguments]) + "\n")
        self._process.stdin.flush()

    def finish(self):
        if not select.select([self._process.stdout], [], [], REPLY_DEADLINE)[0]:
            raise Failure(f"{self.name}: no answer within {REPLY_DEADLINE} s")
        line = self._process.stdout.readline()
        if not line:
            raise Failure(f"{self.name}: ended, status {self._process.wait()}")
        reply = json.loads(line)
        if "error" in reply:
            raise PuppetError(reply["error"])
        self.local = reply.get("local", self.local)
        self.remote = reply.get("remote", self.remote)
        return reply.get("value")

    def __getattr__(self, verb):
        if verb.startswith("_"):
            raise AttributeError(verb)

        def call(*arguments):
            self.start(verb, *arguments)
            return self.finish()
        return call

    def listen(self, address, *arguments):
        self.start("listen", address, *arguments)
        self.listening = self.finish()
        return self.listening

    def exit(self):
        """Ends the process with its sockets open."""
        self.start("exit")
        self._process.wait(REPLY_DEADLINE)

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(REPLY_DEADLINE)

    def stop(self):
        """End of the case: the process ends, if it has not yet."""
        self._process.stdin.close()
        try:
            self._process.wait(REPLY_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
