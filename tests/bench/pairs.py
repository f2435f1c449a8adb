# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Two things measured in turn, so that what else goes on meets both alike."""

import statistics


def pairs(one, other, rounds):
    """What one() and other() give, in pairs; who is first changes with each: ABBA."""
    found = []
    for number in range(rounds):
        if number % 2:
            second = other()
            first = one()
        else:
            first = one()
            second = other()
        found.append((first, second))
    return found


class Spread:
    """The median of some numbers, and between which the others lie."""

    def __init__(self, numbers):
        numbers = list(numbers)
        self.median, self.low, self.high = statistics.median(numbers), min(numbers), max(numbers)

    def fields(self):
        return {"median": self.median, "low": self.low, "high": self.high}
