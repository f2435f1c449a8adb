# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""tun devices whose other side is the test: a remote host whose every segment the test writes
(Peer), or a cable between two namespaces that the test can hold and cut (Cable).

A segment written to a tun device has been through the kernel's TCP when write() returns, so what
follows needs no wait.
"""

import collections
import fcntl
import os
import random
import select
import struct
import threading
import time

from . import segment as segments
from .segment import MODULUS, Segment
from .tap import Failure, Skip

TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 1, 0x1000
DEADLINE = 10


class Tun:
    def __init__(self, namespace, name, addresses):
        with namespace:
            try:
                self.file = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError as error:
                raise Skip(f"no tun device: {error.strerror}") from None
            request = struct.pack("16sH14x", name.encode(), IFF_TUN | IFF_NO_PI)
            fcntl.ioctl(self.file, TUNSETIFF, request)
        self.name = name
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            namespace.ip("address", "add", address, "dev", name, *nodad)
        namespace.ip("link", "set", name, "up")

    def read(self, deadline=DEADLINE):
        """The next TCP segment that the kernel sends, or None if it sends none in time."""
        end = time.monotonic() + deadline
        while select.select([self.file], [], [], max(0, end - time.monotonic()))[0]:
            segment = segments.parse(os.read(self.file, 65536))
            if segment:
                return segment
        return None

    def write(self, packet):
        os.write(self.file, packet)

    def close(self):
        os.close(self.file)


class Peer:
    """One connection's remote end. It keeps count of the numbers: `seq` is the next to send,
    `ack` the next expected."""

    def __init__(self, tun, local, remote, port=None, remote_port=None):
        self.tun = tun
        self.address, self.port = remote, port or random.randrange(20000, 30000)
        self.host, self.host_port = local, remote_port
        self.seq = random.randrange(MODULUS)
        self.ack = 0

    def receive(self, flags=None, deadline=DEADLINE):
        """The host's next segment of this connection, which must have these flags."""
        end = time.monotonic() + deadline
        while segment := self.tun.read(max(0, end - time.monotonic())):
            if segment.target_port != self.port or segment.target != self.address:
                continue # what is left of an earlier case
            if flags is not None and segment.flags != flags:
                raise Failure(f"the host sent {segment.flags}, expected {flags}")
            self.host_port = segment.source_port
            self.ack = segment.end
            return segment
        raise Failure(f"the host sent nothing within {deadline} s, expected {flags}")

    def receive_until(self, flag):
        """The host's next segment with that flag; others are passed over."""
        while not (segment := self.receive()).has(flag):
            pass
        return segment

    def send(self, flags, payload=b"", seq=None, ack=None, options=b"", advance=True):
        segment = Segment(self.address, self.host, self.port, self.host_port,
                          self.seq if seq is None else seq, self.ack if ack is None else ack,
                          flags, payload, options=options)
        if not segment.has("ACK"):
            segment.ack = 0
        self.tun.write(segment.build())
        if advance:
            self.seq = segment.end
        return segment

    def answer(self, puppet):
        """Lets the puppet connect to us."""
        puppet.start("connect", self.address, self.port)
        self.receive("SYN")
        self.send("SYN,ACK")
        self.receive("ACK")
        puppet.finish()

    def dial(self, puppet):
        """Connects to the puppet's listener."""
        self.host_port = puppet.listening
        self.send("SYN")
        self.receive("SYN,ACK")
        self.send("ACK")
        puppet.accept()


class Cable:
    """Joins two namespaces; a thread carries the packets. `hold` decides which segments stay in
    `held` until the test delivers or drops them."""

    def __init__(self, left, right):
        self.tuns = (
            Tun(left, "cable0", ["10.78.0.1/24", "fd78::1/64"]),
            Tun(right, "cable0", ["10.78.0.2/24", "fd78::2/64"]))
        self._hold = None
        self._held = collections.deque()
        self._arrived = threading.Condition()
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def hold(self, decide):
        """From now on segments for which decide(segment) is true are held; None: no more."""
        with self._arrived:
            self._hold = decide

    def take(self, deadline=DEADLINE):
        """The next held segment; it is the caller's now: deliver it, or it is lost."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._held, deadline):
                raise Failure(f"no segment to hold came within {deadline} s")
            return self._held.popleft()

    def deliver(self, segment):
        self.tuns[segment.side ^ 1].write(segment.raw)

    def _carry(self):
        files = [tun.file for tun in self.tuns]
        while True:
            readable = select.select([*files, self._stop], [], [])[0]
            if self._stop in readable:
                return
            for file in readable:
                self._pass_on(files.index(file), os.read(file, 65536))

    def _pass_on(self, side, packet):
        segment = segments.parse(packet)
        if segment:
            segment.side = side
        with self._arrived:
            if segment and self._hold and self._hold(segment):
                self._held.append(segment)
                self._arrived.notify()
                return
        self.tuns[side ^ 1].write(packet)

    def close(self):
        os.close(self._stopped)
        self._thread.join()
        os.close(self._stop)
        for tun in self.tuns:
            tun.close()
