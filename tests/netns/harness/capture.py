# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""tshark as the judge: what it captured of a close, and whether the tool says the same.

Of each connection the judge expects every FIN, every RST, and of each FIN that was sent, the first
segment of the other side that acknowledges it. Where one CPU's queue is overtaken by another's, the
first that was captured is not the first that was sent; then either will do, and only one. Of a side
in TIME_WAIT the tool has told when a FIN comes again, because its acknowledgement was late.
"""

import collections
import os
import re
import signal
import socket
import subprocess
import tempfile

from .segment import MODULUS, flag_names
from .tap import Failure, Skip

FIELDS = ("tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport",
          "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.len", "frame.time_epoch")
MARKER_PORT = 9
MARKER_ADDRESS = "127.9.9.9"
DEADLINE = 30
SETTLED = 0.015 # s. The tool waits for 20 ms, but captures do not begin with a change of state

Seen = collections.namedtuple("Seen", "sender seq ack flags")
# `late`: of each end, what came or left once it was over.
Stream = collections.namedtuple("Stream", "ends opened segments overtaken late")
# A first acknowledgement as captured, and one that had left before it but was captured after it.
Overtaken = collections.namedtuple("Overtaken", "first earlier")


class Capture:
    """Records an interface with `tshark -w` until finish(). A datagram sent after the traffic is
    the end mark: once tshark prints it, everything before it is in the file."""

    def __init__(self, namespace, interface, mark_address=MARKER_ADDRESS):
        self._namespace, self._mark_address = namespace, mark_address
        handle, self.path = tempfile.mkstemp(prefix="tcpclose-", suffix=".pcapng")
        os.close(handle)
        with namespace:
            try:
                self._tshark = subprocess.Popen(
                    ["tshark", "-i", interface, "-s", "192", "-B", "64", "-w", self.path,
                     "-f", f"tcp or udp port {MARKER_PORT}", "-P", "-l", "-n",
                     "-T", "fields", "-e", "udp.dstport"],
                    text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    start_new_session=True)
            except FileNotFoundError:
                os.unlink(self.path)
                raise Skip("tshark is not installed") from None
        self._said = ""
        self._wait_ready()

    def _wait_ready(self):
        for line in self._tshark.stderr:
            self._said += line
            if "Capture started" in line:
                return
        raise Failure(f"tshark: {self._said}")

    def finish(self):
        """Everything sent so far is captured; the judge's streams of it."""
        with self._namespace, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mark:
            mark.sendto(b"end", (self._mark_address, MARKER_PORT))
        for line in self._tshark.stdout:
            if line.strip() == str(MARKER_PORT):
                break
        self._tshark.send_signal(signal.SIGINT)
        said = self._tshark.communicate()[1]
        dropped = re.search(r"(\d+) packets? dropped", said)
        if dropped and int(dropped.group(1)):
            raise Failure(f"the judge itself lost packets: {dropped.group(0)}")
        return judge(self.path)

    def close(self):
        if self._tshark.poll() is None:
            os.killpg(self._tshark.pid, signal.SIGKILL) # dumpcap too
            self._tshark.communicate()
        os.unlink(self.path)


def judge(path):
    """The streams of a capture file, each with the segments that belong to its close."""
    words = [word for field in FIELDS for word in ("-e", field)]
    told = subprocess.run(["tshark", "-n", "-r", path, "-Y", "tcp", "-T", "fields",
                           "-E", "separator=;", "-E", "occurrence=f", *words],
                          check=True, text=True, capture_output=True).stdout
    streams = {}
    for line in told.splitlines():
        number, *fields = line.split(";")
        streams.setdefault(number, _Follower()).feed(fields)
    return [Stream(follower.ends, follower.opened, follower.segments, follower.overtaken,
                   follower.late)
            for follower in streams.values()]


