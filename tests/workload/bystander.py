#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Burns CPU under the name given and has nothing to do with any socket."""

import sys

with open("/proc/self/comm", "w", encoding="utf-8") as comm:
    comm.write(sys.argv[1])
while True:
    pass
