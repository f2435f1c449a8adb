# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The kernel's own word on sockets that are gone: what `ss -E` listens to. Independent of the tool;
says nothing of mini-sockets, only of real ones."""

import ipaddress
import select
import socket
import struct
import time

from .tap import Failure

NETLINK_SOCK_DIAG = 4
TCP_GONE, TCP6_GONE = 1 << 0, 1 << 2
SO_RCVBUFFORCE = 33
CLOSE = 7


class Gone:
    """A socket that no longer exists."""

    def __init__(self, message):
        family, state = struct.unpack("BB", message[16:18])
        self.local_port, self.remote_port = struct.unpack("!HH", message[20:24])
        size = 4 if family == socket.AF_INET else 16
        self.local = _address(message[24:24 + size])
        self.remote = _address(message[40:40 + size])
        self.state = state

    def key(self):
        return self.local, self.local_port, self.remote, self.remote_port


def _address(packed):
    address = ipaddress.ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


class Destruction:
    """Collects the ends of TCP sockets of a namespace from now on."""

    def __init__(self, namespace):
        with namespace:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._socket.bind((0, TCP_GONE | TCP6_GONE))
        self.gone = []

    def _read(self):
        data = self._socket.recv(65536)
        while data:
            length = struct.unpack("I", data[:4])[0]
            event = Gone(data[:length])
            # Not a listener, nor a socket that never had a peer or no longer has one: that is so
            # of those that wait in the queue of a listener while it is closed.
            if event.remote_port:
                self.gone.append(event)
            data = data[length + 3 & ~3:]

    def wait(self, wanted, deadline=20):
        """Until wanted(list of all so far) is true."""
        end = time.monotonic() + deadline
        while not wanted(self.gone):
            if not select.select([self._socket], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure(f"only {len(self.gone)} sockets ended within {deadline} s")
            self._read()

    def close(self):
        self._socket.close()
