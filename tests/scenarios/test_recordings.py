#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Recordings of the scenarios, opened by the tools that people have: tshark and tcpdump."""

import glob
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.append(os.path.join(HERE, "../netns"))
from harness import tap  # after the path to it
from harness.tap import Failure, Skip, case

PLAY = os.path.join(os.environ.get("BUILD", os.path.join(HERE, "../../build")),
                    "tests/scenarios/play")
BYTE_ORDER = 0x1a2b3c4d
INTERFACE, PACKET, JOURNAL, SECTION = 1, 6, 9, 0x0a0d0d0a
FIELDS = ("frame.time_epoch", "_ws.col.Protocol", "_ws.col.Info", "frame.comment",
          "frame.interface_name", "frame.p2p_dir")
MADE = "the headers are made from the segment's record: its bytes were not captured"
FLOW = "10.0.0.5:52344 → 10.0.0.9:80  "


def record(scenario, path):
    """Plays a scenario and leaves its recording in a file."""
    script = os.path.join(HERE, scenario, "script")
    done = subprocess.run([PLAY, "json", script, path], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode or done.stderr:
        raise Failure(f"{scenario}: {done.stderr}")


def scenarios():
    """Those that can be recorded: where two recordings are read together, there is no single
    one."""
    found = []
    for script in sorted(glob.glob(os.path.join(HERE, "*/script"))):
        with open(script, encoding="utf-8") as file:
            if not any(line.startswith("join ") for line in file):
                found.append(os.path.basename(os.path.dirname(script)))
    return found


def blocks(path):
    """The types of the blocks of a file."""
    found, at = [], 0
    with open(path, "rb") as file:
        content = file.read()
    while at < len(content):
        kind, length = struct.unpack_from("=II", content, at)
        found.append(kind)
        at += length
    return found


def run(*command):
    """What a tool said, provided that it had nothing to complain of."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Skip(f"{command[0]} is not installed") from None
    complaints = [line for line in done.stderr.splitlines()
                  if not line.startswith(("Running as user", "reading from file"))]
    if done.returncode or complaints:
        raise Failure(f"{command[0]}: status {done.returncode}, {complaints}")
    return done.stdout.splitlines()


def rows(path):
    """What Wireshark lists, a dictionary of FIELDS each."""
    words = [word for field in FIELDS for word in ("-e", field)]
    return [dict(zip(FIELDS, line.split("\t")))
            for line in run("tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=/t",
                            "-E", "aggregator=|", *words)]


@case("tshark lists states between packets, with the verdict on the last one")
def four_way(folder):
    path = os.path.join(folder, "four-way")
    record("four-way", path)
    found = rows(path)
    told = [(row["frame.time_epoch"][-9:], row["_ws.col.Protocol"], row["_ws.col.Info"],
             row["frame.interface_name"], row["frame.p2p_dir"]) for row in found[1:]]
    journal = "systemd Journal"
    expected = [
        ("000000000", journal, FLOW + "ESTABLISHED → FIN_WAIT1  curl[991] close()", "", ""),
        ("000012000", "TCP", "52344 → 80 [FIN, ACK] Seq=1 Ack=1 Win=502 Len=0", "eth0", "0"),
        ("000250000", "TCP", "80 → 52344 [ACK] Seq=1 Ack=2 Win=502 Len=0", "eth0", "1"),
        ("000251000", journal, FLOW + "FIN_WAIT1 → FIN_WAIT2  of curl[991]", "", ""),
        ("004120000", "TCP", "80 → 52344 [FIN, ACK] Seq=1 Ack=2 Win=502 Len=0", "eth0", "1"),
        ("004121000", journal, FLOW + "FIN_WAIT2 → CLOSED  of curl[991]", "", ""),
        ("004125000", "TCP", "52344 → 80 [ACK] Seq=2 Ack=2 Win=502 Len=0", "eth0", "0"),
        ("100000000", journal, "the recording ends", "", ""),
    ]
    if told != expected:
        raise Failure("\n".join(map(str, told)))
    if not found[0]["_ws.col.Info"].startswith("play recording on "):
        raise Failure(f"the first row: {found[0]}")
    comments = [row["frame.comment"] for row in found if row["_ws.col.Protocol"] == "TCP"]
    verdict = "four-way, closed first by local (curl[991] close()); peer took 4.11 ms to close " \
        "its half"
    if comments != [MADE] * 3 + [f"{MADE}|{verdict}"]:
        raise Failure(f"comments: {comments}")


@case("the numbers and checksums of made headers are good")
def checksums(folder):
    path = os.path.join(folder, "checksums")
    record("four-way", path)
    bad = run("tshark", "-n", "-r", path, "-o", "ip.check_checksum:TRUE",
              "-o", "tcp.check_checksum:TRUE", "-Y",
              "ip.checksum.status == Bad || tcp.checksum.status == Bad || _ws.malformed")
    good = run("tshark", "-n", "-r", path, "-o", "ip.check_checksum:TRUE",
               "-o", "tcp.check_checksum:TRUE", "-Y",
               "ip.checksum.status == Good && tcp.checksum.status == Good")
    if bad or len(good) != 4:
        raise Failure(f"bad: {bad}, good: {good}")


@case("tcpdump reads the packets and skips the rest")
def tcpdump(folder):
    path = os.path.join(folder, "tcpdump")
    record("four-way", path)
    told = run("tcpdump", "-n", "-S", "-tt", "-r", path)
    expected = [
        "1784001000.000012 IP 10.0.0.5.52344 > 10.0.0.9.80: Flags [F.], seq 4294967279, "
        "ack 14801, win 502, length 0",
        "1784001000.000250 IP 10.0.0.9.80 > 10.0.0.5.52344: Flags [.], ack 4294967280, win 502, "
        "length 0",
        "1784001000.004120 IP 10.0.0.9.80 > 10.0.0.5.52344: Flags [F.], seq 14801, "
        "ack 4294967280, win 502, length 0",
        "1784001000.004125 IP 10.0.0.5.52344 > 10.0.0.9.80: Flags [.], ack 14802, win 502, "
        "length 0",
    ]
    if told != expected:
        raise Failure("\n".join(told))


@case("of every scenario all rows are there, in order of time")
def all_scenarios(folder):
    # A file may have several sections: one run of each tool reads them all.
    path, one = os.path.join(folder, "all"), os.path.join(folder, "one")
    played = scenarios()
    with open(path, "wb") as joined:
        for scenario in played:
            record(scenario, one)
            with open(one, "rb") as file:
                joined.write(file.read())
    kinds = blocks(path)
    found = rows(path)
    if kinds.count(SECTION) != len(played) or \
            len(found) != kinds.count(PACKET) + kinds.count(JOURNAL):
        raise Failure(f"{len(found)} rows of {len(kinds)} blocks, {len(played)} scenarios")
    before = None
    for number, row in enumerate(found, 1):
        # A journal entry's time has microseconds.
        now = int(row["frame.time_epoch"].replace(".", "")) // 1000
        if row["_ws.col.Info"].startswith("play recording on "):
            before = None
        if not row["_ws.col.Info"] or before is not None and now < before:
            raise Failure(f"row {number}: {row}")
        before = now
    if len(run("tcpdump", "-n", "-r", path)) != kinds.count(PACKET):
        raise Failure("tcpdump does not read every packet")


if __name__ == "__main__":
    sys.exit(tap.main(lambda: tempfile.TemporaryDirectory(prefix="tcpclose-"), root=False))
