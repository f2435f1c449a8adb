# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What is expected of each close that tests/workload/closes.c makes, at both ends. An emulated
machine may be too slow for the kernel's timers: a FIN sent again is no mistake."""

FIRST = "ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT"
SECOND = "ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED"
ORPHAN = "ESTABLISHED FIN_WAIT1 FIN_WAIT2"
CUT = "ESTABLISHED CLOSED"
FOUR = ["> FIN,ACK 1", "< ACK 2", "< FIN,ACK 3", "> ACK 4"]
THREE = ["> FIN,ACK 1", "< FIN,ACK 3", "> ACK 4"]
SWAPPED = str.maketrans("<>", "><")
CONNECTED, ACCEPTED, OLDER, NOBODY = "connect", "accept", {"close", "holder"}, None


class End:
    """One end of a close. `segments`: the lists that may be, without what was sent again. `call`:
    how it was closed here, None if it was not; a set of several that may be. `owner`: how its owner
    is known. `hidden`: that the mini-socket which stands for it became TIME_WAIT, or was reset,
    only segments tell. `again`: how often at least its FIN was sent again."""

    def __init__(self, kind, closed_by, states, segments, call=None, owner=CONNECTED, hidden=False,
                 again=0, **others):
        self.segments = segments
        self.call = call
        self.owner = owner
        self.again = again
        self.kinds = kind if isinstance(kind, set) else {kind}
        self._hidden = hidden
        self._others = {"kind": kind, "closed_by": closed_by, "states": states} | others

    def wanted(self, pid, seen):
        """For expect(). `seen`: the segments of the object, none where nothing could see them."""
        calls = self.call if isinstance(self.call, set) else {self.call}
        wanted = dict(self._others, close_call={(call, pid) if call else None for call in calls})
        if self.owner is NOBODY:
            wanted["process"] = None
        else:
            wanted["process__pid"] = pid
        if seen is None:
            self._without_segments(wanted)
            return wanted
        wanted["complete"] = True
        wanted["fin_retransmissions"] = seen.count("> FIN,ACK again")
        if wanted["kind"] == "three-way" and settled(seen) == self.segments[1]:
            wanted["kind"] = "four-way"
        return wanted

    def _without_segments(self, wanted):
        if wanted["kind"] == "three-way":
            wanted["kind"] = "four-way" # all that the states say
        if self._hidden:
            last = wanted["states"].rpartition(" ")[0]
            wanted["states"] = {wanted["states"], last}
            wanted["kind"] = {wanted["kind"], "unknown"}
            wanted.pop("cause", None)


def settled(seen):
    """The segments but for those sent again, the acknowledgements of those, and the RST of who is
    gone when one of these comes."""
    after = [""] + seen
    return [line for line, before in zip(seen, after)
            if not line.endswith("again") and line[2:] != "ACK" and
            (line[2:] != "RST" or before[2:] not in ("ACK", "ACK 4"))]


def _from_other_end(segments):
    return [[line.translate(SWAPPED) for line in lines] for lines in segments]


def _orderly(segments, call="close", kind="four-way", hidden=True, older=False, again=0):
    return {"client": End(kind, "local", FIRST, segments, call, OLDER if older else CONNECTED,
                          hidden, again),
            "server": End(kind, "peer", SECOND, _from_other_end(segments), "close",
                          OLDER if older else ACCEPTED, close_wait__eof_read=True,
                          close_wait__unread_bytes=0)}


def _cut(cause, **others):
    return {"client": End("reset", "local", CUT, [["> RST,ACK"]], "close", cause=cause,
                          reset__dir="out", **others),
            "server": End("reset", "peer", CUT, [["< RST,ACK"]], None, ACCEPTED,
                          cause="peer-reset", reset__dir="in")}


TIMED_OUT = [["> FIN,ACK 1", "< ACK 2"],
             ["> FIN,ACK 1", "< ACK 2", "< FIN,ACK 3", "> RST"], # if it came before the report
             # where the acknowledgement came while close() held the socket: no mini-socket
             ["> FIN,ACK 1", "< ACK 2", "> RST,ACK"]]
REFUSED = [["> FIN,ACK 1", "< ACK 2", "> RST"]]

CLOSES = {
    "older": _orderly([FOUR], older=True),
    "four-way": _orderly([FOUR]),
    # A delayed acknowledgement may be due before the server runs: then they are four.
    "three-way": _orderly([THREE, FOUR], kind="three-way"),
    "half-close": _orderly([FOUR], call="shutdown", hidden=False),
    "exit": _orderly([FOUR], call="exit"),
    "fin-lost": _orderly([FOUR], again=1),
    "linger": _cut("linger"),
    "unread-data": _cut("unread-data", unread_bytes=300),
    "listener-closed": {
        "client": End("reset", "peer", CUT, [["< RST,ACK"]], cause="peer-reset", reset__dir="in"),
        "server": End("reset", "local", CUT, [["> RST,ACK"]], "close", NOBODY,
                      cause="listener-closed", reset__dir="out")},
    "data-after-close": {
        "client": End("reset-after-fin", "local", ORPHAN + " CLOSED", REFUSED, "close",
                      hidden=True, cause="data-after-close"),
        "server": End("reset-after-fin", "peer", "ESTABLISHED CLOSE_WAIT CLOSED",
                      _from_other_end(REFUSED), None, ACCEPTED, cause="peer-reset",
                      reset__dir="in")},
    "orphan-timeout": {
        "client": End({"timeout", "reset-after-fin"}, "local", ORPHAN + " CLOSED", TIMED_OUT,
                      "close", cause="fin-wait2-timeout"),
        "server": End("reset-after-fin", "peer", {SECOND, "ESTABLISHED CLOSE_WAIT CLOSED"},
                      _from_other_end(TIMED_OUT[1:]), {"close", None}, ACCEPTED,
                      cause="peer-reset", reset__dir="in")},
}
