# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Connections over loopback in a namespace of their own, and a tracer that lives there, too."""

import calendar
import contextlib
import socket
import time

from .namespace import Namespace
from .tracer import Tracer

ADDRESSES = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


class Pair:
    """Both ends of a connection over loopback, on ports of choice."""

    def __init__(self, family=socket.AF_INET, client_port=0, server_port=0):
        address = ADDRESSES[family]
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, server_port))
            listener.listen()
            self.client = socket.socket(family)
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if client_port:
                self.client.bind((address, client_port))
            self.client.connect(listener.getsockname())
            self.server = listener.accept()[0]
        self.client_port = self.client.getsockname()[1]
        self.server_port = self.server.getsockname()[1]

    def close(self, first, second):
        """The first then waits in TIME_WAIT."""
        first.close()
        second.recv(1)
        second.close()

    def close_client_first(self):
        self.close(self.client, self.server)
        return self

    def close_server_first(self):
        self.close(self.server, self.client)
        return self


def of(kind, port, families=(4, 6), namespace=None):
    """Objects of a local port, in a namespace if there may be others that use it."""
    return lambda found: found["type"] == kind and found["local"]["port"] == port and \
        found["family"] in families and \
        (namespace is None or found["local"].get("netns") == namespace.inode)


@contextlib.contextmanager
def traced(*options):
    here = Namespace("here")
    try:
        with here, Tracer("--netns", here.name, *options) as tracer:
            yield here, tracer
    finally:
        here.remove()


def time_of(text):
    """ns since 1970 of an RFC 3339 time with nanoseconds."""
    seconds, fraction = text.removesuffix("Z").split(".")
    parsed = time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")
    return calendar.timegm(parsed) * 1_000_000_000 + int(fraction)
