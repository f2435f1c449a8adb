#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Recordings: what Wireshark's and tcpdump's readers make of them, and what is left of one that
ends badly. That a replay says what the live run said is checked wherever a Tracer is `recorded`."""

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile

from harness import tap
from harness.namespace import Namespace, command
from harness.pair import Pair, of
from harness.tap import Failure, Skip, case
from harness.tracer import PROGRAM, Tracer, replay_differs, run, wait_content

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
          "--inh-caps=-all")


@contextlib.contextmanager
def recorded(*options, **settings):
    """A namespace, a tracer of it that records, and the path of the recording."""
    folder, here = tempfile.mkdtemp(prefix="tcpclose-"), Namespace("here")
    try:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "close.pcapng")
        with here, Tracer("--netns", here.name, "-w", path, *options, **settings) as tracer:
            yield here, tracer, path
    finally:
        here.remove()
        shutil.rmtree(folder)


def close_some(tracer, count=5):
    ports = []
    for _ in range(count):
        pair = Pair().close_client_first()
        ports += [pair.client_port, pair.server_port]
        tracer.take(of("teardown", pair.client_port), "teardown of the client")
        tracer.take(of("teardown", pair.server_port), "teardown of the server")
    return ports


def wait_end(process, deadline):
    """Until it ends, or the deadline."""
    end = os.pidfd_open(process.pid)
    select.select([end], [], [], deadline)
    os.close(end)


def reader(*words):
    """A reader of captures, which may say nothing but what was asked for."""
    if not shutil.which(words[0]):
        raise Skip(f"{words[0]} is not installed")
    done = subprocess.run(words, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    said = [line for line in done.stderr.splitlines()
            if not line.startswith(("Running as user", "reading from file"))]
    if done.returncode or said:
        raise Failure(f"{' '.join(words)}: {done.returncode}: {said}")
    return done.stdout.splitlines()


def rows(path):
    """Of tshark: time, port pair or None, flags, the text of the row, comment."""
    fields = ("frame.time_epoch", "tcp.srcport", "tcp.flags.str", "_ws.col.Info", "frame.comment",
              "frame.interface_name", "frame.packet_flags_direction")
    words = [word for field in fields for word in ("-e", field)]
    return [dict(zip(fields, line.split("\t")))
            for line in reader("tshark", "-r", path, "-n", "-T", "fields", *words)]


@case("nothing but a recording: standard output is /dev/null")
def alone():
    with open(os.devnull, "wb") as null, recorded(stdout=null) as (_here, tracer, path):
        for _ in range(5):
            Pair().close_client_first()
        summary = tracer.stop().summary
        status, out, error = run("-r", path, "-o", "json")
    told = sum(line.startswith('{"type":"teardown"') for line in out.splitlines())
    if status or told != 10 or summary["teardowns"] + summary["unfinished"] != told:
        raise Failure(f"{told} teardowns in the recording, {summary}, {error!r}")


@case("tshark shows the states between the packets, in order of time, and warns of nothing")
def in_tshark():
    with recorded() as (_, tracer, path):
        pair = Pair().close_client_first()
        tracer.take(of("teardown", pair.client_port), "teardown")
        tracer.take(of("teardown", pair.server_port), "teardown")
        tracer.stop()
        found = rows(path)
    times = [float(row["frame.time_epoch"]) for row in found]
    if times != sorted(times):
        raise Failure(f"not in order of time: {times}")
    story = [row for row in found if f":{pair.client_port}" in row["_ws.col.Info"] or
             str(pair.client_port) in (row["_ws.col.Info"].split(" ")[0::2])]
    text = "\n".join(row["_ws.col.Info"] for row in story)
    wanted = (r"FIN_WAIT1.*\n(.*\n)*?.*\[FIN, ACK\](.*\n)*?.*CLOSE_WAIT(.*\n)*?.*LAST_ACK.*\n"
              r"(.*\n)*?.*\[FIN, ACK\](.*\n)*?.*CLOSED")
    if not re.search(wanted, text):
        raise Failure(f"states and packets are not in order:\n{text}")
    comments = [row["frame.comment"] for row in found if row["frame.comment"]]
    if len(comments) != 1 or comments[0].count("three-way") + comments[0].count("four-way") != 2:
        raise Failure(f"not one packet with the verdicts of both ends: {comments}")
    packets = [row for row in found if row["tcp.flags.str"]]
    if {row["frame.interface_name"] for row in packets} != {"lo"}:
        raise Failure(f"interfaces: {packets}")
    # Loopback's frames pass two hooks: one packet each, and nothing was sent again.
    if {row["frame.packet_flags_direction"] for row in packets} != {"0x00000002"}:
        raise Failure(f"directions: {packets}")
    if re.search("Retransmission|Dup ACK", text):
        raise Failure(f"taken for retransmissions:\n{text}")


@case("tcpdump reads the packets")
def in_tcpdump():
    with recorded() as (_, tracer, path):
        close_some(tracer)
        tracer.stop()
        packets = [row for row in rows(path) if row["tcp.flags.str"]]
        shown = reader("tcpdump", "-r", path, "-nn")
    if not packets or len(packets) != len(shown):
        raise Failure(f"tshark has {len(packets)} packets, tcpdump {len(shown)}")


@case("through a pipe into tshark, while it is traced")
def through_a_pipe():
    here = Namespace("here")
    readable, writable = os.pipe()
    try:
        with here:
            tshark = subprocess.Popen(["tshark", "-r", "-", "-n", "-l"], stdin=readable,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            os.close(readable)
            with Tracer("--netns", here.name, "-w", "-", output="text", stdout=writable) as tracer:
                os.close(writable)
                Pair().close_client_first()
                for line in tshark.stdout: # comes while the tracer still runs
                    if "LAST_ACK → CLOSED" in line:
                        break
                else:
                    raise Failure("tshark ended")
                outcome = tracer.stop()
            tshark.communicate()
        if outcome.status != 0 or tshark.returncode != 0:
            raise Failure(f"ended with {outcome.status}, tshark with {tshark.returncode}")
    finally:
        here.remove()


@case("replayed without any privilege, from a file and from a pipe")
def unprivileged():
    with recorded() as (_, tracer, path):
        close_some(tracer)
        tracer.stop()
        os.chmod(path, 0o644)
        program = shutil.copy(PROGRAM, os.path.dirname(path))
        os.chmod(program, 0o755)
        by_file = run("-r", path, "-o", "json", prefix=NOBODY, program=program)
        with open(path, "rb") as file:
            by_pipe = subprocess.run([*NOBODY, program, "-r", "-", "-o", "json"], stdin=file,
                                     capture_output=True, text=True, check=False)
    for status, out, error in (by_file, (by_pipe.returncode, by_pipe.stdout, by_pipe.stderr)):
        if status != 0 or out.count('"type":"teardown"') != 10:
            raise Failure(f"{status}: {error}{out}")


@case("what is no capture is refused, and says why")
def no_capture():
    contents = {"neither pcap nor pcapng": b"hello", "is empty": b"",
                "zcat": b"\x1f\x8b\x08\0" + bytes(16), "Is a directory": None}
    with tempfile.TemporaryDirectory(prefix="tcpclose-") as folder:
        for why, content in contents.items():
            path = folder
            if content is not None:
                path = os.path.join(folder, "file")
                with open(path, "wb") as file:
                    file.write(content)
            status, out, error = run("-r", path)
            if status != 1 or out or why not in error or error.count("\n") != 1:
                raise Failure(f"{why}: {status}: {error}{out}")


@case("counted by timewait as well")
def counted():
    with recorded() as (_, tracer, path):
        close_some(tracer)
        tracer.stop()
        status, out, error = run("timewait", "-r", path, "-o", "json")
    if status != 0 or '"entered":5,' not in out or '"time_wait_summary"' not in out:
        raise Failure(f"{status}: {error}{out}")


@case("within a second it is in the file: kill -9 loses no more")
def killed():
    with recorded() as (_, tracer, path):
        ports = close_some(tracer)
        if not wait_content(path, f":{ports[-1]}  LAST_ACK → CLOSED".encode(), 1) and \
                not wait_content(path, f":{ports[-2]}  LAST_ACK → CLOSED".encode(), 0):
            raise Failure("not in the file after a second")
        tracer.stop(signal.SIGKILL)
        status, out, error = run("-r", path, "-o", "json")
        rows(path)
    missing = [port for port in ports if f'"port":{port}' not in out]
    if missing or status != 0:
        raise Failure(f"{status}: {error}; not in the replay: {missing}")


@case("a full disk: a clear error, and all before it can be read")
def full_disk():
    folder = tempfile.mkdtemp(prefix="tcpclose-")
    command("mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder)
    here, path = Namespace("here"), os.path.join(folder, "close.pcapng")
    try:
        with here, Tracer("--netns", here.name, "-w", path) as tracer:
            while tracer.process.poll() is None:
                for _ in range(50):
                    Pair().close_client_first()
                wait_end(tracer.process, 0.1)
            outcome = tracer.wait()
        status, out, error = run("-r", path, "-o", "json")
        rows(path)
    finally:
        here.remove()
        command("umount", folder)
        os.rmdir(folder)
    if outcome.status != 1 or f"cannot write to {path}: No space left on device" not in \
            outcome.stderr:
        raise Failure(f"{outcome.status}: {outcome.stderr}")
    if status != 0 or out.count('"kind":"four-way"') + out.count('"kind":"three-way"') < 100:
        raise Failure(f"{status}: {error}{out[-300:]}")


@case("rotated by size: each file can be read, all together tell what the live run told")
def rotated():
    with recorded("-C", "64k") as (_, tracer, path):
        close_some(tracer, 40)
        outcome = tracer.stop()
        files = [path] + [f"{path}{number}" for number in range(1, 100)
                          if os.path.exists(f"{path}{number}")]
        rows(files[1])
        for file in files:
            if (found := run("-r", file, "-o", "json"))[0] != 0:
                raise Failure(f"{file}: {found}")
        whole = path + "-whole"
        with open(whole, "wb") as out:
            for file in files:
                with open(file, "rb") as part:
                    shutil.copyfileobj(part, out)
        status, out, error = run("-r", whole, "-o", "json")
    if len(files) < 3:
        raise Failure(f"only {files}")
    different = replay_differs(b"".join(outcome.lines).decode(), out)
    if status != 0 or different:
        raise Failure(f"{status}: {error} {different}")


if __name__ == "__main__":
    sys.exit(tap.main())
