#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""With few capabilities the tool does what these allow and names those that it misses; once it is
attached it keeps only those that it says, and may ask the kernel for little."""

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

from harness import leaky, tap
from harness.closing import of, pair, place, traces
from harness.expect import equal
from harness.leaks import GROUP, Leaks
from harness.namespace import command
from harness.privileges import LEAST, OWNERS, filtered, held, root_with, status, unit, user_with
from harness.tap import Failure, Skip, case
from harness.tracer import PROGRAM, TOP, Tracer, run

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_NOT_ATTACHED = range(4)
STATUS_DEADLINE = 20
SEVERAL = 240 # the deadline of a case that starts one tracer after the other


def keeps(tracer, names, bounding=None):
    """What /proc says of a tracer that is ready."""
    found = status(tracer.pid)
    for field, wanted in (("CapEff", names), ("CapPrm", names), ("CapInh", ()), ("CapAmb", ()),
                          ("CapBnd", names if bounding is None else bounding)):
        equal(field, found[field], set(wanted))
    equal("NoNewPrivs", found["NoNewPrivs"], "1")
    equal("Seccomp", found["Seccomp"], filtered())


def done(outcome):
    equal("exit status", outcome.status, EXIT_DONE)


def notice(outcome, *names):
    """One line names all that is missing."""
    lines = [line for line in outcome.stderr.splitlines() if "CAP_" in line]
    if len(lines) != 1 or set(re.findall(r"CAP_\w+", lines[0])) < set(names):
        raise Failure(f"not one line with {names}: {outcome.stderr!r}")


# ---- whose turn it is

def nice_of(*prefix):
    with Tracer("--packets", "none", prefix=prefix) as tracer:
        found = os.getpriority(os.PRIO_PROCESS, tracer.pid)
        done(tracer.stop())
    return found


@case("it comes before others on a busy machine, unless it may not or someone chose otherwise")
def priority():
    if "sys_nice" not in held():
        raise Skip("CAP_SYS_NICE is missing")
    os.setpriority(os.PRIO_PROCESS, 0, 0) # who runs the tests may have chosen another
    equal("nice value", nice_of(), -5)
    equal("chosen", nice_of("nice", "-n", "3"), 3)
    equal("without CAP_SYS_NICE", nice_of(*root_with(*LEAST)), 0)


# ---- little to begin with

@case("the least, as a user: closes of the own namespace, with their segments")
def least_as_user():
    with place() as here, Tracer(prefix=user_with(*LEAST)) as tracer:
        keeps(tracer, ("bpf", "net_admin"), bounding=held())
        traces(here, tracer)
        outcome = tracer.stop()
        done(outcome)
        notice(outcome, "CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")


@case("the least, as root without the others")
def least_as_root():
    with place() as here, Tracer(prefix=root_with(*LEAST)) as tracer:
        keeps(tracer, ("bpf", "net_admin"), bounding=LEAST)
        traces(here, tracer)
        done(tracer.stop())


@case("the least, with filters of tc: they go when it ends")
def least_with_clsact():
    with place() as here:
        with Tracer("--without", "tcx", prefix=root_with(*LEAST)) as tracer:
            traces(here, tracer)
            done(tracer.stop())
        equal("qdiscs", "clsact" in command("tc", "qdisc", "show", "dev", "lo"), False)


@case("without CAP_NET_ADMIN: states only, and it says so")
def without_net_admin():
    with place() as here, Tracer(prefix=user_with("bpf", "perfmon")) as tracer:
        keeps(tracer, ("bpf",), bounding=held())
        traces(here, tracer, segments=0)
        outcome = tracer.stop()
        done(outcome)
        notice(outcome, "CAP_NET_ADMIN")


@case("owners of sockets that are older: by the least; in /proc both capabilities, or nobody",
      SEVERAL)
def owners():
    walk = ("--without", "task-files")
    for names, known, options in ((LEAST, True, ()), (LEAST + OWNERS[:1], False, walk),
                                  (LEAST + OWNERS[1:], False, walk), (LEAST + OWNERS, True, walk),
                                  (LEAST + ("sys_ptrace", "dac_override"), True, walk)):
        with place() as here, pair(here) as (server, client), \
                Tracer("--netns", here.name, *options, prefix=user_with(*names)) as tracer:
            client.linger(0) # its RST ends the server's socket, which nobody closes
            client.close()
            found = [tracer.take(of(here), "teardown") for _ in range(2)]
            pids = {item["local"]["port"]: item.get("process", {}).get("pid") for item in found}
            equal(f"pid with {names}", pids[server.listening], server.pid if known else None)
            done(tracer.stop())


@case("what must be had: exit 3 names the capability", SEVERAL)
def refusals():
    for names, options, word in ((("bpf", "net_admin"), (), "CAP_PERFMON"),
                                 (("perfmon",), (), "CAP_BPF"),
                                 (("bpf", "perfmon"), ("--packets", "tc"), "CAP_NET_ADMIN"),
                                 (("bpf", "perfmon"), ("--packets", "xdp"), "CAP_NET_ADMIN"),
                                 ((), ("timewait",), "CAP_BPF")):
        with place():
            code, _, error = run(*options, prefix=user_with(*names))
        equal(f"exit status with {names} of {options}", code, EXIT_NOT_ATTACHED)
        if len(error.splitlines()) != 1 or word not in error:
            raise Failure(f"not one line with {word}: {error!r}")


# ---- what is kept

ALWAYS = {"bpf", "sys_ptrace", "dac_read_search"}


def as_promised(options, names):
    """The running program has these, and --explain said so."""
    code, out, _ = run(*options, "--explain")
    equal("exit status of --explain", code, EXIT_DONE)
    table = out.partition("ONCE ATTACHED")[2]
    equal(f"kept, by --explain {options}",
          {name.lower() for name in re.findall(r"^CAP_(\w+)", table, re.MULTILINE)}, set(names))
    with Tracer(*options) as tracer:
        keeps(tracer, names)
        done(tracer.stop())


@case("what root keeps once all is attached, and --explain tells it", SEVERAL)
def kept():
    own = ("--netns", str(os.getpid()))
    reader = {"sys_chroot", "checkpoint_restore"}
    with place():
        as_promised((), ALWAYS | {"net_admin", "sys_admin"})
        as_promised(own, ALWAYS | {"net_admin"})
        as_promised((*own, "--packets", "none"), ALWAYS)
        as_promised((*own, "--packets", "none", "--threshold", "1"), ALWAYS | reader)


@case("what the other commands keep", SEVERAL)
def kept_by_commands():
    own = ("--netns", str(os.getpid()))
    with place():
        as_promised(("timewait", *own), {"bpf"})
        as_promised(("timewait",), {"bpf", "sys_ptrace", "sys_admin"})
        as_promised(("leaks", *own), ALWAYS | {"sys_chroot", "checkpoint_restore"})


@case("in the folder of a user: kept for later files, and for nothing else", SEVERAL)
def folders():
    with place(), tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "closes.pcapng")
        base = ("--netns", str(os.getpid()), "--packets", "none", "-w", path)
        for owner, options, names in ((0, ("-C", "1"), ALWAYS), (65534, (), ALWAYS),
                                      (65534, ("-C", "1"), ALWAYS | {"dac_override"})):
            os.chown(folder, owner, owner)
            with Tracer(*base, *options) as tracer:
                keeps(tracer, names)
                done(tracer.stop())


@case("a replay keeps nothing, before it reads a byte")
def replay():
    process = subprocess.Popen([PROGRAM, "-r", "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + STATUS_DEADLINE
        while status(process.pid)["NoNewPrivs"] != "1" or \
                status(process.pid)["Seccomp"] != filtered():
            if time.monotonic() > end or select.select([process.stderr], [], [], 0.01)[0]:
                raise Failure("no filter of system calls while it waits for its input")
        found = status(process.pid)
        for field in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"):
            equal(field, found[field], set())
    finally:
        process.kill()
        process.communicate()


@case("the process that reads symbols keeps less, and no buffer of a BPF program")
def reader():
    with leaky.spaces("here") as (stack, here):
        server = leaky.start(stack, here, "forgetful")
        with Leaks("--netns", here.name, "--threshold", "0.2", "--interval", "0.25") as tracer:
            server.leak(1)
            tracer.take(lambda found: found["type"] == GROUP and
                        any("function" in frame for frame in found.get("stack", ())), "stack")
            with open(f"/proc/{tracer.pid}/task/{tracer.pid}/children", encoding="ascii") as file:
                child = int(file.read())
            found = status(child)
            for field in ("CapEff", "CapPrm"):
                equal(field, found[field], {"sys_ptrace", "dac_read_search", "checkpoint_restore"})
            equal("Seccomp", found["Seccomp"], filtered())
            with open(f"/proc/{child}/maps", encoding="utf-8") as file:
                equal("buffers of maps", [line for line in file if "bpf-map" in line], [])
            done(tracer.stop())


# ---- the service

@contextlib.contextmanager
def service():
    """The unit as it is installed."""
    folder = tempfile.mkdtemp()
    try:
        command("make", "-s", "-C", TOP, f"BUILD={folder}", f"{folder}/tcpclose-trace.service")
        yield os.path.join(folder, "tcpclose-trace.service")
    finally:
        shutil.rmtree(folder)


@case("with the service's capabilities the service's command records")
def service_records():
    with service() as path:
        keys = unit(path)
    names = [word[4:].lower() for word in keys["AmbientCapabilities"]]
    equal("bounding set", keys["CapabilityBoundingSet"], keys["AmbientCapabilities"])
    with place() as here, tempfile.TemporaryDirectory() as folder:
        os.chown(folder, 65534, 65534)
        options = [word.replace("${LOGS_DIRECTORY}", folder) for word in keys["ExecStart"][1:]]
        with Tracer(*options, prefix=user_with(*names)) as tracer:
            keeps(tracer, set(names) - {"perfmon"}, bounding=held())
            traces(here, tracer)
            done(tracer.stop())
        code, out, error = run("-r", os.path.join(folder, "closes.pcapng0"), "-o", "table")
        equal(f"exit status of the replay ({error})", code, EXIT_DONE)
        equal("closes in the recording", out.count("three-way"), 2)


@case("the service is as exposed as the manual says")
def service_exposure():
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is not installed")
    version = command("systemd-analyze", "--version").split()[1]
    if version != "252":
        raise Skip(f"systemd is {version}, and each version judges in its own way")
    with service() as path:
        judged = command("systemd-analyze", "security", "--offline=true", path)
    found = re.search(r"exposure level for .*: ([\d.]+)", judged)
    with open(os.path.join(TOP, "user/manual.8.in"), encoding="utf-8") as file:
        said = re.search(r"exposure level of ([\d.]+)", file.read())
    equal("exposure", found and found.group(1), said and said.group(1))


if __name__ == "__main__":
    sys.exit(tap.main())
