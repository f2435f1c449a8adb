# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Debian's kernels: from a line of kernels.txt to a folder with an ELF vmlinux and the modules that
the tool can use. Has its own apt lists, so nothing of the system's is touched or used."""

import fnmatch
import lzma
import os
import re
import shutil
import subprocess
import tempfile
import threading

HERE = os.path.dirname(os.path.realpath(__file__))
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# In the order in which they must be loaded.
MODULES = ("inet_diag", "tcp_diag", "sch_ingress", "cls_bpf")
TOOLS = {"lz4": b"\x02\x21\x4c\x18", "zstd": b"\x28\xb5\x2f\xfd"}
XZ = b"\xfd7zXZ\0"
APT_DEADLINE = 120
_apt = threading.Lock()


class Missing(Exception):
    """The kernel cannot be had here; the argument says why."""


class Kernel:
    """A line of kernels.txt."""

    def __init__(self, name, suite, package):
        self.name = name.rstrip("*")
        self.default = name.endswith("*")
        self.suite = suite
        self.package = package


def kernels():
    with open(os.path.join(HERE, "kernels.txt"), encoding="utf-8") as lines:
        return [Kernel(*line.split()) for line in lines if line.strip() and line[0] != "#"]


def obtain(kernel, cache):
    """The folder of a kernel: vmlinux, modules/*.ko in the order of loading, package (its name).
    What is in the cache is taken as it is; to get a newer one, remove it."""
    folder = os.path.join(cache, kernel.name)
    if os.path.isdir(folder):
        return folder
    os.makedirs(cache, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="new-") as work, _apt:
        os.chmod(work, 0o755)
        package = _unpack(kernel, cache, work)
        new = os.path.join(work, "kernel")
        _arrange(os.path.join(work, "root"), new)
        with open(os.path.join(new, "package"), "w", encoding="utf-8") as file:
            file.write(package)
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
        raise Missing(f"{' '.join(words[:2])}: {error[-1]}")
    return done.stdout


def _mirror():
    """Where this machine has its Debian packages from."""
    known = _run("apt-get", "indextargets", "--format", "$(REPO_URI)").decode().split()
    mirrors = [uri for uri in known if uri.rstrip("/").endswith("/debian")]
    if not mirrors:
        raise Missing("apt of this machine knows no Debian archive")
    return mirrors[0]


def _apt_settings(suite, cache):
    """Writes a configuration of apt that knows this suite only; gives the environment for it."""
    folder = os.path.join(cache, "apt", suite)
    for part in ("lists/partial", "cache/archives/partial", "none"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    sources = os.path.join(folder, "sources.list")
    with open(sources, "w", encoding="utf-8") as file:
        file.write(f"deb [arch=amd64 signed-by={KEYRING}] {_mirror()} {suite} main\n")
    settings = {"Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": f"{folder}/none",
                "Dir::Etc::Preferences": "/dev/null",
                "Dir::Etc::PreferencesParts": f"{folder}/none",
                "Dir::State::Status": "/dev/null", "Dir::State::Lists": f"{folder}/lists",
                "Dir::Cache": f"{folder}/cache", "Acquire::Languages": "none",
                "APT::Update::Error-Mode": "any", "APT::Sandbox::User": ""}
    name = os.path.join(folder, "apt.conf")
    with open(name, "w", encoding="utf-8") as file:
        file.writelines(f'{key} "{value}";\n' for key, value in settings.items())
    return os.environ | {"APT_CONFIG": name, "LC_ALL": "C"}


def _version(name):
    return [int(number) for number in re.findall(r"\d+", name)]


def _unpack(kernel, cache, work):
    """Unpacks the newest package that matches, and its modules where they are a package of their
    own. Gives the package's name."""
    environment = _apt_settings(kernel.suite, cache)
    _run("apt-get", "update", "-qq", env=environment)
    names = _run("apt-cache", "pkgnames", "linux-", env=environment).decode().split()
    found = sorted(fnmatch.filter(names, kernel.package), key=_version)
    if not found:
        raise Missing(f"{kernel.suite} has no package {kernel.package}")
    modules = found[-1].replace("linux-binary-", "linux-modules-")
    wanted = {found[-1], modules} & set(names)
    _run("apt-get", "download", "-qq", *wanted, env=environment, cwd=work)
    for entry in os.listdir(work):
        _run("dpkg-deb", "-x", os.path.join(work, entry), os.path.join(work, "root"))
    return found[-1]


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
    _write(os.path.join(new, "vmlinux"), _vmlinux(images[0]))
    for order, name in enumerate(MODULES):
        if name in modules:
            path = os.path.join(new, "modules", f"{order}-{name}.ko")
            with open(modules[name], "rb") as file:
                _write(path, _decompress(file.read()))
    shutil.rmtree(root)


def _write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def _vmlinux(image):
    """The ELF file within a bzImage (Documentation/arch/x86/boot.rst: setup_sects, payload): QEMU
    starts it without the seconds that the kernel takes to unpack itself."""
    with open(image, "rb") as file:
        content = file.read()
    start = (content[0x1f1] + 1) * 512 + int.from_bytes(content[0x248:0x24c], "little")
    length = int.from_bytes(content[0x24c:0x250], "little")
    return _decompress(content[start:start + length])


def _decompress(content):
    if content.startswith(XZ):
        return lzma.LZMADecompressor().decompress(content)
    for tool, magic in TOOLS.items():
        if content.startswith(magic):
            return _tool(tool, content)
    if content.startswith(b"\x7fELF"):
        return content
    raise Missing(f"a file of the package starts with {content[:6].hex()}: unknown compression")


def _tool(tool, content):
    """The kernel's payload is followed by its length, at which the tools complain."""
    try:
        done = subprocess.run([tool, "-dc"], input=content[:-4], capture_output=True, check=False)
    except FileNotFoundError:
        raise Missing(f"{tool} is not installed") from None
    if not done.stdout.startswith(b"\x7fELF"):
        raise Missing(f"{tool} cannot unpack the kernel: {done.stderr.decode(errors='replace')}")
    return done.stdout
