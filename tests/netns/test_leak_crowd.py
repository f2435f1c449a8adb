#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""leaks on a host with 100,000 sockets, and beside programs that lie: names, files and perf maps
that are made to crash, to block or to fool who reads them."""

import contextlib
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from harness import leaky, tap
from harness.expect import equal
from harness.leaks import (CLOSE, GROUP, SUSPECTS, Leaks, Once, check_honest, check_printable,
                           check_stack, collect, functions, group_of, holders, of, parse)
from harness.leaky import FRAMED, NODE_PERF, WORKLOAD
from harness.load import crowd, own_time
from harness.namespace import Namespace
from harness.tap import Failure, Skip, case, note
from harness.tracer import BUILD, PROGRAM

CONNECTIONS, LEAKED = 50_000, 10_000 # two sockets each
LIMIT_SECONDS, LIMIT_KB = 2, 200 << 10
HOSTILE = b"\x1b[2J\x07\"\\\n\xff\xc2\x9bx"
SHORT = ("--threshold", "0.2", "--interval", "0.25")
NOW = ("--threshold", "0.2", "-d", "0.5")
QUICK = 20 # seconds: the tool must not have waited for anything


class World:
    def __enter__(self):
        self.here = Namespace("here")
        return self

    def __exit__(self, *_):
        self.here.remove()


# ---- many

def measured(*words):
    """Output, what is said, status, seconds and kB at most of a run of its own."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        start = time.monotonic()
        process = subprocess.Popen(words, stdout=out, stderr=error, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        took = own_time(time.monotonic() - start, usage.ru_utime + usage.ru_stime)
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (out, error):
            file.seek(0)
        return out.read(), error.read().decode(), process.returncode, took, usage.ru_maxrss


def look(*options):
    return measured(PROGRAM, "leaks", "--once", *options)


def check_limits(world, took, kilobytes):
    """Where ss takes longer than the limit, the machine is slow just now, and ss is the measure."""
    limit = LIMIT_SECONDS
    if took > limit:
        with world.here:
            limit = max(limit, measured("ss", "-tanp")[3])
    note(f"{took:.2f} s of {limit:.2f}, {kilobytes >> 10} MB")
    if took > limit or kilobytes > LIMIT_KB:
        raise Failure(f"took {took:.2f} s of {limit:.2f}, {kilobytes >> 10} MB")


@case("100,000 sockets, 10,000 of them leaked: all, in 2 s and 200 MB, none lost", deadline=120)
def many(world):
    with crowd(world.here, CONNECTIONS, LEAKED):
        equal("in CLOSE_WAIT", len(leaky.stuck(world.here)), LEAKED)
        for options in ((), ("--netns", world.here.name)):
            out, error, status, took, kilobytes = look("-o", "json", "--threshold", "0.001",
                                                       *options)
            equal("exit status", status, SUSPECTS)
            check_many(world, out, error)
            check_limits(world, took, kilobytes)
        out, _, status, took, kilobytes = look("--threshold", "0.001")
        equal("exit status", status, SUSPECTS)
        check_printable(out)
        check_limits(world, took, kilobytes)


def check_many(world, out, error):
    objects = parse(out.decode())
    suspects = of(objects, CLOSE, world.here)
    equal("suspects", len(suspects), LEAKED)
    equal("different ones", len({(found["local"]["port"], found["remote"]["port"])
                                 for found in suspects}), LEAKED)
    equal("in groups", sum(group["count"] for group in objects if group["type"] == GROUP and
                           group["comm"] == "crowd"), LEAKED)
    if unheld := [found for found in suspects if len(found["holders"]) != 1]:
        raise Failure(f"{len(unheld)} without its holder: {unheld[0]}")
    lost = objects[-1]["lost"]
    if any(lost.values()) or not error.rstrip().endswith(" 0 lost"):
        raise Failure(f"lost {lost}: {error!r}")


@case("10,000 that leak while it watches: all of them", deadline=120)
def many_live(world):
    with Leaks("--netns", world.here.name, *SHORT) as tracer, \
            crowd(world.here, 2 * LEAKED, LEAKED):
        # Of several processes, but the same code.
        tracer.take(lambda found: found["type"] == GROUP and found["comm"] == "crowd" and
                    found["count"] == LEAKED, "group of them all")
        outcome = tracer.stop()
    suspects = of(tracer.objects(CLOSE), CLOSE, world.here)
    equal("suspects", len({(found["local"]["port"], found["remote"]["port"])
                           for found in suspects}), LEAKED)
    equal("objects", len(suspects), LEAKED)
    # Origins may find no room while thousands of sockets come at once; that is counted.
    lost, unknown = outcome.summary["lost"], sum("pid" not in found["created"]
                                                 for found in suspects)
    note(f"{lost} lost, {unknown} of unknown origin")
    if unknown > lost:
        raise Failure(f"{unknown} of unknown origin: {outcome.stderr}")
    if late := [found for found in suspects if "since" not in found]:
        raise Failure(f"{len(late)} of unknown age: {late[0]}")


WAYS, ROOM = 16_000, 8192 # through the code of paths.c; what the kernel's map holds of them


@case("more ways through code than there is room for: those of live sockets stay", deadline=120)
def many_stacks(world):
    with leaky.spaces("stacks") as (stack, here):
        first = leaky.start(stack, here, "first")
        tracer = stack.enter_context(Leaks("--netns", here.name, *SHORT))
        first.leak(2)
        collect(tracer, first, 2)
        with here:
            equal("ways", run_paths(WAYS), WAYS)
        # Those of sockets that are gone give way, a look at a time.
        with here:
            for _ in range(4):
                equal("ways", run_paths(ROOM // 4), ROOM // 4)
                tracer.take(group_of(first), "group after another look")
        second = leaky.start(stack, here, "second", program=leaky.FRAMELESS)
        second.leak(1)
        for suspect in collect(tracer, second, 1).values():
            check_stack(suspect["created"], "accept_client")
        group = tracer.take(lambda found: group_of(first)(found) and
                            found["ts"] >= suspect["ts"], "group of the first")
        equal("count", group["count"], 2)
        check_stack(group, "accept_client")
        outcome = tracer.stop()
    note(f"{outcome.summary['lost']} of {WAYS} found no room while they came")
    if outcome.summary["lost"] > WAYS:
        raise Failure(f"{outcome.summary['lost']} lost: {outcome.stderr}")


@case("numbers and data where frame pointers would be: one way through the code all the same")
def wild_frames(world):
    with world.here, Leaks("--netns", world.here.name, *SHORT) as tracer:
        equal("ways", run_paths(4 * ROOM, "wild"), 4 * ROOM)
        outcome = tracer.stop()
    # The kernel skips a program now and then; of ways there would be thousands too many.
    if outcome.summary["lost"] > 100:
        raise Failure(outcome.stderr)


def run_paths(ways, *words):
    done = subprocess.run([f"{BUILD}/tests/workload/paths", str(ways), *words],
                          capture_output=True, check=False)
    if done.returncode == 77:
        raise Skip("it is written for x86-64")
    return int(done.stdout)


# ---- names

@case("a hostile name of a process, in each output")
def hostile(world):
    with contextlib.ExitStack() as stack:
        server = leaky.start(stack, world.here, os.fsdecode(HOSTILE))
        with Leaks("--netns", world.here.name, *SHORT) as tracer:
            server.leak(3)
            collect(tracer, server, 3)
            tracer.take(lambda found: found["type"] == GROUP, "group")
            lines = tracer.stop().lines
        check_printable(b"".join(lines))
        for output in ("text", "table", "json"):
            once = Once(*NOW, "--netns", world.here.name, output=output)
            equal("exit status", once.status, SUSPECTS)
            check_printable(once.out)
            if "2J" not in once.out:
                raise Failure(f"the process is not named at all: {once.out!r}")


@case("a hostile path of a program")
def hostile_path(world):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tcpclose-"))
        path = os.path.join(os.fsencode(folder), HOSTILE)
        shutil.copy(FRAMED[0], path)
        server = leaky.start(stack, world.here, "path", program=(os.fsdecode(path),))
        for output in ("text", "json"):
            with Leaks("--once", "--netns", world.here.name, *NOW[:2], "-d", "1.5",
                       output=output) as tracer:
                server.leak(2)
                outcome = tracer.wait()
            equal("exit status", outcome.status, SUSPECTS)
            check_printable(b"".join(outcome.lines))


# ---- /proc

@case("processes that come and go while /proc is read")
def vanishing(world):
    with contextlib.ExitStack() as stack:
        server = leaky.start(stack, world.here, "constant")
        ports = server.leak(20)
        load = start_forking(stack)
        for _ in range(15):
            once = Once("--threshold", "0.001", "--netns", world.here.name)
            equal("exit status", once.status, SUSPECTS)
            found = {found["remote"]["port"]: holders(found)
                     for found in once.of(CLOSE, world.here)}
            equal("holders", found, {port: {("constant", *server.held[port])} for port in ports})
            equal("stderr lines", len(once.error.splitlines()), 1)
        equal("the load still runs", load.poll(), None)


def start_forking(stack):
    """Forks and exits all the time, in a namespace of its own."""
    there = Namespace("forks")
    stack.callback(there.remove)
    with there:
        process = subprocess.Popen(["/usr/bin/python3", "-I", f"{WORKLOAD}/forking.py", "1000000"],
                                   stdout=subprocess.DEVNULL, start_new_session=True)
    stack.callback(process.wait)
    stack.callback(os.killpg, process.pid, signal.SIGKILL)
    return process


# ---- code that no file describes

def traced_stack(stack, namespace, prepare, name, program=FRAMED, extra=()):
    """One suspect of a server, after prepare(server); how long the tool took to tell of it."""
    server = leaky.start(stack, namespace, name, program=program, extra=extra)
    prepare(server)
    with Leaks("--netns", namespace.name, *SHORT) as tracer:
        begin = time.monotonic()
        port = server.leak(1)[0]
        suspect = collect(tracer, server, 1)[port]
        tracer.take(group_of(server), "group")
        took = time.monotonic() - begin
        with open(f"/proc/{tracer.pid}/status", encoding="ascii") as file:
            peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        outcome = tracer.stop()
    equal("exit status", outcome.status, 0)
    equal("holders", holders(suspect), {(server.name, *server.held[port])})
    check_printable(b"".join(outcome.lines))
    check_honest(suspect["created"])
    note(f"{name}: {took:.2f} s, {peak >> 10} MB, {suspect['created']['stack_end']}, "
         f"{functions(suspect['created']['stack'])}")
    if took > QUICK or peak > LIMIT_KB:
        raise Failure(f"{name}: told after {took:.1f} s, {peak >> 10} MB")
    return suspect


@contextlib.contextmanager
def perf_map(server):
    """Path of the map of the server's code, that is removed again."""
    path = f"/tmp/perf-{server.pid}.map"
    try:
        yield path
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def with_map(world, name, write):
    """write(path, server) makes the map of a server whose serve() is called by made-up code."""
    with contextlib.ExitStack() as stack:
        def prepare(server):
            write(stack.enter_context(perf_map(server)), server)
        return traced_stack(stack, world.here, prepare, name, extra=("jit",))


def entry(server, name):
    return b"%x %x %s\n" % (*server.code, name)


@case("a perf map names code made at run time")
def small_map(world):
    def write(path, server):
        with open(path, "wb") as file:
            file.write(b"10 20 other\n" + entry(server, b"Made::up \x1b[2J(int)"))
    suspect = with_map(world, "map", write)
    names = [name or "" for name in functions(suspect["created"]["stack"])]
    if not any(name.startswith("Made::up") for name in names) or "main" not in names:
        raise Failure(f"not in the stack: {suspect['created']}")


@case("a perf map of 1 GB, most of it a hole")
def huge_map(world):
    def write(path, server):
        with open(path, "wb") as file:
            file.write(entry(server, b"before_the_hole"))
            file.truncate(1 << 30)
    with_map(world, "hole", write)


@case("perf maps of nonsense, a FIFO, a device, a link to nothing")
def odd_maps(world):
    def nonsense(path, _server):
        with open(path, "wb") as file:
            file.write(b"\n\nzz 1 x\n" + b"f" * 40 + b" 10 name\n1 " + b"f" * 16 + b" wraps\n" +
                       random.Random(1).randbytes(100_000))
    for name, write in (("nonsense", nonsense), ("fifo", lambda path, _: os.mkfifo(path)),
                        ("device", lambda path, _: os.symlink("/dev/zero", path)),
                        ("dangling", lambda path, _: os.symlink("/nonesuch", path))):
        suspect = with_map(world, name, write)
        if "accept_client" not in functions(suspect["created"]["stack"]):
            raise Failure(f"{name}: the code that has a file is not told: {suspect['created']}")


@case("Node with its perf map: the JavaScript that connected, or that the stack is short")
def node_map(world):
    with contextlib.ExitStack() as stack:
        server = leaky.start(stack, world.here, "node-map", program=NODE_PERF)
        stack.enter_context(perf_map(server))
        with Leaks("--netns", world.here.name, *SHORT) as tracer:
            port = server.connect_out()[1]
            suspect = tracer.take(lambda found: found["type"] == CLOSE and
                                  found["remote"]["port"] == port, "suspect")
            tracer.stop()
    created = suspect["created"]
    names = functions(created["stack"])
    note(f"{created['stack_end']}, {names}")
    check_honest(created)
    equal("how", (created["how"], created["pid"]), ("connect", server.pid))
    # Node connects in a later turn of its loop: who asked for it is in no stack any more.
    if created["stack_end"] == "whole" and \
            not any(name and "internalConnect" in name for name in names):
        raise Failure(f"called whole, but without what is in the map: {names}")


# ---- ELF files that lie: the kernel reads only what is needed to run them

ELF64_HEADER, SECTION = "16sHHIQQQIHHHHHH", "IIQQQQIIQQ"


class Elf:
    """A copy of leaky to be spoiled."""

    def __init__(self):
        with open(FRAMED[0], "rb") as file:
            self.data = bytearray(file.read())
        self.header = list(struct.unpack_from("<" + ELF64_HEADER, self.data))

    def put_header(self, **fields):
        names = ("ident", "type", "machine", "version", "entry", "phoff", "shoff", "flags",
                 "ehsize", "phentsize", "phnum", "shentsize", "shnum", "shstrndx")
        for name, value in fields.items():
            self.header[names.index(name)] = value
        struct.pack_into("<" + ELF64_HEADER, self.data, 0, *self.header)

    def sections(self):
        """Offset of each section's header, and its name."""
        offset, size, count, names = self.header[6], *self.header[11:14]
        rows = [(offset + size * number,
                 struct.unpack_from("<" + SECTION, self.data, offset + size * number))
                for number in range(count)]
        start = rows[names][1][4]
        for place, row in rows:
            begin = start + row[0]
            yield place, self.data[begin:self.data.index(0, begin)].decode(), list(row)

    def change(self, chosen, **fields):
        """Fields of the headers of sections whose names begin so."""
        names = ("name", "type", "flags", "addr", "offset", "size", "link", "info", "addralign",
                 "entsize")
        for place, name, row in list(self.sections()):
            if name.startswith(chosen):
                for field, value in fields.items():
                    row[names.index(field)] = value
                struct.pack_into("<" + SECTION, self.data, place, *row)

    def fill(self, chosen, number):
        """Random contents of sections whose names begin so, of those that are not loaded or that
        only unwinders read."""
        noise = random.Random(number)
        for _, name, row in list(self.sections()):
            if name.startswith(chosen):
                self.data[row[4]:row[4] + row[5]] = noise.randbytes(row[5])


def lies():
    """Name to what spoils a copy."""
    most = (1 << 63) - 1
    debug = (".debug", ".symtab", ".strtab")
    yield "shoff", lambda elf: elf.put_header(shoff=most)
    yield "shoff-low", lambda elf: elf.put_header(shoff=1)
    yield "shnum", lambda elf: elf.put_header(shnum=0xffff)
    yield "shnum-0", lambda elf: elf.put_header(shnum=0)
    yield "shstrndx", lambda elf: elf.put_header(shstrndx=0xfff0)
    yield "shentsize", lambda elf: elf.put_header(shentsize=1)
    yield "sizes", lambda elf: elf.change(debug, size=most)
    yield "offsets", lambda elf: elf.change(debug, offset=most)
    yield "entsize", lambda elf: elf.change(".symtab", entsize=1)
    yield "links", lambda elf: elf.change(debug, link=0xffffff, info=0xffffff)
    yield "names", lambda elf: elf.change("", name=0x7fffffff)
    yield "compressed", lambda elf: elf.change(".debug", flags=0x800)
    yield "build-id", lambda elf: elf.fill(".note.gnu.build-id", 1)
    for number in range(3):
        yield f"debug-{number}", lambda elf, number=number: elf.fill(".debug", number)
        yield f"unwind-{number}", lambda elf, number=number: elf.fill(".eh_frame", number)
        yield f"symbols-{number}", lambda elf, number=number: elf.fill((".symtab", ".strtab"),
                                                                      number)


@case("ELF files that lie", deadline=120)
def lying(world):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tcpclose-"))
        servers = []
        for name, spoil in lies():
            elf = Elf()
            spoil(elf)
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(elf.data)
            os.chmod(path, 0o755)
            servers.append(leaky.start(stack, world.here, name, program=(path,)))
        with Leaks("--netns", world.here.name, *SHORT) as tracer:
            begin = time.monotonic()
            for server in servers:
                server.leak(1)
            ends = {}
            for server in servers:
                suspect = one_of(collect(tracer, server, 1))
                check_honest(suspect["created"])
                ends[server.name] = suspect["created"]["stack_end"]
            took = time.monotonic() - begin
            outcome = tracer.stop()
    note(f"{len(servers)} files, {took:.1f} s, {ends}")
    equal("exit status", outcome.status, 0)
    check_printable(b"".join(outcome.lines))
    if took > QUICK:
        raise Failure(f"told after {took:.1f} s")


def one_of(found):
    return next(iter(found.values()))


@case("programs that are gone, replaced by another, by a FIFO, by zeros")
def replaced(world):
    def empty(path):
        with open(path + ".new", "wb") as file:
            file.truncate(1 << 20)
        os.rename(path + ".new", path)

    def fifo(path):
        os.unlink(path)
        os.mkfifo(path)

    def other(path):
        shutil.copy("/bin/true", path + ".new")
        os.rename(path + ".new", path)
    for name, change in (("gone", os.unlink), ("other", other), ("fifo", fifo), ("zeros", empty)):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tcpclose-"))
            path = shutil.copy(FRAMED[0], os.path.join(folder, name))
            suspect = traced_stack(stack, world.here, lambda _, path=path, change=change:
                                   change(path), name, program=(path,))
        if "accept_client" not in functions(suspect["created"]["stack"]):
            raise Failure(f"{name}: the code that runs is not named: {suspect['created']}")


if __name__ == "__main__":
    sys.exit(tap.main(World))
