# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What a case says of a teardown object, compared field by field."""

import json

from .tap import Failure


def states(teardown):
    """"ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT": a chain, or the pairs where it is broken."""
    changes = teardown["states"]
    chain = [change["to"] for change in changes]
    for before, after in zip(changes, changes[1:]):
        if before["to"] != after["from"]:
            return " ".join(f"{change['from']}>{change['to']}" for change in changes)
    return " ".join([changes[0]["from"], *chain]) if changes else ""


def segments(teardown):
    """["> FIN,ACK 1", "< ACK 2", "> FIN,ACK again"]: direction, flags, wave, retransmission."""
    lines = []
    for segment in teardown["segments"]:
        words = [">" if segment["dir"] == "out" else "<", segment["flags"]]
        if "wave" in segment:
            words.append(str(segment["wave"]))
        if segment.get("retransmission"):
            words.append("again")
        lines.append(" ".join(words))
    return lines


def close_call(teardown):
    call = teardown.get("close_call")
    return (call["how"], call.get("pid")) if call else None


READERS = {"states": states, "segments": segments, "close_call": close_call}


def expect(teardown, **wanted):
    """expect(teardown, kind="reset", reset__dir="out"): `__` goes one level down; None: absent."""
    wrong = []
    for name, value in wanted.items():
        if name in READERS:
            found = READERS[name](teardown)
        else:
            found = teardown
            for part in name.split("__"):
                found = found.get(part) if isinstance(found, dict) else None
        if isinstance(value, (set, frozenset)):
            right = found in value
        else:
            right = found == value
        if not right:
            wrong.append(f"{name} is {found!r}, expected {value!r}")
    if "states" in teardown:
        wrong += contradictions(teardown)
    if wrong:
        raise Failure("\n".join([*wrong, json.dumps(teardown)]))


def contradictions(teardown):
    """What is wrong with any object of whatever close: the promises that hold for all."""
    wrong = []
    for field in ("connection", "ts", "family", "local", "remote", "role", "kind", "closed_by",
                  "confidence", "states", "segments", "durations_ns", "complete", "incomplete"):
        if field not in teardown:
            wrong.append(f"{field} is missing")
    times = [change["t_ns"] for change in teardown["states"]]
    if times != sorted(times):
        wrong.append(f"states are not in order of time: {times}")
    times = [segment["t_ns"] for segment in teardown["segments"]]
    if times != sorted(times):
        wrong.append(f"segments are not in order of time: {times}")
    for number, segment in enumerate(teardown["segments"]):
        if "acks" in segment:
            wrong += _wrong_answer(teardown, number, segment)
        if not segment["seen"]:
            wrong.append(f"segment {number} was seen nowhere")
    if teardown["complete"] == bool(teardown["incomplete"]):
        wrong.append("complete and incomplete[] contradict each other")
    return wrong


def _waited(teardown, asked, answer):
    """From a FIN to its answer; of two recordings as its sender's has them."""
    joined = teardown.get("joined")
    if joined:
        source = joined["local_source" if asked["dir"] == "out" else "remote_source"]
        left, arrived = ([seen["t_ns"] for seen in segment["seen"] if seen["source"] == source]
                         for segment in (asked, answer))
        if left and arrived:
            return max(arrived) - min(left)
    return answer["t_ns"] - asked["t_ns"]


def _wrong_answer(teardown, number, segment):
    asked = teardown["segments"][segment["acks"]]
    end = (asked["seq"] + asked["len"] + 1) % (1 << 32)
    if asked["dir"] == segment["dir"] or "FIN" not in asked["flags"].split(","):
        return [f"segment {number} acknowledges {segment['acks']}, which is no FIN of the other"]
    if (segment["ack"] - end) % (1 << 32) >= 1 << 31:
        return [f"segment {number} has ack {segment['ack']}, less than {end}"]
    if segment["ack_rtt_ns"] != _waited(teardown, asked, segment):
        return [f"segment {number} has ack_rtt_ns {segment['ack_rtt_ns']}, not the difference"]
    return []


def equal(what, found, expected):
    if found != expected:
        raise Failure(f"{what} is {found!r}, expected {expected!r}")
