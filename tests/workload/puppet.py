#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""One TCP socket on strings: reads calls from stdin, one JSON list [verb, argument...] per line,
does them, and answers each with one line. Its argument becomes its process name."""

import errno
import json
import os
import select
import socket
import struct
import sys


class Puppet:
    def __init__(self):
        self.listener = None
        self.socket = None

    def listen(self, address, backlog=8, port=0, options=()):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for level, name, value in options:
            self.listener.setsockopt(level, name, value)
        self.listener.bind((address, port))
        self.listener.listen(backlog)
        return self.listener.getsockname()[1]

    def close_listener(self):
        self.listener.close()

    def accept(self):
        self.socket = self.listener.accept()[0]

    def wait_queue(self):
        """Until a connection waits in the listener's queue."""
        select.select([self.listener], [], [])

    def open(self, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)

    def bind(self, address, port=0):
        self.open(address)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))

    def connect(self, address, port):
        if self.socket is None:
            self.open(address)
        self.socket.connect((address, port))

    def begin_connect(self, address, port):
        """Leaves the socket in SYN_SENT."""
        if self.socket is None:
            self.open(address)
        self.socket.setblocking(False)
        self.socket.connect_ex((address, port))

    def fast_open(self, address, port, count):
        self.open(address)
        self.socket.sendto(b"x" * count, socket.MSG_FASTOPEN, (address, port))

    def option(self, level, name, value):
        self.socket.setsockopt(level, name, value)

    def linger(self, seconds):
        value = struct.pack("ii", 1, seconds)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, value)

    def acknowledge_now(self):
        """Sends an acknowledgement that is being delayed."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def send(self, count):
        self.socket.sendall(b"x" * count)

    def receive(self, count):
        """Exactly so many bytes."""
        while count:
            count -= len(self.socket.recv(count))

    def wait_data(self):
        """Until there is something to read, which is left unread."""
        select.select([self.socket], [], [])

    def read_end(self):
        """Reads up to the end of file; the number of bytes on the way."""
        total = 0
        while data := self.socket.recv(65536):
            total += len(data)
        return total

    def read_end_and_close(self):
        """As one call, so that the close comes before a delayed acknowledgement is due."""
        total = self.read_end()
        self.socket.close()
        return total

    def wait_hangup(self):
        """Until the peer's FIN or RST has come; reads nothing."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        poll.poll()

    def disconnect(self):
        """connect(AF_UNSPEC), which Python's own connect() cannot say."""
        import ctypes # slow to load, and only needed here
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.connect(self.socket.fileno(), bytes(16), 16):
            raise OSError(ctypes.get_errno(), "connect")

    def shutdown(self, how):
        self.socket.shutdown({"read": socket.SHUT_RD, "write": socket.SHUT_WR,
                              "both": socket.SHUT_RDWR}[how])

    def close(self):
        self.socket.close()

    def exit(self):
        os._exit(0)


def ends(puppet):
    """Local and remote end of the socket, as far as it has them."""
    found = {}
    try:
        found["local"] = puppet.socket.getsockname()[:2]
        found["remote"] = puppet.socket.getpeername()[:2]
    except (AttributeError, OSError):
        pass
    return found


def answer(puppet, line):
    verb, *arguments = json.loads(line)
    try:
        return {"value": getattr(puppet, verb)(*arguments)} | ends(puppet)
    except OSError as error:
        return {"error": errno.errorcode[error.errno]}


def main():
    with open("/proc/self/comm", "wb") as comm:
        comm.write(os.fsencode(sys.argv[1]))
    puppet = Puppet()
    for line in sys.stdin:
        print(json.dumps(answer(puppet, line)), flush=True)


main()
