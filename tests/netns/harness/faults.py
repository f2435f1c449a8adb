# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What the programs share that hurt the tool: its sentences, how it ends."""

import re

from .expect import equal
from .tap import Failure

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_NOT_ATTACHED = range(4)


def sentence(stderr):
    """stderr must be one sentence of the form "tcpclose-trace: cannot X: reason; what to do"."""
    lines = stderr.splitlines()
    if len(lines) != 1 or not re.fullmatch(r"tcpclose-trace: cannot [^;]+[^.]", lines[0].split(
            ";")[0]):
        raise Failure(f"not one sentence that says what cannot be done: {stderr!r}")


def with_summary(outcome, status):
    equal("exit status", outcome.status, status)
    if outcome.summary is None:
        raise Failure(f"no summary at the end of stderr: {outcome.stderr!r}")
    return outcome.summary
