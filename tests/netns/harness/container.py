# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Surroundings as a container engine makes them with --pid=host --net=host: a small root with the
program and its libraries, and mount, UTS, IPC and cgroup namespaces of its own."""

import os
import re
import shutil
import subprocess
import tempfile

from .privileges import root_with
from .tracer import PROGRAM

# What Docker gives without being asked.
DEFAULT = ("chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
           "net_bind_service", "net_raw", "sys_chroot", "mknod", "audit_write", "setfcap")
ENTER = r"""
set -e
root=$1 shared=$2 writable=$3
shift 3
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --bind /dev/null "$root/dev/null"
mount --bind "$shared" "$root$shared"
if [ "$writable" = no ]; then
    mount --bind -o ro "$root/proc/sys" "$root/proc/sys"
    mount -o remount,bind,ro "$root/sys"
    mount -o remount,bind,ro "$root/sys/fs/cgroup"
fi
hostname tcpclose-container
exec "$@"
"""


class Container:
    """`words` start a program in it: those of a Tracer's prefix. `added`: capabilities besides
    DEFAULT; None: privileged."""

    def __init__(self, added=None):
        self._root = tempfile.mkdtemp(prefix="tcpclose-container-")
        for name in ("proc", "sys", "dev", tempfile.gettempdir().lstrip("/")):
            os.makedirs(os.path.join(self._root, name), exist_ok=True)
        for path in (PROGRAM, *libraries(PROGRAM)):
            os.makedirs(self._root + os.path.dirname(path), exist_ok=True)
            shutil.copy(path, self._root + path)
        open(f"{self._root}/dev/null", "wb").close()
        self.words = ("unshare", "--mount", "--uts", "--ipc", "--cgroup", "sh", "-c", ENTER,
                      "container", self._root, tempfile.gettempdir(),
                      "yes" if added is None else "no",
                      *(root_with(*DEFAULT, *added) if added is not None else ()),
                      "chroot", self._root)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self._root) # its mounts went with the processes in it


def libraries(program):
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", listed)
