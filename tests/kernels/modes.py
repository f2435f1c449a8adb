# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What a tracer must tell of the closes of tests/workload/closes.c, by its options."""

import json
import re

from closes import ACCEPTED, CLOSES, NOBODY, settled
from harness.expect import expect, segments
from harness.tap import Failure
from odd import sift

# With CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN only; what it then says on stderr, too.
LEAST = "least"
LESS = re.compile(r"tcpclose-trace: warning: "
                  r"(without CAP_\w+(, CAP_\w+)* less is known of: [^;]+(; )?)+")
# Options, and where segments are then seen.
TC, XDP = {"tc-ingress", "tc-egress"}, {"xdp", "tc-egress"}
MODES = {"": TC, "--without socket-cookie": TC, "--without tcx": TC, "--packets xdp": XDP,
         "--packets none": set(), "--without fentry": TC, "-w /recording": TC,
         "--packets xdp -w /recording": XDP, LEAST: TC}
# On every kernel; the rest is for those with `modes`.
EVERYWHERE = ("", "--without tcx", "--packets xdp -w /recording")
# What --explain must choose where nothing is switched off, and since which version.
CHOSEN = {"which socket is which": ("socket cookie", (5, 12)),
          "owner, accepting": ("fentry:security_sock_graft", (5, 5)),
          "memory of sockets": ("map that grows", (6, 1)),
          "start of a mini-socket": ("fentry:tcp_time_wait", (5, 5)),
          "restart of TIME_WAIT": ("fentry:__inet_twsk_schedule", (5, 5)),
          "end of TIME_WAIT, of orphans": ("fentry:tw_timer_handler", (5, 5)),
          "early end of TIME_WAIT": ("fentry:inet_twsk_kill", (5, 5)),
          "who holds a socket": ("iter/task_file", (5, 8)),
          "segments received": ("tcx ingress", (6, 6)),
          "segments sent": ("tcx egress", (6, 6)),
          "RST sent": ("tcp:tcp_send_reset, with its reason", (6, 10))}
# A tracer waits 20 ms for the last segments, and a machine may be stopped for longer. Or it closes
# itself what it lists at that moment: one of two CPUs may stand still meanwhile.
SHORT_MOST = 2
SUMMARY = re.compile(r"\d+ teardowns, \d+ unfinished, \d+ records, 0 lost")


class Run:
    """What a mode told."""

    def __init__(self, lines):
        self.plan = {}
        self.errors = [line[2:] for line in lines if line.startswith("! ")]
        self.objects = [json.loads(line) for line in lines if line.startswith("{")]
        for line in lines:
            if line.startswith("? "):
                fact, *cells = re.split(r"  +", line[2:])
                self.plan[fact] = cells[0] if cells else ""

    def having(self, field):
        return [found for found in self.objects if field in found]

    def teardowns(self):
        return [found for found in self.objects if found.get("type") == "teardown"]


def check_plan(run, release, options):
    version = tuple(int(number) for number in re.findall(r"\d+", release)[:2])
    wrong = []
    for fact, (best, since) in CHOSEN.items():
        if options == "" and (run.plan.get(fact) == best) != (version >= since):
            wrong.append(f"{fact}: {run.plan.get(fact)}")
    if options == "--without tcx" and run.plan.get("segments sent") != "clsact egress":
        wrong.append(f"segments sent: {run.plan.get('segments sent')}")
    if options.startswith("--packets xdp") and run.plan.get("segments received") != "XDP":
        wrong.append(f"segments received: {run.plan.get('segments received')}")
    return wrong


def is_short(teardown, seen, by, end, hooks):
    """Reported before its last segment came, or came by: nothing else is amiss."""
    known = settled(seen)
    if not hooks:
        return teardown["kind"] == "silent" and "reset" in end.kinds
    if not known:
        alone = all(len(each) == 1 for each in end.segments)
        return alone and teardown["kind"] in ("silent", "reset")
    if known in end.segments:
        return by < hooks
    return by <= hooks and known in [each[:-1] for each in end.segments]


