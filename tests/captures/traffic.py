# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Closes of every kind, made up from a seed: two simple TCPs, a wire between them that delays,
loses and reorders, and a tap in the middle of it. What the tap sees is the capture."""

import dataclasses
import heapq
import itertools
import random
import struct

from harness.segment import MODULUS, Segment

MS = 10 ** 6
S = 1000 * MS
MSS = 1000
RTO = 200 * MS
ATTEMPTS = 5 # of one segment

SACK_PERMITTED = b"\1\1\4\2"


def after(one, other):
    """one lies behind other in sequence space."""
    return 0 < (one - other) % MODULUS < MODULUS // 2


@dataclasses.dataclass
class Plan:
    """One connection. Probabilities are of each segment, times in ns."""
    addresses: tuple
    ports: tuple
    isns: tuple
    scales: tuple = (7, 7) # None: no window scale option
    start: int = 0
    delay: int = 10 * MS # of each half of the wire
    jitter: int = 0
    lost_before: float = 0 # the tap: not captured
    lost_behind: float = 0
    doubled: float = 0 # by the tap
    sent: tuple = (3, 3) # segments of data
    fin_with_data: bool = False
    closes: tuple = ((0, 300 * MS),) # end, when
    answer: int = 0 # after the peer's FIN; 0: at once, in one segment; None: never
    half_close: int = 0 # segments that are sent between the peer's FIN and the own
    resets: tuple = () # end, when, with ACK
    gone: tuple = () # end, when: it knows the connection no longer and answers with RST
    keep_alive: tuple = () # end, when, bytes
    shut_window: tuple = () # end, when, until
    probe: int = 0 # bytes of a window probe
    seen_from: int = 0 # when the capture begins
    seen_of: tuple = (0, 1) # the ends whose segments pass the tap
    tags: tuple = ()


class End:
    """A TCP that does what a close needs, and little else."""

    def __init__(self, wire, number, plan):
        self.wire, self.number, self.plan = wire, number, plan
        self.isn = plan.isns[number]
        self.una = self.nxt = self.isn # of what it sends
        self.queue = b"" # sent or not, from una on
        self.fin_wanted = self.fin_sent = False
        self.expected = 0 # the peer's next number
        self.early = {} # segments behind a gap
        self.peer_fin = None
        self.open = self.gone = False
        self.peer_window = 1
        self.window = 500 + number
        self.timer = 0 # generation: a newer one makes the older void
        self.attempts = 0
        self.duplicates = 0
        self.last_flags = "ACK"

    # Sending

    def send(self, flags, payload=b"", seq=None, options=b"", ack=None):
        plan, number = self.plan, self.number
        has_ack = "ACK" in flags.split(",")
        self.wire.send(number, Segment(
            plan.addresses[number], plan.addresses[not number], plan.ports[number],
            plan.ports[not number], self.nxt if seq is None else seq % MODULUS,
            (self.expected if ack is None else ack) if has_ack else 0, flags, payload,
            self.window, options))

    def options(self):
        scale = self.plan.scales[self.number]
        return b"\2\4" + struct.pack("!H", MSS) + SACK_PERMITTED + \
            (b"" if scale is None else struct.pack("!BBBB", 1, 3, 3, scale))

    def connect(self):
        self.send("SYN", options=self.options())
        self.nxt = (self.isn + 1) % MODULUS
        self.arm()

    def outstanding(self):
        return (self.nxt - self.una) % MODULUS

    def push(self):
        """What may be sent now, the FIN last."""
        if not self.open or self.gone:
            return
        while self.peer_window and self.unsent():
            part = self.unsent()[:MSS]
            last = len(part) == len(self.unsent())
            fin = last and self.fin_wanted and not self.fin_sent and self.plan.fin_with_data
            self.send("FIN,PSH,ACK" if fin else "PSH,ACK" if last else "ACK", part)
            self.nxt = (self.nxt + len(part) + fin) % MODULUS
            self.fin_sent |= fin
            self.arm()
        if self.unsent() and not self.peer_window:
            self.arm()
        elif self.fin_wanted and not self.fin_sent:
            self.send("FIN,ACK")
            self.nxt = (self.nxt + 1) % MODULUS
            self.fin_sent = True
            self.arm()

    def unsent(self):
        return self.queue[self.outstanding() - self.fin_sent:]

    def arm(self):
        self.timer += 1
        self.wire.at(RTO << min(self.attempts, 4), self.timeout, self.timer)

    def timeout(self, timer):
        if timer != self.timer or self.gone or self.attempts == ATTEMPTS:
            return
        if self.open and not self.peer_window and self.unsent():
            self.probe()
        elif self.una != self.nxt:
            self.retransmit()
        else:
            return
        self.attempts += 1
        self.arm()

    def probe(self):
        if self.plan.probe:
            self.send("ACK", self.unsent()[:1])
        else:
            self.send("ACK", seq=self.una - 1)

    def retransmit(self):
        if not self.open and self.una == self.isn:
            accepted = self.expected != 0
            self.send("SYN,ACK" if accepted else "SYN", seq=self.isn, options=self.options())
            return
        data = self.queue[:min(MSS, self.outstanding() - self.fin_sent)]
        fin = self.fin_sent and len(data) == self.outstanding() - 1
        if data and fin and self.wire.random.random() < 0.5: # the FIN may go by itself
            fin = False
        self.send("FIN,ACK" if fin else "ACK", data, seq=self.una)

    # Receiving

    def receive(self, segment):
        if self.gone:
            if not segment.has("RST"):
                self.refuse(segment)
            return
        if segment.has("RST"):
            self.gone = True
        elif segment.has("SYN"):
            self.receive_syn(segment)
        else:
            self.receive_ack(segment)
            self.receive_data(segment)
            self.push()

    def refuse(self, segment):
        """RFC 9293, 3.10.7.1."""
        if segment.has("ACK"):
            self.send("RST", seq=segment.ack)
        else:
            self.send("RST,ACK", seq=0, ack=segment.end)

    def receive_syn(self, segment):
        self.expected = segment.end
        if segment.has("ACK"):
            if not self.open:
                self.una = segment.ack
                self.attempts = 0
                self.open = True
            self.send("ACK")
            self.push()
        elif self.una == self.nxt:
            self.send("SYN,ACK", options=self.options())
            self.nxt = (self.isn + 1) % MODULUS
            self.arm()

    def receive_ack(self, segment):
        self.peer_window = segment.window
        if after(segment.ack, self.una):
            if self.una == self.isn:
                self.una = (self.una + 1) % MODULUS
            count = (segment.ack - self.una) % MODULUS
            self.open = True
            self.queue = self.queue[count:]
            self.una = segment.ack
            self.attempts = self.duplicates = 0
            if self.una != self.nxt:
                self.arm()
        elif segment.ack == self.una != self.nxt and not segment.payload:
            self.duplicates += 1
            if self.duplicates == 3:
                self.retransmit()

    def receive_data(self, segment):
        if not segment.payload and not segment.has("FIN"):
            if after(self.expected, segment.seq): # a probe
                self.send("ACK")
            return
        if after(segment.seq, self.expected):
            self.early[segment.seq] = segment
            self.send("ACK", options=self.sack(segment))
            return
        if segment.payload and not self.window:
            self.send("ACK")
            return
        self.accept(segment)
        while self.early and (following := self.following()):
            self.accept(following)
        if self.peer_fin is not None and self.expected == self.peer_fin:
            self.answer_fin()
        else:
            self.send("ACK")

    def following(self):
        for seq, segment in list(self.early.items()):
            if not after(seq, self.expected):
                return self.early.pop(seq)
        return None

    def accept(self, segment):
        if segment.has("FIN"):
            self.peer_fin = segment.end
        if after(segment.end, self.expected):
            self.expected = segment.end

    def sack(self, segment):
        return b"\1\1\5\x0a" + struct.pack("!II", segment.seq, segment.end)

    def answer_fin(self):
        plan = self.plan
        if self.fin_wanted or plan.answer is None or self.answered:
            self.send("ACK")
            return
        self.answered = True
        if not plan.answer and not self.unsent() and self.peer_window:
            self.close()
            return
        self.send("ACK")
        for number in range(plan.half_close):
            self.wire.at(plan.answer * (number + 1) // (plan.half_close + 1), self.write, 700)
        self.wire.at(plan.answer, self.close)

    answered = False

    # What its program does

    def write(self, count):
        self.queue += b"x" * count
        self.push()

    def close(self):
        self.fin_wanted = True
        self.push()

    def reset(self, with_ack):
        if self.open and not self.gone:
            self.send("RST,ACK" if with_ack else "RST")
            self.gone = True

    def vanish(self):
        self.gone = True

    def keep_alive(self, count):
        if self.open and not self.gone and self.una == self.nxt:
            self.send("ACK", b"\0" * count, seq=self.nxt - 1)

    def set_window(self, window):
        self.window = window
        if self.open and not self.gone:
            self.send("ACK")


class Wire:
    """Carries the segments of one connection; what passes the tap is kept."""

    def __init__(self, plan, seed):
        self.plan = plan
        self.random = random.Random(seed)
        self.seen = [] # time, segment
        self.now = plan.start
        self.events, self.count = [], itertools.count()
        self.ends = [End(self, number, plan) for number in range(2)]

    def at(self, delay, function, *arguments):
        heapq.heappush(self.events, (self.now + delay, next(self.count), function, arguments))

    def hop(self):
        return self.plan.delay + self.random.randrange(1000, 50000) + \
            (self.random.randrange(self.plan.jitter) if self.plan.jitter else 0)

    def send(self, sender, segment):
        if self.random.random() >= self.plan.lost_before:
            self.at(self.hop(), self.pass_tap, sender, segment)

    def pass_tap(self, sender, segment):
        plan = self.plan
        if sender in plan.seen_of and self.now >= plan.start + plan.seen_from:
            self.seen.append((self.now, segment))
            if self.random.random() < plan.doubled:
                self.seen.append((self.now + 2000, segment))
        if self.random.random() >= plan.lost_behind:
            self.at(self.hop(), self.ends[not sender].receive, segment)

    def run(self):
        plan, (client, server) = self.plan, self.ends
        self.at(0, client.connect)
        for end, count in zip(self.ends, plan.sent):
            for number in range(count):
                self.at((100 + number) * MS, end.write, self.random.choice((1, 200, 1000, 1800)))
        for end, when in plan.closes:
            self.at(when, self.ends[end].close)
        for end, when, with_ack in plan.resets:
            self.at(when, self.ends[end].reset, with_ack)
        for end, when in plan.gone:
            self.at(when, self.ends[end].vanish)
        for end, when, count in plan.keep_alive:
            self.at(when, self.ends[end].keep_alive, count)
        for end, when, until in plan.shut_window:
            self.at(when, self.ends[end].set_window, 0)
            self.at(until, self.ends[end].set_window, 400)
        while self.events:
            self.now, _, function, arguments = heapq.heappop(self.events)
            function(*arguments)
        return self.seen


KINDS = {
    "four-way": {"answer": 30 * MS},
    "three-way": {"answer": 0},
    "closed by the server": {"closes": ((1, 300 * MS),), "answer": 30 * MS},
    "simultaneous": {"closes": ((0, 300 * MS), (1, 300 * MS + 1))},
    "nearly simultaneous": {"closes": ((0, 300 * MS), (1, 318 * MS))},
    "half-close": {"answer": 4 * S, "half_close": 5},
    "never answered": {"answer": None},
    "FIN with data": {"fin_with_data": True, "answer": 30 * MS,
                      "closes": ((0, 99 * MS), (1, 99 * MS))},
    "loss": {"answer": 30 * MS, "lost_before": 0.12, "lost_behind": 0.12},
    "loss in both orders": {"answer": 0, "lost_before": 0.2, "lost_behind": 0.1,
                            "fin_with_data": True, "closes": ((0, 103 * MS),)},
    "loss behind the tap": {"answer": 30 * MS, "lost_behind": 0.3},
    "reordering": {"answer": 3 * MS, "jitter": 25 * MS, "fin_with_data": True},
    "reordering and loss": {"answer": 300 * MS, "jitter": 25 * MS, "lost_before": 0.1,
                            "lost_behind": 0.1},
    "reset": {"closes": (), "resets": ((0, 300 * MS, True),)},
    "reset without ACK": {"closes": (), "resets": ((1, 300 * MS, False),)},
    "reset after the FIN": {"answer": None, "resets": ((1, 400 * MS, True),)},
    "reset by who closed": {"answer": 2 * S, "half_close": 3, "gone": ((0, 700 * MS),)},
    "reset amid data": {"closes": (), "sent": (0, 9), "resets": ((0, 104 * MS, True),)},
    "reset crosses the FIN": {"resets": ((1, 310 * MS, True),)},
    "keep-alive": {"keep_alive": ((0, 250 * MS, 0), (1, 260 * MS, 1)), "answer": 30 * MS},
    "keep-alive, half-closed": {"keep_alive": ((0, 900 * MS, 0), (1, 950 * MS, 1)),
                                "answer": 2 * S},
    "zero window": {"shut_window": ((0, 90 * MS, 1500 * MS),), "answer": 30 * MS, "sent": (1, 9)},
    "window probes": {"shut_window": ((1, 90 * MS, 1500 * MS),), "probe": 1, "sent": (4, 4),
                      "answer": 30 * MS},
    "no handshake": {"seen_from": 150 * MS, "answer": 30 * MS},
    "nothing but the close": {"seen_from": 290 * MS, "answer": 30 * MS},
    "begins amid the close": {"seen_from": None, "answer": 3 * MS, "lost_behind": 0.1},
    "doubled": {"doubled": 0.4, "answer": 30 * MS},
    "doubled, no data": {"doubled": 0.4, "answer": 0, "sent": (0, 0)},
    "resets cross": {"resets": ((1, 305 * MS, False),), "jitter": 25 * MS},
    "resets cross data": {"resets": ((1, 305 * MS, True), (0, 307 * MS, False)),
                          "jitter": 25 * MS, "closes": (), "sent": (0, 4)},
    "one direction": {"seen_of": (1,), "answer": 30 * MS},
    "no data": {"sent": (0, 0), "answer": 30 * MS},
    "no data, loss": {"sent": (0, 0), "answer": 30 * MS, "lost_behind": 0.3},
    "no scale": {"scales": (None, 7), "answer": 30 * MS},
    "a scale refused": {"scales": (9, None), "answer": 30 * MS},
}


def _plan(chance, number, kind, start):
    ipv6 = number % 3 == 0
    host = f"{number >> 8:x}:{number & 255:x}" if ipv6 else f"{number >> 8}.{number & 255}"
    isn = [chance.randrange(MODULUS) for _ in range(2)]
    if number % 4 == 0: # wraps in the data, or in the close itself
        isn[chance.randrange(2)] = (-chance.randrange(1, 4000)) % MODULUS
    words = {"scales": (chance.choice((0, 2, 7, 8, 14)), chance.choice((0, 3, 7, 9)))}
    words |= KINDS[kind]
    if words.get("seen_from", 0) is None:
        words["seen_from"] = 300 * MS + chance.randrange(60 * MS)
    return Plan(
        addresses=(f"2001:db8::{host}", "2001:db8:1::1") if ipv6 else (f"10.1.{host}", "10.2.0.1"),
        ports=(40000 + number, 50000 + number % 7), isns=tuple(isn), start=start,
        delay=chance.choice((MS // 20, 2 * MS, 10 * MS)), tags=((), (0x8100,), (0x88a8, 0x8100))[
            number % 5 % 3], **words)


def closes(seed, count):
    """`count` connections of all kinds, one after the other and some at the same time, every tenth
    followed by another one on the same ports: time, segment, tags and kind of each frame."""
    chance = random.Random(seed)
    frames, start, number = [], 1_700_000_000 * S, 0
    kinds = itertools.cycle(KINDS)
    while number < count:
        kind = next(kinds)
        plan = _plan(chance, number, kind, start)
        plans = [(kind, plan)]
        if number % 10 == 9 and number + 1 < count:
            kind = next(kinds)
            again = dataclasses.replace(
                _plan(chance, number, kind, start), start=start + chance.randrange(40, 90) * S,
                isns=tuple((isn + chance.randrange(1, MODULUS // 2)) % MODULUS
                           for isn in plan.isns))
            if not again.seen_from and again.seen_of == (0, 1):
                plans.append((kind, again))
        for kind, plan in plans:
            seen = Wire(plan, chance.random()).run()
            frames += [(time, segment, plan.tags, kind) for time, segment in seen]
            number += 1
        start += chance.randrange(20 * MS, 200 * MS)
    frames.sort(key=lambda item: item[0])
    return frames
