# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""An emulated machine of two CPUs is stopped for seconds, and now and then QEMU breaks one: of what
it is to show, one close may come out otherwise. What is wrong with the program on a kernel is so
for the same close over the other family, too."""

ODD_MOST = 1


def sift(wrong):
    """`wrong`: what is, a list of lines for each (close, family). All of the lines, and those that
    are an odd close's, of which one is noted only: (failures, notes)."""
    odd = {close for close, lines in wrong.items() if lines}
    lines = [line for close in wrong.values() for line in close]
    alone = len(odd) <= ODD_MOST
    return ([], lines) if alone else (lines, [])
