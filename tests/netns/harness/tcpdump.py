# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Captures as tcpdump makes them, and the same with other times or without some packets."""

import os
import signal
import socket
import struct
import subprocess
import tempfile

from .capture import MARKER_PORT
from .namespace import require
from .tap import Failure
from .tracer import wait_content

DEADLINE = 30
NANOSECONDS = 0xa1b23c4d
HEADER, PACKET = struct.Struct("<IHHiIII"), struct.Struct("<IIII")
S = 10 ** 9


class Tcpdump:
    """Captures an interface until finish(). A datagram sent after the traffic is the end mark: once
    it is in the file, everything before it is."""

    def __init__(self, namespace, interface, mark_address):
        require("tcpdump")
        self._namespace, self._mark_address = namespace, mark_address
        handle, self.path = tempfile.mkstemp(prefix="tcpclose-", suffix=".pcap")
        os.close(handle)
        with namespace:
            self._process = subprocess.Popen(
                ["tcpdump", "-i", interface, "-U", "-Z", "root", "-s", "128",
                 "--immediate-mode", "--time-stamp-precision=nano", "-w", self.path,
                 f"tcp or udp port {MARKER_PORT}"], text=True, stderr=subprocess.PIPE)
        for line in self._process.stderr:
            if "listening on" in line:
                return
        raise Failure(f"tcpdump ended with {self._process.wait()}")

    def finish(self):
        text = f"the end of {self.path}".encode()
        with self._namespace, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mark:
            mark.sendto(text, (self._mark_address, MARKER_PORT))
        if not wait_content(self.path, text, DEADLINE):
            raise Failure("tcpdump did not capture the end mark")
        self._process.send_signal(signal.SIGINT)
        said = self._process.communicate()[1]
        if "\n0 packets dropped by kernel" not in said:
            raise Failure(f"tcpdump lost packets: {said}")

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        os.unlink(self.path)


def rewritten(source, target, shift=0, keep=lambda frame: True):
    """A copy of a capture in which all times are `shift` ns later, of the frames to keep."""
    with open(source, "rb") as file:
        content = file.read()
    if HEADER.unpack_from(content)[0] != NANOSECONDS:
        raise Failure(f"{source} is no capture with nanoseconds")
    out, at = [content[:HEADER.size]], HEADER.size
    while at < len(content):
        seconds, fraction, captured, original = PACKET.unpack_from(content, at)
        frame = content[at + PACKET.size:at + PACKET.size + captured]
        at += PACKET.size + captured
        if keep(frame):
            out += [PACKET.pack(*divmod(seconds * S + fraction + shift, S), captured, original),
                    frame]
    with open(target, "wb") as file:
        file.write(b"".join(out))


def is_syn(frame):
    """Of TCP in IP without extension headers in Ethernet."""
    if frame[12:14] == b"\x86\xdd":
        protocol, tcp = frame[20], 14 + 40
    else:
        protocol, tcp = frame[23], 14 + (frame[14] & 15) * 4
    return protocol == socket.IPPROTO_TCP and bool(frame[tcp + 13] & 2)
