# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""A machine of QEMU without KVM: an initramfs with the program, no disk, no network."""

import os
import re
import shutil
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
# So long a machine may say nothing: the timer of a TIME_WAIT takes a minute.
SILENCE = 300
LOOK_EVERY = 5
PARTS = ("refused", "modes", "waits", "leaks", "faults", "soak")
# What a kernel says when something of it broke. A machine is slow, so stalls are not among it.
SPLAT = re.compile(r"BUG:|WARNING:|Oops|Call Trace|[Gg]eneral protection|UBSAN|Kernel panic|"
                   r"INFO: task|double fault|refcount_t")
# Without them the start takes three times as long; and the serial line's interrupt is one that
# nobody cares for, now and then.
ARGUMENTS = ("quiet panic=-1 oops=panic mitigations=off nokaslr cryptomgr.notests "
             "random.trust_cpu=on rcupdate.rcu_expedited=1 noirqdebug")
FOLDERS = ("bin", "dev", "lib", "proc", "run", "sys", "modules")


class Architecture:
    """What differs between machines. Of the two serial lines the first is the kernel's, the second,
    `told`, that of `init`."""

    def __init__(self, triplet, qemu, words, arguments, told):
        self.triplet = triplet # names the folders of its libraries
        self.qemu = qemu
        self.words = words.split()
        self.arguments = f"{ARGUMENTS} {arguments} told={told}"

    def check(self):
        if not shutil.which(self.qemu):
            raise Unable(f"{self.qemu} is not installed")


# cmpxchg16b: after it QEMU 7.2 gives an interrupt wrong flags, of which every second 6.12 dies.
ARCHITECTURES = {
    "amd64": Architecture("x86_64-linux-gnu", "qemu-system-x86_64",
                          "-cpu max,-cx16 -serial chardev:told",
                          "console=ttyS0 tsc=reliable no_timer_check", "ttyS1"),
    "arm64": Architecture("aarch64-linux-gnu", "qemu-system-aarch64",
                          "-M virt -cpu cortex-a72 -device pci-serial,chardev=told",
                          "console=ttyAMA0", "ttyS0")}


class Unable(Exception):
    """No machine can be started here; the argument says why."""


class Transcript:
    """What a machine said: its release, the lines of each part, and on the console what came before
    it died."""

    def __init__(self, told, console, hung):
        self.hung = hung
        head, *parts = told.replace("\r", "").split("\n== ")
        self.release = head.rpartition("\n")[2]
        self.ended = bool(parts) and parts[-1].strip() == "end"
        self.console = console.replace("\r", "").splitlines()
        self.parts = {} # "mode --without tcx" to the lines of it
        for part in parts:
            title, *lines = part.splitlines()
            self.parts[title.strip()] = lines

    def part(self, title):
        """The lines of a part, None if the machine did not come as far."""
        return self.parts.get(title.strip())

    def splats(self):
        return [line for line in self.parts.get("log", ()) if SPLAT.search(line)]


class Programs:
    """What runs in a machine: files of a build, linked with libraries below `root`."""

    def __init__(self, paths, architecture, root):
        self.paths = paths
        self._triplet = architecture.triplet
        self.busybox = os.path.join(root, "bin/busybox")
        self._root = root

    def copy(self, target):
        """The programs into bin, their loader to where they ask for it, libraries into lib."""
        shutil.copy(self.busybox, os.path.join(target, "bin"))
        waiting, seen = list(self.paths), set()
        for path in self.paths:
            shutil.copy(path, os.path.join(target, "bin"))
            loader = re.search(r"program interpreter: /(\S+)\]", _read_elf("-l", path)).group(1)
            os.makedirs(os.path.dirname(os.path.join(target, loader)), exist_ok=True)
            shutil.copy(os.path.join(self._root, loader), os.path.join(target, loader))
        while waiting:
            for name in re.findall(r"\(NEEDED\).*\[(\S+)\]", _read_elf("-d", waiting.pop())):
                if name not in seen:
                    seen.add(name)
                    waiting.append(self._find(name))
                    shutil.copy(waiting[-1], os.path.join(target, "lib"))

    def _find(self, name):
        for folder in "lib", "usr/lib":
            path = os.path.join(self._root, folder, self._triplet, name)
            if os.path.exists(path):
                return path
        raise Unable(f"there is no {name} below {self._root}")


def _read_elf(what, path):
    return subprocess.run(["readelf", what, path], capture_output=True, text=True, check=True,
                          env=os.environ | {"LC_ALL": "C"}).stdout


def _fill(root, kernel, programs, files):
    for name in FOLDERS:
        os.makedirs(os.path.join(root, name))
    shutil.copy(os.path.join(HERE, "init"), root)
    programs.copy(root)
    shutil.copytree(os.path.join(kernel, "modules"), os.path.join(root, "modules"),
                    dirs_exist_ok=True)
    for name in PARTS:
        with open(os.path.join(root, name), "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in files.get(name, ()))


def _pack(root, archive):
    names = [os.path.relpath(os.path.join(at, name), root)
             for at, folders, files in os.walk(root) for name in folders + files]
    with open(archive, "wb") as file:
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], cwd=root, stdout=file, check=True,
                       input="\n".join(names).encode(), stderr=subprocess.DEVNULL)


class Machines:
    """Those that run, so that all can be stopped."""

    def __init__(self):
        self._running = set()
        self._stopped = False

    def run(self, architecture, kernel, programs, memory=512, **parts):
        """Starts the kernel of a folder with so many MB, runs in it what `init` makes of the parts
        (lists of lines); the transcript. A machine that died (not one that hangs) is started once
        more: QEMU without KVM now and then breaks a guest of two CPUs, most often as it starts."""
        with tempfile.TemporaryDirectory(prefix="tcpclose-machine-") as work:
            root, archive = os.path.join(work, "root"), os.path.join(work, "initramfs")
            _fill(root, kernel, programs, parts)
            _pack(root, archive)
            for _ in range(2):
                transcript = self._start(architecture, kernel, archive, memory, work)
                if transcript.ended or transcript.hung or self._stopped:
                    break
            return transcript

    def stop(self):
        self._stopped = True
        for process in list(self._running):
            process.kill()

    def _start(self, architecture, kernel, archive, memory, work):
        console, told = (os.path.join(work, name) for name in ("console", "told"))
        words = [architecture.qemu, "-accel", "tcg,thread=single", "-smp", "2",
                 "-m", str(memory), "-nodefaults", "-no-user-config", "-no-reboot",
                 "-display", "none", "-kernel", os.path.join(kernel, "vmlinux"), "-initrd", archive,
                 "-append", architecture.arguments, "-serial", "file:" + console,
                 "-chardev", "file,id=told,path=" + told, *architecture.words]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        self._running.add(process)
        hung, error = _await(process, (console, told))
        self._running.remove(process)
        return Transcript(_read(told), _read(console) + error.decode("utf-8", "replace"), hung)


def _await(process, outputs):
    """Whether it had to be stopped since it told nothing more, however slow it is; its errors."""
    sizes, since = None, time.monotonic()
    while True:
        try:
            return False, process.communicate(timeout=LOOK_EVERY)[1]
        except subprocess.TimeoutExpired:
            now = [os.path.exists(path) and os.path.getsize(path) for path in outputs]
        if now != sizes:
            sizes, since = now, time.monotonic()
        elif time.monotonic() > since + SILENCE:
            process.kill()
            return True, process.communicate()[1]


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read()
    except FileNotFoundError: # QEMU did not come as far
        return ""
