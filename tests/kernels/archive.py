# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Debian's packages without the system's apt: kernels, and what a program for another architecture
is linked with. Has lists of its own, so nothing of the system's is touched or used."""

import fnmatch
import os
import re
import subprocess
import tarfile
import tempfile
import threading
import time

import image

HERE = os.path.dirname(os.path.realpath(__file__))
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# In the order in which they must be loaded.
MODULES = ("inet_diag", "tcp_diag", "sch_ingress", "cls_bpf")
# A program's headers and libraries, what those are linked with, and the one program of a machine.
SYSROOT = ("libc6", "libc6-dev", "linux-libc-dev", "libgcc-12-dev", "libgcc-s1", "libbpf1",
           "libbpf-dev", "libelf1", "libelf-dev", "libdw1", "libdw-dev", "zlib1g", "zlib1g-dev",
           "libmnl0", "libmnl-dev", "libcap2", "libcap-dev", "libseccomp2", "libseccomp-dev",
           "liblzma5", "libbz2-1.0", "libzstd1", "busybox-static")
APT_DEADLINE = 120
_apt = threading.Lock()
_archives = {}


class Missing(Exception):
    """What was asked for cannot be had here; the argument says why."""


class Kernel:
    """A line of kernels.txt."""

    def __init__(self, name, suite, package, *parts):
        self.name = name
        self.suite = suite
        self.package = package
        self.architecture = package.rpartition("-")[2]
        self.parts = set(parts)


def kernels():
    with open(os.path.join(HERE, "kernels.txt"), encoding="utf-8") as lines:
        return [Kernel(*line.split()) for line in lines if line.strip() and line[0] != "#"]


def obtain_kernel(kernel, cache, until):
    """The folder of a kernel: vmlinux, modules/*.ko in the order of loading, package (its name)."""
    def make(work, new):
        archive = _archive(kernel.suite, kernel.architecture, cache)
        found = sorted(fnmatch.filter(archive.names("linux-"), kernel.package), key=_version)
        if not found:
            raise Missing(f"{kernel.suite} has no package {kernel.package}")
        modules = found[-1].replace("linux-binary-", "linux-modules-")
        wanted = {found[-1], modules} & set(archive.names("linux-"))
        archive.unpack(wanted, work, ["*/vmlinuz*", *(f"*/{name}.ko*" for name in MODULES)])
        _arrange(work, new)
        with open(os.path.join(new, "package"), "w", encoding="utf-8") as file:
            file.write(found[-1])
    return _obtain(kernel.name, cache, until, make)


def obtain_sysroot(architecture, cache, until):
    """A folder with the headers and libraries of that architecture, of this machine's release."""
    def make(_work, new):
        archive = _archive(_release(), architecture, cache)
        archive.unpack(SYSROOT, new, ["*"])
    return _obtain("sysroot-" + architecture, cache, until, make)


def _obtain(name, cache, until, make):
    """What is in the cache is taken as it is; to get a newer one, remove it."""
    folder = os.path.join(cache, name)
    if os.path.isdir(folder):
        return folder
    if time.monotonic() > until:
        raise Missing("the time for downloads is over")
    os.makedirs(cache, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="new-") as work, _apt:
        os.chmod(work, 0o755)
        new = os.path.join(work, "new")
        os.mkdir(new)
        try:
            make(work, new)
        except image.Unknown as reason:
            raise Missing(reason) from None
        os.rename(new, folder)
    return folder


