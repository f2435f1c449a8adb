# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Bytes through connections that do not close, with and without a tracer."""

import contextlib
import json
import math
from functools import partial

import places
import stats
import tools
from harness.namespace import command
from harness.server import Server
from pairs import pairs
from results import least, measure

SUBJECT = "bulk"
STREAMS = (1, 8)
OF_PACKETS = ("tcpclose_in", "tcpclose_out")


def transfer(place, streams, seconds):
    """Gbit/s."""
    with place.clients:
        told = command("iperf3", "-c", place.address, "-P", str(streams), "-J", "-t",
                       str(math.ceil(seconds)))
    return json.loads(told)["end"]["sum_received"]["bits_per_second"] / 1e9


def compare(place, streams, settings):
    def traced():
        with tools.LIVE(place) as running:
            rate = transfer(place, streams, settings.seconds)
            running.end()
        return rate
    found = pairs(traced, lambda: transfer(place, streams, settings.seconds), settings.rounds)
    return measure("Gbit/s", *zip(*found), goal=least(0.99))


def of_packet(place, settings):
    """By the kernel's count, which is in it."""
    def once():
        with tools.LIVE(place) as running:
            count = stats.Count(running.pid)
            transfer(place, 1, settings.seconds)
            found = [count.programs().get(name, (0, 0)) for name in OF_PACKETS]
            running.end()
        return sum(ns for ns, _ in found) / sum(runs for _, runs in found)
    with stats.enabled():
        return measure("ns/packet", [once() for _ in range(settings.rounds)])


@contextlib.contextmanager
def served(place):
    server = Server(place.servers, ["iperf3", "-s", "--forceflush"], ready_text="Server listening")
    try:
        yield
    finally:
        server.stop()


def benchmarks(settings):
    with places.veth() as place, served(place):
        for streams in STREAMS:
            yield f"{streams} {'stream' if streams == 1 else 'streams'}", \
                partial(compare, place, streams, settings)
        yield "tc programs, counted by the kernel", partial(of_packet, place, settings)
