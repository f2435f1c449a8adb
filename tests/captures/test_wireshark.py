#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Of 500 made-up closes of every kind the tool says what Wireshark's analysis says (tshark is the
judge): who begins the close, what each acknowledgement means and after how long, which FIN is sent
again, relative numbers, windows, stream and completeness of the connection.

Where the two differ on purpose, the difference is described exactly and anything else fails:

- Wireshark looks at the acknowledgement number of a RST that has no ACK flag, which is 0 and may
  lie behind the number of a FIN that waits for its acknowledgement; then it forgets that FIN. The
  tool does not. See Stream.forgotten.
- Wireshark flags a FIN as sent again when data before it was, even if the FIN itself comes for the
  first time, or when something later of its sender overtook it. The tool speaks of FINs, and not
  of what the round trip of the handshake may have disordered. See Stream.sent_again.
- An acknowledgement that repeats what a RST,ACK said before it is told, since it may be the first
  for others (the live tool sees interfaces one by one); that it acknowledges nothing new is agreed.
  See Stream.repeats.
- What comes 10 s after the last segment of a close that was over has missed the report of it.
  See Stream.in_time.
"""

import collections
import sys

import pcap
import traffic
from harness import tap
from harness.segment import MODULUS, flag_names
from harness.tap import Failure, case

SEED, CLOSES = 4, 500
SETTLE = 10 * 10 ** 9
DISORDER = 3 * 10 ** 6 # without a handshake, as Wireshark has it
RETRANSMITTED = ("tcp.analysis.retransmission", "tcp.analysis.fast_retransmission",
                 "tcp.analysis.spurious_retransmission")
FIELDS = ("frame.time_epoch", "tcp.stream", "tcp.srcport", "tcp.flags", "tcp.seq", "tcp.ack",
          "tcp.seq_raw", "tcp.ack_raw", "tcp.len", "tcp.window_size", "tcp.window_size_value",
          "tcp.window_size_scalefactor", "tcp.completeness", "tcp.analysis.initial_rtt",
          "tcp.analysis.acks_frame", "tcp.analysis.ack_rtt", "tcp.connection.fin_active",
          "tcp.connection.fin_passive", *RETRANSMITTED)


def nanoseconds(text):
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 10 ** 9 + int(fraction.ljust(9, "0"))


def not_before(one, other):
    return (one - other) % MODULUS < MODULUS // 2


class Row:
    """What tshark says of one frame."""

    def __init__(self, number, fields):
        self.number, self.fields = number, fields
        self.flags = flag_names(int(fields["tcp.flags"], 16) & 0xff)
        self.names = self.flags.split(",")
        self.fin, self.rst = "FIN" in self.names, "RST" in self.names
        self.acks = int(fields["tcp.analysis.acks_frame"] or 0)
        self.seq, self.ack = int(fields["tcp.seq_raw"]), int(fields["tcp.ack_raw"])
        self.length = int(fields["tcp.len"])
        self.port = fields["tcp.srcport"]
        self.time = nanoseconds(fields["frame.time_epoch"])

    @property
    def end(self):
        return (self.seq + self.length + self.fin) % MODULUS


class Stream:
    """The frames of one tcp.stream, and what of them belongs to a close."""

    def __init__(self, rows):
        self.rows = {row.number: row for row in rows}
        self.first, self.last = rows[0], rows[-1]
        self.fins = {row.number for row in rows if row.fin}
        self.repeated = {row.number for row in rows if self.repeats(row)}
        self.targets = {row.number: self.forgotten(row) or
                        (row.acks if row.acks in self.fins else None) for row in rows}
        self.close = self.in_time([row for row in rows if row.fin or row.rst or
                                   self.targets[row.number] or row.number in self.repeated])

    def field(self, name):
        """The last frame that has it."""
        return next((row.fields[name] for row in reversed(self.rows.values())
                     if row.fields[name]), "")

    def is_refusal(self):
        """A RST that answers a SYN ends no connection."""
        return all(row.rst and not row.seq for row in map(self.rows.get, self.close))

    def waiting(self, row):
        """The FINs of the other end that this frame may be the first to acknowledge."""
        if "ACK" not in row.names:
            return []
        fins = [self.rows[n] for n in sorted(self.fins) if n < row.number]
        fins = [fin for fin in fins if fin.port != row.port and fin.end == row.ack]
        earlier = [other.number for other in self.rows.values() if other.number < row.number and
                   other.port == row.port and "ACK" in other.names and other.ack == row.ack]
        return [fin for fin in fins if not any(fin.number < n for n in earlier)]

    def forgotten(self, row):
        """The FIN that it acknowledges, if a RST between the two made the judge forget it."""
        fins = self.waiting(row)
        if not fins or row.acks:
            return None
        between = [other for other in self.rows.values()
                   if fins[0].number < other.number < row.number and other.port == row.port]
        if any("ACK" not in other.names and
               not_before(other.ack, fins[0].end) for other in between):
            return fins[0].number
        return None

    def repeats(self, row):
        """A first acknowledgement, but for that of a RST."""
        if row.fin or row.rst or "ACK" not in row.names:
            return False
        earlier = [other for other in self.rows.values() if other.number < row.number]
        fins = [other for other in earlier if other.fin and other.port != row.port and
                other.end == row.ack]
        answers = [other for other in earlier if other.port == row.port and fins and
                   other.number > fins[-1].number and "ACK" in other.names and
                   other.ack == row.ack]
        return bool(answers) and all(other.rst for other in answers)

    def sent_again(self, row):
        """Whether the FIN is, and if not, whether the judge may have thought so."""
        before = [other for other in self.rows.values()
                  if other.number < row.number and other.port == row.port]
        if any(other.fin and other.end == row.end for other in before):
            return True, False
        irtt = self.field("tcp.analysis.initial_rtt")
        bound = nanoseconds(irtt) if irtt else DISORDER
        passed = [other for other in before if not_before(other.end, row.end)]
        own = [other for other in passed if not other.rst]
        if own and row.time - own[0].time >= bound:
            return True, False
        return False, any(not_before(other.end, row.seq + 1) for other in before) or bool(passed)

    def in_time(self, rows):
        """Those before the close was over for too long."""
        numbers, over, last = set(), False, None
        for row in rows:
            if over and row.time - last > SETTLE:
                break
            numbers.add(row.number)
            last = row.time
            acked = {self.rows[self.targets[n]].port for n in numbers if self.targets[n]}
            over = any(self.rows[n].rst for n in numbers) or len(acked) == 2
        return numbers


class Comparison:
    """Of one teardown with its stream."""

    def __init__(self, told, stream):
        self.told, self.stream = told, stream
        self.segments = told["segments"]
        self.differences = []

    def same(self, what, ours, theirs):
        if ours != theirs:
            self.differences.append(f"{what}: {ours}, the judge has {theirs}")

    def run(self):
        told, stream = self.told, self.stream
        self.same("frames", sorted(s["frame"] for s in self.segments), sorted(stream.close))
        self.same("stream", told["stream"], int(stream.first.fields["tcp.stream"]))
        irtt = stream.field("tcp.analysis.initial_rtt")
        self.same("initial RTT", told.get("initial_rtt_ns"), nanoseconds(irtt) if irtt else None)
        self.same("completeness", told["completeness"]["value"],
                  int(stream.last.fields["tcp.completeness"]))
        self.initiator()
        for segment in self.segments:
            if segment["frame"] in stream.rows:
                self.segment(segment, stream.rows[segment["frame"]])
        return self.differences

    def initiator(self):
        active = [n for n, row in self.stream.rows.items()
                  if row.fields["tcp.connection.fin_active"]]
        passive = [n for n, row in self.stream.rows.items()
                   if row.fields["tcp.connection.fin_passive"]]
        first = [s for s in self.segments if s.get("wave") == 1]
        self.same("first of the close", [s["frame"] for s in first], active[:1])
        for segment in self.segments:
            if "FIN" not in segment["flags"].split(","):
                continue
            begins = segment["dir"] == first[0]["dir"]
            self.same(f"frame {segment['frame']} is of who began", begins,
                      segment["frame"] in active)
            self.same(f"frame {segment['frame']} is of the other", not begins,
                      segment["frame"] in passive)

    def segment(self, segment, row):
        name = f"frame {row.number} {row.flags}"
        fields = row.fields
        self.same(f"{name}: flags", segment["flags"], row.flags)
        self.same(f"{name}: seq", segment["seq_rel"], int(fields["tcp.seq"]))
        self.same(f"{name}: len", segment["len"], row.length)
        if "ACK" in row.names:
            self.same(f"{name}: ack", segment["ack_rel"], int(fields["tcp.ack"]))
        if fields["tcp.window_size_scalefactor"] == "-1":
            self.same(f"{name}: raw window", segment.get("window_raw"),
                      int(fields["tcp.window_size_value"]))
        else:
            self.same(f"{name}: window", segment.get("window"), int(fields["tcp.window_size"]))
        self.acknowledged(name, segment, row)
        if row.fin:
            self.sent_again(name, segment, row)

    def acknowledged(self, name, segment, row):
        """Only FINs are followed to their acknowledgement."""
        target = self.stream.targets[row.number]
        ours = self.segments[segment["acks"]]["frame"] if "acks" in segment else None
        self.same(f"{name}: acknowledges", ours, target)
        if target and row.acks:
            self.same(f"{name}: RTT", segment.get("ack_rtt_ns"),
                      nanoseconds(row.fields["tcp.analysis.ack_rtt"]))

    def sent_again(self, name, segment, row):
        again, excused = self.stream.sent_again(row)
        self.same(f"{name}: sent again", segment["retransmission"], again)
        flagged = any(row.fields[field] for field in RETRANSMITTED)
        self.same(f"{name}: flagged", flagged, again or excused and flagged)


def judged(frames):
    rows, teardowns = pcap.analysed([(time, pcap.frame(segment.build(), tags))
                                     for time, segment, tags, _ in frames], FIELDS)
    streams = collections.defaultdict(list)
    for number, fields in rows.items():
        streams[int(fields["tcp.stream"])].append(Row(number, fields))
    return {number: Stream(found) for number, found in streams.items()}, teardowns


@case("what the tool says of 500 closes agrees with the judge", deadline=300)
def agreement():
    frames = traffic.closes(SEED, CLOSES)
    streams, teardowns = judged(frames)
    told = collections.defaultdict(list)
    for teardown in teardowns:
        told[teardown["stream"]].append(teardown)
    wrong = []
    for number, stream in streams.items():
        kind = frames[stream.first.number - 1][3]
        expected = int(bool(stream.close) and not stream.is_refusal())
        if len(told[number]) != expected:
            wrong.append(f"{kind}: stream {number} has {len(told[number])} teardowns, "
                         f"expected {expected}")
        for teardown in told[number]:
            wrong += [f"{kind}: stream {number}: {difference}"
                      for difference in Comparison(teardown, stream).run()]
    if set(told) - set(streams):
        wrong.append("there are streams that the judge does not know")
    if wrong:
        raise Failure("\n".join([f"{len(wrong)} differences", *wrong[:40]]))


if __name__ == "__main__":
    sys.exit(tap.main(root=False))
