# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The table of kernels and what was seen on each, as README has it."""

HEAD = ("kernel", "identity", "TIME_WAIT ends by", "segments", "clsact", "XDP", "recording",
        "leaks", "faults", "result")
# Of the titles of cases, for the columns from clsact on.
PARTS = ("mode --without tcx", "mode --packets xdp", "-w /recording", "leaks", "fault")
SHORT = {"our own count of sockets": "own count", "timer:timer_expire_entry": "timer",
         "fentry:tw_timer_handler": "fentry, timer"}
PASSED, FAILED, SKIPPED = "ok", "FAILED", "-"


class Row:
    """One kernel: the result of each case by its name, and what the tool chose there."""

    def __init__(self, name):
        self.name = name
        self.results = {}
        self.reason = ""
        self.plan = {}

    def cells(self):
        return [self.name, self._chosen("which socket is which"),
                 self._chosen("end of TIME_WAIT, of orphans"),
                 self._chosen("segments received").removesuffix(" ingress"),
                 *(self._of(part) for part in PARTS), self._sum()]

    def _sum(self):
        told = list(self.results.values())
        passed, failed = told.count(PASSED), told.count(FAILED)
        if not passed and not failed:
            return f"skipped: {self.reason}"
        return f"{passed} of {len(told)} passed" + (f", {failed} FAILED" if failed else "")

    def _chosen(self, fact):
        found = self.plan.get(fact, SKIPPED)
        return SHORT.get(found, found)

    def _of(self, part):
        told = {result for title, result in self.results.items() if part in title}
        return next((result for result in (FAILED, PASSED) if result in told), SKIPPED)


def lines(rows):
    table = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEAD))]
    padded = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
              for row in table]
    return [padded[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *padded[1:]]
