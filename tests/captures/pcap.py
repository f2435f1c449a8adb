# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Captures written by hand, and what tshark and the tool say of them."""

import json
import os
import struct
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.append(os.path.join(TOP, "tests/netns"))
from harness.tap import Failure, Skip  # after the path to it

BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
NANOSECONDS = 0xa1b23c4d
ETHERNET = 1
S = 10 ** 9


def frame(packet, tags=()):
    """An IP packet in Ethernet, with VLAN tags (0x8100, or 0x88a8 outside)."""
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86dd
    header = b"\2" * 6 + b"\4" * 6
    for tag in tags:
        header += struct.pack("!HH", tag, 100)
    return header + struct.pack("!H", kind) + packet


def record(time, data):
    """One frame in a file, at ns since 1970."""
    return struct.pack("<IIII", time // S, time % S, len(data), len(data)) + data


def write(file, frames):
    """Pairs of ns since 1970 and bytes, in the order of the capture."""
    file.write(struct.pack("<IHHiIII", NANOSECONDS, 2, 4, 0, 0, 262144, ETHERNET))
    for time, data in frames:
        file.write(record(time, data))
    file.flush()


def tshark(path, fields):
    """A dictionary of each TCP frame, by its number: what both passes of the analysis found."""
    words = [word for field in ("frame.number", *fields) for word in ("-e", field)]
    with tempfile.TemporaryDirectory() as home: # nobody's preferences
        try:
            done = subprocess.run(
                ["tshark", "-2", "-n", "-r", path, "-Y", "tcp", "-T", "fields", "-E",
                 "separator=;", "-E", "occurrence=f", *words], text=True, capture_output=True,
                check=False, env=os.environ | {"HOME": home, "WIRESHARK_CONFIG_DIR": home})
        except FileNotFoundError:
            raise Skip("tshark is not installed") from None
    if done.returncode:
        raise Failure(f"tshark: {done.stderr}")
    rows = (line.split(";") for line in done.stdout.splitlines())
    return {int(number): dict(zip(fields, values)) for number, *values in rows}


def tool(path, output="json"):
    """What the tool prints of a capture: the objects, or text."""
    done = subprocess.run([os.path.join(BUILD, "tcpclose-trace"), "-r", path, "-o", output],
                          text=True, capture_output=True, check=False)
    if done.returncode:
        raise Failure(f"the tool ended with {done.returncode}: {done.stderr}")
    if output != "json":
        return done.stdout
    return [json.loads(line) for line in done.stdout.splitlines()]


def analysed(frames, fields):
    """The judge's rows and the tool's teardowns of the same frames."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        write(file, frames)
        objects = tool(file.name)
        return (tshark(file.name, fields),
                [told for told in objects if told["type"] == "teardown"])
