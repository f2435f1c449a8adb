# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What a tracer takes of a machine over a long time."""

import statistics

from .tap import note

FLAT_FROM = 600 # seconds; before that an allocator may still get to know its load
FLAT_WITHIN = 0.01
FLAT_KB = 128 # or this much: what an allocator takes at a time
MEMORY = 200 << 10 # kB
# What it needs from the moment on in which it first meets a socket in CLOSE_WAIT: the process that
# reads symbols.
SPARE_DESCRIPTORS = {"leaks": 3}


class Soaked:
    """The kB of memory of its own and the descriptors that a tracer had, sample by sample."""

    def __init__(self, name):
        self.name = name
        self.memory, self.descriptors = [], []

    def add(self, memory, descriptors):
        self.memory.append(memory)
        self.descriptors.append(descriptors)

    def settled(self):
        return self.memory[len(self.memory) // 3:]

    def grew(self):
        """Of the last two thirds: how many kB the largest is above the least."""
        return max(self.settled()) - min(self.settled())

    def wrong(self, seconds):
        """A sentence for each thing that grew in so long a time."""
        if max(self.memory) > MEMORY:
            yield f"{self.name}: {max(self.memory)} kB"
        if seconds >= FLAT_FROM and \
                self.grew() > max(FLAT_WITHIN * min(self.settled()), FLAT_KB):
            yield f"{self.name}: memory grew by {self.grew()} kB: {self.settled()}"
        # A look opens some for a moment.
        third = len(self.descriptors) // 3 + 1
        if statistics.median(self.descriptors[-third:]) > \
                max(self.descriptors[:third]) + SPARE_DESCRIPTORS.get(self.name, 0):
            yield f"{self.name}: more and more descriptors: {self.descriptors}"


def table(soaked, seconds):
    note(f"{'tracer':10} {'first kB':>9} {'a third':>9} {'last':>9} {'grew':>7} descriptors")
    for one in soaked:
        note(f"{one.name:10} {one.memory[0]:9} {one.settled()[0]:9} {one.memory[-1]:9} "
             f"{one.grew() / min(one.settled()):7.2%} {one.descriptors[-1]}")
    note(f"{seconds:.0f} s, {len(soaked[0].memory)} samples")