class _Follower:
    """Reads the segments of one connection in order."""

    def __init__(self):
        self.ends = None
        self.opened = False # a SYN was accepted
        self.segments = []
        self.overtaken = []
        self.late = collections.defaultdict(collections.Counter)
        self._unanswered = {} # sender of a FIN -> the number after it
        self._answers = {} # sender of an answer -> its first, as captured
        self._fins = set() # who sent one
        self._over = {} # end -> since when both FINs are with it and its own is acknowledged
        self._again = set() # senders of a FIN that came when the other end was over

    def feed(self, fields):
        source4, source6, source_port, target4, target6, target_port, *numbers = fields
        sender = (source4 or source6, int(source_port))
        receiver = (target4 or target6, int(target_port))
        seq, ack, length = int(numbers[0]), int(numbers[1] or 0), int(numbers[3])
        time = float(numbers[4])
        flags = flag_names(int(numbers[2], 16))
        names = flags.split(",")
        seen = Seen(sender, seq, ack, flags)
        self.ends = self.ends or (sender, receiver)
        self.opened = self.opened or ("SYN" in names and "ACK" in names)
        wanted = "FIN" in names or "RST" in names
        end = self._unanswered.get(receiver)
        if "ACK" in names and end is not None and (ack - end) % MODULUS < MODULUS // 2:
            del self._unanswered[receiver]
            wanted = True
            self._answers[sender] = seen
            if receiver in self._again:
                self._again.remove(receiver)
                self.late[sender][seen] += 1
        elif "ACK" in names and not wanted:
            self._look_for_overtaken(seen, length)
        if "FIN" in names:
            self._unanswered[sender] = (seq + length + 1) % MODULUS
            self._fins.add(sender)
            if time - self._over.get(receiver, time) > SETTLED:
                self._again.add(sender)
                self.late[receiver][seen] += 1
        if wanted:
            self.segments.append(seen)
        for end, other in (sender, receiver), (receiver, sender):
            if other in self._answers and other in self._fins:
                self._over.setdefault(end, time)

    def _look_for_overtaken(self, seen, length):
        """What comes after the answer but ends where that begins had been sent before it."""
        first = self._answers.get(seen.sender)
        if first and first.ack == seen.ack and first != seen and \
                (first.seq - seen.seq - length) % MODULUS < MODULUS // 2:
            self.overtaken.append(Overtaken(first, seen))


def told(teardown):
    """The segments of a teardown object in the judge's form, and its ends."""
    local, remote = ((teardown[end]["addr"], teardown[end]["port"]) for end in ("local", "remote"))
    sender = {"out": local, "in": remote}
    segments = [Seen(sender[segment["dir"]], segment["seq"], segment["ack"], segment["flags"])
                for segment in teardown["segments"]]
    return frozenset((local, remote)), segments


def excuse(missing, extra, overtaken):
    """Takes out what differs only because an answer was overtaken."""
    for first, earlier in overtaken:
        closes = {"FIN", "RST"} & set(first.flags.split(","))
        if extra[earlier] and (closes or missing[first]):
            extra[earlier] -= 1
            missing[first] -= not closes
    return +missing, +extra


def compare(teardowns, streams, ends_here):
    """Every difference between the objects and the capture, as sentences. `ends_here`: how many of
    a connection's two sockets belong to the traced machine."""
    judged = collections.defaultdict(collections.Counter)
    overtaken = collections.defaultdict(list)
    late = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
    sockets = collections.Counter()
    for stream in streams:
        judged[frozenset(stream.ends)].update(stream.segments)
        overtaken[frozenset(stream.ends)] += stream.overtaken
        for end, segments in stream.late.items():
            late[frozenset(stream.ends)][end].update(segments)
        if stream.opened and stream.segments:
            sockets[frozenset(stream.ends)] += ends_here
    objects = collections.Counter()
    said = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
    for teardown in teardowns:
        ends, segments = told(teardown)
        objects[ends] += 1
        said[ends][(teardown["local"]["addr"], teardown["local"]["port"])].update(segments)
    differences = []
    for ends in sockets.keys() | objects.keys():
        name = " - ".join(sorted(f"{address}:{port}" for address, port in ends))
        if sockets[ends] != objects[ends]:
            differences.append(f"{name}: {objects[ends]} teardown objects for {sockets[ends]}"
                               " sockets")
        for end, segments in said[ends].items():
            missing, extra = excuse(judged[ends] - segments, segments - judged[ends],
                                    overtaken[ends])
            missing -= late[ends][end]
            for what, difference in (("missing", missing), ("extra or twice", extra)):
                differences += [f"{name}, as told by {end[0]}:{end[1]}: {what}: {segment}"
                                for segment in difference.elements()]
    return differences