def _run(*words, **settings):
    try:
        done = subprocess.run(words, capture_output=True, timeout=APT_DEADLINE, check=False,
                              stdin=subprocess.DEVNULL, **settings)
    except FileNotFoundError:
        raise Missing(f"{words[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise Missing(f"{' '.join(words[:2])} did not end within {APT_DEADLINE} s") from None
    if done.returncode:
        error = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise Missing(f"{' '.join(words[:2])}: {error[0]}")
    return done.stdout


def _mirror():
    """Where this machine has its Debian packages from."""
    known = _run("apt-get", "indextargets", "--format", "$(REPO_URI)").decode().split()
    mirrors = [uri for uri in known if uri.rstrip("/").endswith("/debian")]
    if not mirrors:
        raise Missing("apt of this machine knows no Debian archive")
    return mirrors[0]


def _release():
    with open("/etc/os-release", encoding="utf-8") as file:
        named = re.search(r'^VERSION_CODENAME="?(\w+)', file.read(), re.MULTILINE)
    if not named:
        raise Missing("/etc/os-release names no release")
    return named.group(1)


def _version(name):
    return [int(number) for number in re.findall(r"\d+", name)]


def _archive(suite, architecture, cache):
    """Its lists are fetched once in a run; what failed is not asked again."""
    if (suite, architecture) not in _archives:
        try:
            _archives[suite, architecture] = Archive(suite, architecture, cache)
        except Missing as reason:
            _archives[suite, architecture] = reason
    found = _archives[suite, architecture]
    if isinstance(found, Missing):
        raise found
    return found


class Archive:
    """One suite's packages for one architecture."""

    def __init__(self, suite, architecture, cache):
        folder = os.path.join(cache, "apt", f"{suite}-{architecture}")
        for part in ("lists/partial", "cache/archives/partial", "none"):
            os.makedirs(os.path.join(folder, part), exist_ok=True)
        sources = os.path.join(folder, "sources.list")
        with open(sources, "w", encoding="utf-8") as file:
            file.write(f"deb [arch={architecture} signed-by={KEYRING}] {_mirror()} {suite} main\n")
        settings = {"Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": f"{folder}/none",
                    "Dir::Etc::Preferences": "/dev/null",
                    "Dir::Etc::PreferencesParts": f"{folder}/none",
                    "Dir::State::Status": "/dev/null", "Dir::State::Lists": f"{folder}/lists",
                    "Dir::Cache": f"{folder}/cache", "Acquire::Languages": "none",
                    "APT::Update::Error-Mode": "any", "APT::Sandbox::User": "",
                    "APT::Architecture": architecture, "APT::Architectures": architecture}
        name = os.path.join(folder, "apt.conf")
        with open(name, "w", encoding="utf-8") as file:
            file.writelines(f'{key} "{value}";\n' for key, value in settings.items())
        self._environment = os.environ | {"APT_CONFIG": name, "LC_ALL": "C"}
        _run("apt-get", "update", "-qq", env=self._environment)

    def names(self, start):
        return _run("apt-cache", "pkgnames", start, env=self._environment).decode().split()

    def unpack(self, packages, folder, patterns):
        """Of those packages the files that match, into a folder."""
        with tempfile.TemporaryDirectory(dir=os.path.dirname(folder), prefix="new-") as work:
            os.chmod(work, 0o755)
            _run("apt-get", "download", "-qq", *packages, env=self._environment, cwd=work)
            for entry in os.listdir(work):
                _extract(os.path.join(work, entry), folder, patterns)


def _extract(package, folder, patterns):
    """Only what is wanted: the modules of a kernel are some hundred megabytes."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package],
                          stdout=subprocess.PIPE) as process, \
            tarfile.open(fileobj=process.stdout, mode="r|") as content:
        content.extractall(folder, (member for member in content if any(
            fnmatch.fnmatch(member.name, pattern) for pattern in patterns)))


def _arrange(root, new):
    os.makedirs(os.path.join(new, "modules"))
    images, modules = [], {}
    for folder, _, files in os.walk(root):
        for file in files:
            path, name = os.path.join(folder, file), file.partition(".")[0]
            if file.startswith("vmlinuz"):
                images.append(path)
            elif name in MODULES and ".ko" in file:
                modules[name] = path
    if not images:
        raise Missing("the package holds no vmlinuz")
    _convert(images[0], os.path.join(new, "vmlinux"), image.bootable)
    for order, name in enumerate(MODULES):
        if name in modules:
            _convert(modules[name], os.path.join(new, "modules", f"{order}-{name}.ko"),
                     image.decompress)


def _convert(source, target, change):
    with open(source, "rb") as read, open(target, "wb") as written:
        written.write(change(read.read()))
