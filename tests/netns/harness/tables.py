# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The kernel's own list of sockets in TIME_WAIT, by sock_diag. Independent of the tool."""

import errno
import os
import socket
import struct

from .tap import Failure

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
TIME_WAIT = 6


class Waiting:
    """Asks a namespace, as often as one likes."""

    def __init__(self, namespace):
        with namespace:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)

    def ports(self):
        """Family and local port of all that wait now."""
        return self._dump(socket.AF_INET) | self._dump(socket.AF_INET6)

    def _dump(self, family):
        body = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 0, 0, 1 << TIME_WAIT)
        self._socket.send(struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY,
                                      NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + body)
        found = set()
        while True:
            data = self._socket.recv(1 << 16)
            while data:
                length, kind = struct.unpack("=IH", data[:6])
                if kind == NLMSG_DONE:
                    return found
                if kind == NLMSG_ERROR:
                    error = -struct.unpack("=i", data[16:20])[0]
                    raise Failure(f"sock_diag: {os.strerror(error)} {errno.errorcode.get(error)}")
                found.add((family, struct.unpack("!H", data[20:22])[0]))
                data = data[length + 3 & ~3:]

    def close(self):
        self._socket.close()
