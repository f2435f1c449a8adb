# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Capabilities: processes that start with some of them, and what a process has."""

import os
import re

from .tracer import PROGRAM

NUMBERS = {"dac_override": 1, "dac_read_search": 2, "setpcap": 8, "net_broadcast": 11,
           "net_admin": 12, "sys_chroot": 18, "sys_ptrace": 19, "sys_admin": 21, "sys_nice": 23,
           "syslog": 34, "perfmon": 38, "bpf": 39, "checkpoint_restore": 40}
NAMES = {number: name for name, number in NUMBERS.items()}
LEAST = ("bpf", "perfmon", "net_admin")
OWNERS = ("sys_ptrace", "dac_read_search")


def _words(names):
    return ",".join(["-all", *(f"+{name}" for name in names)])


def user_with(*names):
    """Words that start a program as a user who is nobody, with these alone."""
    return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            f"--inh-caps={_words(names)}", f"--ambient-caps={_words(names)}")


def root_with(*names):
    return ("setpriv", "--inh-caps=-all", f"--bounding-set={_words(names)}")


def status(pid):
    """/proc/PID/status; sets of capabilities as sets of names, those without one as numbers."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        bits = int(fields[name], 16)
        fields[name] = {NAMES.get(i, i) for i in range(64) if bits >> i & 1}
    return fields


def unit(path):
    """What a unit of systemd gives to its service: key to the words of its lines, in order."""
    keys = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if match := re.match(r"([A-Za-z]+)=(.*)", line):
                keys.setdefault(match.group(1), []).extend(match.group(2).split())
    return keys


def filtered():
    """What /proc says of a filter of system calls: a build with sanitizers has none, and some
    kernels."""
    with open(PROGRAM, "rb") as file:
        sanitized = b"__asan_init" in file.read()
    return "0" if sanitized or not os.path.isdir("/proc/sys/kernel/seccomp") else "2"


def held():
    return status(os.getpid())["CapEff"]
