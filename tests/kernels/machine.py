# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A machine of QEMU without KVM: an initramfs with the program, no disk, no network."""

import os
import re
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
QEMU = "qemu-system-x86_64"
BUSYBOX = "/bin/busybox"
DEADLINE = 150
# What a kernel says when something of it broke. A machine is slow, so stalls are not among it.
SPLAT = re.compile(r"BUG:|WARNING:|Oops|Call Trace|[Gg]eneral protection|UBSAN|Kernel panic|"
                   r"INFO: task|double fault|refcount_t")
# Without them the start takes three times as long.
ARGUMENTS = ("console=ttyS0 quiet panic=-1 oops=panic mitigations=off tsc=reliable no_timer_check "
             "nokaslr cryptomgr.notests random.trust_cpu=on rcupdate.rcu_expedited=1")
FOLDERS = ("bin", "dev", "proc", "run", "sys", "modules")


class Unable(Exception):
    """No machine can be started here; the argument says why."""


class Transcript:
    """What a machine said: by mode the lines, the kernel's release, its splats."""

    def __init__(self, text, console):
        parts = text.replace("\r", "").split("\n== ")
        self.ended = parts[-1].strip() == "end"
        self.head = parts[0].splitlines()
        self.release = self.head[-1] if self.head else "?"
        self.modes = {}
        self.log = []
        self.console = console
        for part in parts[1:]:
            title, *lines = part.splitlines() or [""]
            if title.startswith("mode"):
                self.modes[title.partition(" ")[2].strip()] = lines
            elif title == "log":
                self.log = lines

    def splats(self):
        return [line for line in self.log + self.console.splitlines() if SPLAT.search(line)]


def check():
    """Raises Unable where no machine can be started."""
    if os.uname().machine != "x86_64":
        raise Unable("the kernels are for x86-64")
    if not shutil.which(QEMU):
        raise Unable(f"{QEMU} is not installed")
    if not os.path.exists(BUSYBOX):
        raise Unable("busybox (statically linked) is not installed")


def libraries(program):
    """The shared libraries of a program, the loader included, as ldd names them."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", listed)


def _fill(folder, modules, programs, modes):
    for name in FOLDERS:
        os.makedirs(os.path.join(folder, name))
    shutil.copy(BUSYBOX, os.path.join(folder, "bin/busybox"))
    shutil.copy(os.path.join(HERE, "init"), folder)
    for program in programs:
        shutil.copy(program, os.path.join(folder, "bin"))
        for library in libraries(program):
            target = folder + library
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(library, target)
    for name in os.listdir(modules):
        shutil.copy(os.path.join(modules, name), os.path.join(folder, "modules"))
    with open(os.path.join(folder, "modes"), "w", encoding="utf-8") as file:
        file.writelines(mode + "\n" for mode in modes)


def _pack(folder, archive):
    names = [os.path.relpath(os.path.join(at, name), folder)
             for at, folders, files in os.walk(folder) for name in folders + files]
    with open(archive, "wb") as file:
        subprocess.run([BUSYBOX, "cpio", "-o", "-H", "newc"], cwd=folder, stdout=file, check=True,
                       input="\n".join(names).encode(), stderr=subprocess.DEVNULL)


def _start(kernel, archive, work):
    """One run; the text of both serial lines."""
    lines = [os.path.join(work, name) for name in ("console", "told")]
    words = [QEMU, "-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2", "-m", "512",
             "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
             "-kernel", os.path.join(kernel, "vmlinux"), "-initrd", archive, "-append", ARGUMENTS]
    for line in lines:
        words += ["-serial", "file:" + line]
    error = ""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=DEADLINE, check=False)
        error = done.stderr.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        error = f"did not end within {DEADLINE} s\n"
    texts = []
    for line in lines:
        with open(line, "r", encoding="utf-8", errors="replace", newline="") as file:
            texts.append(file.read())
    return Transcript(texts[1], texts[0] + error)


def run(kernel, programs, modes):
    """Starts the kernel of a folder and runs the modes in it. A machine that died is started once
    more: with two CPUs QEMU itself breaks a guest now and then."""
    with tempfile.TemporaryDirectory(prefix="tcpclose-machine-") as work:
        folder, archive = os.path.join(work, "root"), os.path.join(work, "initramfs")
        _fill(folder, os.path.join(kernel, "modules"), programs, modes)
        _pack(folder, archive)
        transcript = _start(kernel, archive, work)
        return transcript if transcript.ended else _start(kernel, archive, work)
