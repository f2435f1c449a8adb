# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A terminal, and what the tool drew on it."""

import fcntl
import os
import pty
import struct
import termios

from .tap import Failure


class Terminal:
    """`stdout=terminal.side` of a process; its screens once that has ended."""

    def __init__(self, rows, columns):
        self._main, self.side = pty.openpty()
        self._rows = rows
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def screens(self):
        """Each drawn over the last from its first line, never more lines than there are."""
        os.close(self.side)
        drawn = b""
        try:
            while block := os.read(self._main, 65536):
                drawn += block
        except OSError: # the other side is closed
            pass
        os.close(self._main)
        first, *screens = drawn.decode().split("\033[H")
        if first or len(screens) < 2:
            raise Failure(f"not drawn from the first line: {drawn!r}")
        for screen in screens:
            if screen.count("\n") >= self._rows or not screen.endswith("\033[J"):
                raise Failure(f"more than the screen: {screen!r}")
        return screens
