#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What a page holds: of every scenario the page's own reader, in node, understands what the JSON
says of it."""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.append(os.path.join(TOP, "tests/netns"))
from harness import tap  # after the path to it
from harness.tap import Failure, Skip, case

BUILD = os.environ.get("BUILD", os.path.join(TOP, "build"))
SCRIPTS = [os.path.join(TOP, f"user/output/page/{name}.js") for name in
           ("format", "reader", "opened")]
WAIT_TYPES = {"time_wait": "TIME_WAIT", "fin_wait2": "FIN_WAIT2"}


def play(output, script):
    return subprocess.run([os.path.join(BUILD, "tests/scenarios/play"), output, script],
                          capture_output=True, check=True).stdout


class Pages:
    """Every scenario as JSON and as the page's reader understands it, by name."""

    def __enter__(self):
        if not shutil.which("node"):
            raise Skip("node is not installed")
        self.stories = {}
        with tempfile.TemporaryDirectory() as folder:
            for script in sorted(glob.glob(os.path.join(TOP, "tests/scenarios/*/script"))):
                name = os.path.basename(os.path.dirname(script))
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(play("page", script))
                told = [json.loads(line) for line in play("json", script).splitlines()]
                self.stories[name] = [told]
            names = list(self.stories)
            done = subprocess.run(["node", os.path.join(HERE, "decode.js"), *SCRIPTS, "--",
                                   *(os.path.join(folder, name) for name in names)],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                raise Failure(done.stderr)
        for name, line in zip(names, done.stdout.splitlines(), strict=True):
            self.stories[name].append(json.loads(line))
        return self

    def __exit__(self, *_):
        pass

    def pairs(self, of_json, of_page):
        """Name, what JSON tells, what the page tells: of each object of all scenarios."""
        found = 0
        for name, (told, page) in self.stories.items():
            for one, other in zip(of_json(told), of_page(page), strict=True):
                found += 1
                yield name, one, other
        expect(found > 40, f"{found} objects: too few to tell anything")


def expect(truth, otherwise):
    if not truth:
        raise Failure(otherwise)


def teardowns(told):
    return [one for one in told if one["type"] == "teardown"]


def waits(told):
    return [one for one in told if one["type"] in WAIT_TYPES]


def same(name, pairs):
    for what, one, other in pairs:
        expect(one == other, f"{name}: {what}: JSON {one!r}, page {other!r}")


@case("kind, initiator, cause, ends, owner, reasons")
def _(pages):
    for name, one, page in pages.pairs(teardowns, lambda page: page["teardowns"]):
        same(name, [
            ("connection", one["connection"], page["connection"]),
            ("key", one["connection"][:8], page["key"]),
            ("kind", one["kind"], page["kind"]),
            ("closed_by", one["closed_by"], page["closed_by"]),
            ("cause", one.get("cause"), page["cause"]),
            ("confidence", one["confidence"] == "inferred", page["inferred"]),
            ("local", (one["local"]["addr"], one["local"]["port"]),
             (page["local"]["addr"], page["local"]["port"])),
            ("remote", (one["remote"]["addr"], one["remote"]["port"]),
             (page["remote"]["addr"], page["remote"]["port"])),
            ("process", one.get("process", {}).get("comm", ""), page["comm"]),
            ("pid", one.get("process", {}).get("pid", 0), page["pid"]),
            ("cgroup", one.get("cgroup", ""), page["cgroup"]),
            ("reason", one.get("reset", {}).get("reason", ""), page["reason"]),
            ("incomplete", one["incomplete"], page["incomplete"]),
            ("evidence", one["evidence"], page["evidence"])])


@case("states and segments, to the nanosecond and the sequence number")
def _(pages):
    for name, one, page in pages.pairs(teardowns, lambda page: page["teardowns"]):
        same(name, [("states", one["states"], page["states"])])
        if "remote_states" in one:
            same(name, [("remote_states", one["remote_states"], page["peer_states"])])
        expect(len(one["segments"]) == len(page["segments"]), f"{name}: segments")
        for ours, theirs in zip(one["segments"], page["segments"], strict=True):
            same(name, [
                ("time", ours["t_ns"], theirs["time"]),
                ("dir", ours["dir"] == "in", theirs["fromPeer"]),
                ("flags", ours["flags"], theirs["flags"]),
                ("seq", ours["seq"], theirs["rawSeq"]),
                ("ack", ours["ack"], theirs["rawAck"]),
                ("seq_rel", ours.get("seq_rel", ours["seq"]), theirs["seq"]),
                ("ack_rel", ours.get("ack_rel", ours["ack"]), theirs["ack"]),
                ("len", ours.get("len"), theirs["length"] if theirs["lengthKnown"] else None),
                ("window", ours.get("window", ours.get("window_raw")), theirs["window"]),
                ("ttl", ours["ttl"], theirs["ttl"]),
                ("wave", ours.get("wave", 0), theirs["wave"]),
                ("retransmission", ours["retransmission"], theirs["again"]),
                ("acks", ours.get("acks", -1), theirs["acks"]),
                ("ack_rtt", ours.get("ack_rtt_ns", 0), theirs["rtt"]),
                ("frame", ours.get("frame", 0), theirs["frame"]),
                ("seen", [(s["interface"], s.get("hook"), s["t_ns"]) for s in ours["seen"]],
                 [(s["interface"], s["hook"], s["t_ns"]) for s in theirs["seen"]])])


@case("what a socket or a capture tells of itself")
def _(pages):
    for name, one, page in pages.pairs(teardowns, lambda page: page["teardowns"]):
        of = page["wire"] or page["socket"] or {}
        age = of.get("age", -1)
        same(name, [
            ("bytes_sent", one.get("bytes_sent"), of.get("sent")),
            ("bytes_received", one.get("bytes_received"), of.get("received")),
            ("age_ns", one.get("age_ns"), age if age >= 0 else None),
            ("role", one["role"], of.get("role", "unknown")),
            ("error", one.get("error", ""), (page["socket"] or {}).get("error", "")),
            ("close_call", one.get("close_call", {}).get("how"),
             (page["socket"] or {}).get("closeHow"))])
        if "close_wait" in one:
            waited = one["close_wait"]
            if one["states"][-1]["to"] != "CLOSE_WAIT": # else it goes on to the report's end
                same(name, [("close_wait", waited.get("duration_ns", waited.get("at_least_ns")),
                             page["close_wait"])])


@case("TIME_WAITs, each joined with its teardown")
def _(pages):
    for name, one, page in pages.pairs(waits, lambda page: page["waits"]):
        same(name, [
            ("state", WAIT_TYPES[one["type"]], page["state"]),
            ("ended_by", one.get("ended_by"), page["ended_by"]),
            ("timeout", one.get("timeout_ns", 0), page["timeout"]),
            ("restarts", one["restarts"], page["restarts"]),
            ("late", one.get("late_segments", 0), page["late"]),
            ("local", (one["local"]["addr"], one["local"]["port"]),
             (page["local"]["addr"], page["local"]["port"]))])
        if "duration_ns" in one:
            same(name, [("duration", one["duration_ns"], page["duration"])])
        told = {other.get("connection") for other in teardowns(pages.stories[name][0])}
        expect(page["joined"] == (one.get("connection") in told), f"{name}: joined {page}")


@case("the counts of the end")
def _(pages):
    for name, (told, page) in pages.stories.items():
        same(name, [(key, told[-1][key], page["stats"][key]) for key in
                    ("teardowns", "unfinished", "records", "evicted", "unclaimed")])


@case("the same records give the same page, byte by byte")
def _(_):
    script = os.path.join(TOP, "tests/scenarios/nat/script")
    expect(play("page", script) == play("page", script), "two pages of one story differ")


if __name__ == "__main__":
    sys.exit(tap.main(Pages, root=False))
