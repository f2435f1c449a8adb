# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Network namespaces, and links between them, that always go away again."""

import contextlib
import ctypes
import os
import re
import shutil
import subprocess

from .tap import Skip

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_made = 0


def require(program):
    if shutil.which(program) is None:
        raise Skip(f"{program} is not installed")


def command(*words, given=None):
    """Runs a program to its end; what it printed is the answer, a failure an exception."""
    require(words[0])
    done = subprocess.run(words, input=given, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _set_namespace(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "setns")


class Namespace:
    """`with namespace:` puts this thread, and the processes it starts meanwhile, inside."""

    def __init__(self, label):
        global _made
        _made += 1
        self.name = f"tcpclose-{os.getpid()}-{_made}-{label}"
        command("ip", "netns", "add", self.name)
        self._descriptor = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        self.inode = os.fstat(self._descriptor).st_ino
        self._outside = []
        # No router solicitations, no duplicate address detection: nobody else speaks in here.
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.sysctl("net.ipv6.conf.default.addr_gen_mode", 1)
        self.ip("link", "set", "lo", "up")

    def __enter__(self):
        self._outside.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        _set_namespace(self._descriptor)
        return self

    def __exit__(self, *_):
        outside = self._outside.pop()
        _set_namespace(outside)
        os.close(outside)

    def ip(self, *words):
        return command("ip", "-n", self.name, *words)

    def nft(self, rules):
        with self:
            return command("nft", "-f", "-", given=rules)

    def sysctl(self, name, value):
        with self, open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as file:
            file.write(str(value))

    def counter(self, name):
        """A counter of this namespace's TCP, as in nstat: TcpOutRsts, TcpExtTCPAbortOnData."""
        with self:
            text = ""
            for path in ("/proc/net/snmp", "/proc/net/netstat"):
                with open(path, encoding="ascii") as file:
                    text += file.read()
        lines = text.splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            table, *names = names.split()
            for field, value in zip(names, values.split()[1:]):
                if table[:-1] + field == name:
                    return int(value)
        raise KeyError(name)

    def time_waits(self):
        """How many wait by the kernel's own count, orphans in FIN_WAIT2 included."""
        with self, open("/proc/thread-self/net/sockstat", encoding="ascii") as file:
            return int(re.search(r"^TCP: .* tw (\d+)", file.read(), re.MULTILINE).group(1))

    def remove(self):
        os.close(self._descriptor)
        command("ip", "netns", "del", self.name)


@contextlib.contextmanager
def namespaces(*labels):
    with contextlib.ExitStack() as stack:
        made = []
        for label in labels:
            made.append(Namespace(label))
            stack.callback(made[-1].remove)
        yield made


def remove_left():
    """What a signal left of those that this process was about to make or to remove."""
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else ():
        if name.startswith(f"tcpclose-{os.getpid()}-"):
            command("ip", "netns", "del", name)


def connect_by_veth(left, right, number=1):
    """A veth pair: `left` gets 10.77.number.1 and fd77:number::1, `right` .2 and ::2."""
    ends = (f"veth{number}l", f"veth{number}r")
    command("ip", "link", "add", ends[0], "netns", left.name, "type", "veth",
            "peer", "name", ends[1], "netns", right.name)
    for host, (namespace, end) in enumerate(zip((left, right), ends), 1):
        namespace.ip("address", "add", f"10.77.{number}.{host}/24", "dev", end)
        namespace.ip("address", "add", f"fd77:{number}::{host}/64", "dev", end, "nodad")
        namespace.ip("link", "set", end, "up")
    return ends
