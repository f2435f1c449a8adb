#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A capture of forged segments, each of another connection, with one real close behind them: memory
stays within its bounds, what was forgotten is said, and the real close is told.
FORGED_SEGMENTS makes it longer than the usual 400,000."""

import json
import os
import subprocess
import sys
import threading

import pcap
from harness import tap
from harness.segment import Segment
from harness.tap import Failure, case, note

SEGMENTS = int(os.environ.get("FORGED_SEGMENTS", "400000"))
DEADLINE = 120 + SEGMENTS // 10000
MEMORY = 100 << 20
FORGE = os.path.join(pcap.BUILD, "tests/workload/forge")
CLIENT, SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 80)


def real_close():
    """Three-way, the client first."""
    def frame(source, target, seq, ack, flags):
        return pcap.frame(Segment(source[0], target[0], source[1], target[1], seq, ack,
                                  flags).build())
    return [frame(CLIENT, SERVER, 100, 500, "FIN,ACK"), frame(SERVER, CLIENT, 500, 101, "FIN,ACK"),
            frame(CLIENT, SERVER, 101, 501, "ACK")]


def write_capture(file):
    """The forged ones have a microsecond each."""
    with file:
        subprocess.run([FORGE, "-", str(SEGMENTS), "closes", "10.77.1.2", "8000"], stdout=file,
                       stderr=subprocess.DEVNULL, check=True)
        begin = SEGMENTS * 1000
        for number, data in enumerate(real_close()):
            file.write(pcap.record(begin + number * 1000, data))


def analyse():
    """Status, stderr, most memory, and of each type of object how many; the real close."""
    process = subprocess.Popen(
        [os.path.join(pcap.BUILD, "tcpclose-trace"), "-r", "-", "-o", "json"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    writer = threading.Thread(target=write_capture, args=(process.stdin,))
    writer.start()
    count, real, stats = 0, [], None
    for line in process.stdout:
        count += b'"type":"teardown"' in line
        if b'"192.0.2.1"' in line and b'"type":"teardown"' in line:
            real.append(json.loads(line))
        elif line.startswith(b'{"type":"stats"'):
            stats = json.loads(line)
    writer.join()
    error = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    return process.returncode, error, usage.ru_maxrss * 1024, count, real, stats


@case("more connections than are kept", deadline=DEADLINE)
def crowded():
    status, error, memory, count, real, stats = analyse()
    note(f"{SEGMENTS} segments: {memory >> 20} MB at most; {error}")
    if status or stats is None:
        raise Failure(f"status {status}: {error}")
    if memory > MEMORY:
        raise Failure(f"{memory} bytes of memory")
    # Of ten one is a SYN and nothing to tell of; each of the others stands alone.
    if count != SEGMENTS * 9 // 10 + 1:
        raise Failure(f"{count} teardowns")
    if len(real) != 1 or (real[0]["kind"], real[0]["complete"]) != ("three-way", True):
        raise Failure(f"the real close: {real}")
    if "forgotten" not in error:
        raise Failure(f"what was forgotten is not said: {error}")


if __name__ == "__main__":
    sys.exit(tap.main(root=False))
