#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A capture is analysed at least five times as fast as tshark lists its conversations, in the same
run, and in less than 100 MB (`make bench` takes a larger one)."""

import os
import statistics
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../netns"))
from harness import tap
from harness.tap import Failure, case, note

import replay

MEGABYTES, ROUNDS = 100, 3


@case(f"a capture {replay.FASTER} times as fast as by tshark", deadline=300)
def faster():
    with replay.capture(MEGABYTES) as (path, connections):
        found = replay.race(path, connections, ROUNDS)
    ratio = statistics.median(theirs / ours for ours, theirs in found)
    note(f"{MEGABYTES} MB, {connections} connections: {found[0][0]:.2f} s, tshark "
         f"{found[0][1]:.2f} s; {ratio:.1f} times as fast (median of {ROUNDS}), in less than "
         f"{replay.MEMORY / 1e6:.0f} MB")
    if ratio < replay.FASTER:
        raise Failure(f"only {ratio:.1f} times as fast")


if __name__ == "__main__":
    sys.exit(tap.main(root=False))
