# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A host that sends what no TCP would: two namespaces joined by a cable with known hardware
addresses, the generator of tests/workload/forge.c, and raw frames."""

import contextlib
import os
import re
import socket
import subprocess

from .namespace import Namespace, connect_by_veth
from .puppet import Puppet
from .tap import Failure
from .tracer import BUILD

PROGRAM = os.path.join(BUILD, "tests/workload/forge")
HARDWARE = "02:00:00:00:00:01", "02:00:00:00:00:02" # as in forge.c
NETWORK = 66 # no other test uses it
STRANGER, HOST = ({4: f"10.77.{NETWORK}.{host}", 6: f"fd77:{NETWORK}::{host}"} for host in (1, 2))
PORT = 8000


class Attacked:
    """`host` is attacked from `stranger`; each has one interface to the other."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.stranger, self.host = Namespace("stranger"), None
            stack.callback(self.stranger.remove)
            self.host = Namespace("host")
            stack.callback(self.host.remove)
            self.cable = connect_by_veth(self.stranger, self.host, NETWORK)
            for space, end, address in zip((self.stranger, self.host), self.cable, HARDWARE):
                space.ip("link", "set", end, "address", address)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details):
        return self._stack.__exit__(*details)

    def watched(self):
        """Options for a tracer that is started in the host: what goes over the cable, whoever sent
        it. (A filter by namespace would leave out segments that belong to no socket.)"""
        return "-i", self.cable[1], "--addr", HOST[4], "--addr", HOST[6]

    @contextlib.contextmanager
    def forging(self, count, kind="closes", port=PORT):
        """So many forged segments, sent meanwhile; `with` ends when all are."""
        with self.stranger:
            process = subprocess.Popen(
                [PROGRAM, self.cable[0], str(count), kind, HOST[4], str(port)],
                stderr=subprocess.PIPE, text=True)
        try:
            yield process
            told = process.communicate()[1]
        except BaseException:
            process.kill()
            process.communicate()
            raise
        if process.returncode:
            raise Failure(f"the generator failed: {told}")
        self.rate = int(re.search(r"(\d+) per second", told)[1])

    @contextlib.contextmanager
    def raw(self):
        """Sends frames as they are: the result is a function of the frame's bytes."""
        with self.stranger:
            file = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with file:
            file.bind((self.cable[0], 0))
            yield file.send

    @contextlib.contextmanager
    def connected(self, family=4, port=0):
        """A client at the stranger's, a server on the host."""
        with contextlib.ExitStack() as stack:
            server, client = Puppet(self.host, "server"), Puppet(self.stranger, "client")
            stack.callback(server.stop)
            stack.callback(client.stop)
            client.connect(HOST[family], server.listen(HOST[family], 8, port))
            server.accept()
            yield client, server


def frame(packet):
    """The IP packet as it goes from the stranger to the host."""
    kind = b"\x86\xdd" if packet[:1] >= b"\x60" else b"\x08\x00"
    return b"".join(bytes.fromhex(address.replace(":", "")) for address in HARDWARE[::-1]) + \
        kind + packet