def check_end(teardown, end, pid, hooks, short):
    """What is wrong, a line for each."""
    seen, wrong = segments(teardown), []
    by = {place["hook"] for segment in teardown["segments"] for place in segment["seen"]}
    if is_short(teardown, seen, by, end, hooks):
        short.append(teardown)
        return []
    wanted = end.wanted(pid, seen if hooks else None)
    if teardown.get("close_call") == {"how": "unknown"}:
        short.append(teardown)
        wanted["close_call"] = ("unknown", None)
    try:
        expect(teardown, **wanted)
    except Failure as failure:
        wrong.append(str(failure))
    if hooks and settled(seen) not in end.segments:
        wrong.append(f"segments are {seen}, expected {end.segments[0]}: {json.dumps(teardown)}")
    if by != hooks:
        wrong.append(f"segments were seen by {by}, not by {hooks}: {json.dumps(teardown)}")
    if teardown["fin_retransmissions"] < end.again:
        wrong.append(f"fin_retransmissions is {teardown['fin_retransmissions']}")
    return wrong


def check_owner(teardown, name, end, wrong):
    process = teardown.get("process") or {}
    if end.owner is NOBODY:
        return
    if process.get("comm") != name:
        wrong.append(f"the owner is {process}, not {name}")
    # A kernel of 7.2 or later now and then skips the program that sees accept().
    allowed = {"accept", "close", "holder"} if end.owner == ACCEPTED else end.owner
    if process.get("how") not in ({allowed} if isinstance(allowed, str) else allowed):
        wrong.append(f"the owner is known by {process.get('how')}, not by {allowed}")


def check_close(made, teardowns, options, short):
    """Both ends of one connection; takes their objects out of the list. `short`: takes those that
    are."""
    wrong, found = [], []
    ports = {made[name]["port"] for name in CLOSES[made["made"]]}
    for name, end in CLOSES[made["made"]].items():
        this = [teardown for teardown in teardowns if teardown["family"] == made["family"] and
                teardown["local"]["port"] == made[name]["port"] and
                {teardown["local"]["port"], teardown["remote"]["port"]} == ports]
        found += this
        if len(this) != 1:
            wrong.append(f"{name}: {len(this)} objects")
            continue
        wrong += check_end(this[0], end, made[name]["pid"], MODES[options], short)
        check_owner(this[0], name, end, wrong)
    for teardown in found:
        teardowns.remove(teardown)
    if len({teardown["connection"] for teardown in found}) != 1:
        wrong.append("connection is not the same at both ends")
    return [f"{made['made']}, IPv{made['family']}: {line}" for line in wrong]


def check_run(run, release, options):
    """What is wrong with a mode, and what is noted only."""
    teardowns, made = run.teardowns(), run.having("made")
    wrong, short = check_plan(run, release, options), []
    wrong += [json.dumps(found) for found in run.having("failed")]
    if len(made) != 2 * len(CLOSES):
        wrong.append(f"{len(made)} closes were made")
    ids = [teardown["connection"] for teardown in teardowns]
    failures, notes = sift({(close["made"], close["family"]):
                            check_close(close, teardowns, options, short) for close in made})
    wrong += failures
    if len(short) > SHORT_MOST:
        wrong += ["of too little told: " + json.dumps(found) for found in short]
    wrong += ["reported as well: " + json.dumps(found) for found in teardowns]
    if len(set(ids)) != len(made) and not notes:
        wrong.append(f"{len(set(ids))} connections are told apart")
    if not any((found.get("process") or {}).get("how") == "accept" for found in run.teardowns()):
        wrong.append("no owner is known by accept()")
    if options == LEAST and not (len(run.errors) == 2 and LESS.fullmatch(run.errors.pop(0))):
        wrong.append("it does not say what it cannot do")
    if " -w " in f" {options}" and not run.having("replay"):
        wrong.append("the replay of its recording is another story")
    if run.having("status") != [{"status": 0}]:
        wrong.append(f"exit status {run.having('status')}")
    if len(run.errors) != 1 or not SUMMARY.fullmatch(run.errors[0]):
        wrong.append("on stderr: " + " / ".join(run.errors))
    return wrong, notes
