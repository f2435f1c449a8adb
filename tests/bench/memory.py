# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Memory for each teardown that is open and for each TIME_WAIT, of the process and of its maps."""

import contextlib
import glob
import re
from functools import partial

import places
import tools
from harness.load import crowd
from results import measure, most

SUBJECT = "memory"
TEARDOWN, TIME_WAIT = 2000, 150
# What closes in a burst need on their way, 2 to 3 MB, is no TIME_WAIT's: so many come before.
BURST = 20_000


def resident(pid):
    """Bytes."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Rss:\s*(\d+) kB$", file.read(), re.MULTILINE).group(1)) * 1024


def of_maps(pid):
    """Bytes in the kernel: what its maps take, by their own word."""
    found = {}
    for path in glob.iglob(f"/proc/{pid}/fdinfo/*"):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            text = file.read()
            number = re.search(r"^map_id:\t(\d+)$", text, re.MULTILINE)
            if number:
                found[number.group(1)] = int(re.search(r"^memlock:\t(\d+)$", text,
                                                       re.MULTILINE).group(1))
    return sum(found.values())


def anonymous(pid):
    """Bytes of the process that are neither a file's nor the ring's."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Anonymous:\s*(\d+) kB$", file.read(), re.MULTILINE).group(1)) * 1024


class Growth:
    """By how many bytes a process and its maps grow."""

    def __init__(self, pid):
        self._pid = pid
        self._process, self._maps = anonymous(pid), of_maps(pid)

    def each(self, count, goal):
        process = (anonymous(self._pid) - self._process) / count
        maps = (of_maps(self._pid) - self._maps) / count
        return measure("bytes", [process + maps], goal=most(goal, of="value"), bpf_maps_bytes=maps)


def of_teardowns(count):
    tools.check_bound(count)
    with places.loopback() as place, tools.LIVE(place) as running:
        growth = Growth(running.pid)
        with crowd(place.clients, count // 2, count // 2):
            running.catch_up(place)
            found = growth.each(count, TEARDOWN)
        running.end()
    return found


def of_time_waits(tool, count):
    """By the kernel's count of them: of very many some take over the ports of others."""
    with places.loopback() as place, tool(place) as running:
        place.leave_waiting(BURST)
        running.catch_up(place)
        growth, before = Growth(running.pid), place.clients.time_waits()
        place.leave_waiting(count)
        running.catch_up(place)
        found = growth.each(place.clients.time_waits() - before, TIME_WAIT)
        running.end()
    return found


def benchmarks(settings):
    for count in settings.counts:
        yield f"live, for each of {count:,} open teardowns", partial(of_teardowns, count)
        for tool in (tools.LIVE, tools.TIMEWAIT):
            yield f"{tool.name}, for each of {count:,} TIME_WAITs", \
                partial(of_time_waits, tool, count)
