# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A machine of QEMU without KVM: an initramfs with the program, no disk, no network."""

import os
import re
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
QEMU = "qemu-system-x86_64"
# cmpxchg16b: after it QEMU 7.2 gives an interrupt wrong flags, of which every second 6.12 dies.
CPU = "max,-cx16"
BUSYBOX = "/bin/busybox"
DEADLINE = 300
# What a kernel says when something of it broke. A machine is slow, so stalls are not among it.
SPLAT = re.compile(r"BUG:|WARNING:|Oops|Call Trace|[Gg]eneral protection|UBSAN|Kernel panic|"
                   r"INFO: task|double fault|refcount_t")
# Without them the start takes three times as long.
ARGUMENTS = ("console=ttyS0 quiet panic=-1 oops=panic mitigations=off tsc=reliable no_timer_check "
             "nokaslr cryptomgr.notests random.trust_cpu=on rcupdate.rcu_expedited=1")
FOLDERS = ("bin", "dev", "proc", "run", "sys", "modules")


class Unable(Exception):
    """No machine can be started here; the argument says why."""


def check():
    """Raises Unable where no machine can be started."""
    if os.uname().machine != "x86_64":
        raise Unable("the kernels are for x86-64")
    if not shutil.which(QEMU):
        raise Unable(f"{QEMU} is not installed")
    if not os.path.exists(BUSYBOX):
        raise Unable("busybox-static is not installed")


class Transcript:
    """What a machine said: its release, of each mode the lines, those of the waits, its log, and on
    the console what came before it died."""

    def __init__(self, told, console, hung):
        self.hung = hung
        head, *parts = told.replace("\r", "").split("\n== ")
        self.release = head.rpartition("\n")[2]
        self.ended = bool(parts) and parts[-1].strip() == "end"
        self.console = console.replace("\r", "").splitlines()
        self.modes = {}
        self.waits = None
        self.leaks = {}
        self.log = []
        for part in parts:
            title, *lines = part.splitlines()
            what, _, options = title.partition(" ")
            if what == "mode":
                self.modes[options] = lines
            elif what == "waits":
                self.waits = lines
            elif what == "leaks":
                self.leaks[options] = lines
            elif what == "log":
                self.log = lines

    def splats(self):
        return [line for line in self.log if SPLAT.search(line)]


def _libraries(program):
    """The shared libraries of a program, the loader included, as ldd names them."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", listed)


def _fill(root, kernel, programs, files):
    for name in FOLDERS:
        os.makedirs(os.path.join(root, name))
    shutil.copy(BUSYBOX, os.path.join(root, "bin/busybox"))
    shutil.copy(os.path.join(HERE, "init"), root)
    for program in programs:
        shutil.copy(program, os.path.join(root, "bin"))
        for library in _libraries(program):
            os.makedirs(os.path.dirname(root + library), exist_ok=True)
            shutil.copy(library, root + library)
    shutil.copytree(os.path.join(kernel, "modules"), os.path.join(root, "modules"),
                    dirs_exist_ok=True)
    for name, lines in files.items():
        with open(os.path.join(root, name), "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)


def _pack(root, archive):
    names = [os.path.relpath(os.path.join(at, name), root)
             for at, folders, files in os.walk(root) for name in folders + files]
    with open(archive, "wb") as file:
        subprocess.run([BUSYBOX, "cpio", "-o", "-H", "newc"], cwd=root, stdout=file, check=True,
                       input="\n".join(names).encode(), stderr=subprocess.DEVNULL)


class Machines:
    """Those that run, so that all can be stopped."""

    def __init__(self):
        self._running = set()
        self._stopped = False

    def run(self, kernel, programs, **options):
        """Starts the kernel of a folder, runs in it what `init` makes of options (lists of lines):
        the tracers of `modes` one after the other, those of `waits` side by side, those of `leaks`
        one after the other; the transcript. A machine that
        died (not one that hangs) is started once more: QEMU without KVM now and then breaks a
        guest of two CPUs, most often as it starts."""
        with tempfile.TemporaryDirectory(prefix="tcpclose-machine-") as work:
            root, archive = os.path.join(work, "root"), os.path.join(work, "initramfs")
            _fill(root, kernel, programs, options)
            _pack(root, archive)
            transcript = self._start(kernel, archive, work)
            if not transcript.ended and not transcript.hung and not self._stopped:
                transcript = self._start(kernel, archive, work)
            return transcript

    def stop(self):
        self._stopped = True
        for process in list(self._running):
            process.kill()

    def _start(self, kernel, archive, work):
        console, told = (os.path.join(work, name) for name in ("console", "told"))
        words = [QEMU, "-accel", "tcg,thread=single", "-cpu", CPU, "-smp", "2", "-m", "512",
                 "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                 "-kernel", os.path.join(kernel, "vmlinux"), "-initrd", archive,
                 "-append", ARGUMENTS, "-serial", "file:" + console, "-serial", "file:" + told]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        self._running.add(process)
        hung = False
        try:
            error = process.communicate(timeout=DEADLINE)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            hung, error = True, process.communicate()[1]
        self._running.remove(process)
        return Transcript(_read(told), _read(console) + error.decode("utf-8", "replace"), hung)


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read()
    except FileNotFoundError: # QEMU did not come as far
        return ""
