#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The shape of the tree: formatting, which room includes which, what stands at the top."""

import ast
import fnmatch
import os
import re
import shutil
import subprocess
import sys

import checks

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../bench"))
import table

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SOURCES = ("bpf", "user", "vmlinux", "tests")
TOP_LEVEL = {"Makefile", "README.md", "LICENSE", "bpf", "user", "vmlinux", "tests"}
CLANG_FORMAT_MAJOR = "14"
COLUMNS = 100

# README's "How it works": room, what of ours it may include. The first room that fits a file is
# its room.
SHARED = ["bpf/record.h", "bpf/settings.h", "bpf/filter.h", "bpf/population.h",
          "bpf/origin.h", "bpf/task_file.h"]
BPF = [*SHARED, "bpf/stage.h", "bpf/*.bpf.h", "vmlinux/vmlinux.h"]
ROOMS = [
    ("bpf/record.h", []),
    ("bpf/settings.h", ["bpf/record.h"]),
    ("bpf/stage.h", ["bpf/record.h"]),
    ("bpf/population.h", ["bpf/record.h"]),
    ("bpf/origin.h", ["bpf/record.h"]),
    ("bpf/task_file.h", ["bpf/record.h"]),
    ("bpf/filter.h", ["bpf/record.h", "bpf/settings.h"]),
    ("bpf/socket/held.h", ["bpf/record.h"]),
    ("bpf/packet/parse.h", ["bpf/record.h", "vmlinux/vmlinux.h"]),
    ("bpf/packet", [*BPF, "bpf/packet"]),
    ("bpf/socket", [*BPF, "bpf/socket"]),
    ("bpf/population", [*BPF, "bpf/population", "bpf/population.h"]),
    ("bpf/close_wait", [*BPF, "bpf/close_wait"]),
    ("bpf/task_files", BPF),
    ("bpf", BPF),
    ("vmlinux", []),
    ("user/base", ["user/base"]),
    ("user/host", ["user/base", "user/host"]),
    ("user/core", ["user/base", "user/core", "bpf/record.h", "bpf/population.h",
                   "bpf/origin.h"]),
    ("user/kernel", ["user/base", "user/host", "user/kernel", "bpf/record.h", "bpf/settings.h",
                     "bpf/stage.h", "bpf/population.h", "bpf/origin.h",
                     "bpf/packet/fin_acks.h", "bpf/socket/held.h", "*.skel.h"]),
    ("user/owner", ["user/base", "user/host", "user/owner", "bpf/task_file.h"]),
    ("user/symbols", ["user/base", "user/host", "user/symbols"]),
    ("user/capture", ["user/base", "user/host", "user/capture", "bpf/record.h",
                      "bpf/packet/parse.h"]),
    ("user/output", ["user/base", "user/host", "user/output", "user/core/report.h",
                     "user/core/classifier.h", "user/core/tcp_state.h",
                     "user/core/time_wait_summary.h", "user/core/close_wait.h",
                     "user/core/clock_offset.h", "user/core/joined.h"]),
    ("user", ["user", "user/base", "user/host", "user/core", "user/kernel", "user/owner",
              "user/symbols", "user/capture", "user/output", *SHARED]),
]
# No file descriptor, no clock, no stdio.
PURE = {"assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h",
        "stddef.h", "stdint.h", "stdlib.h", "string.h"}
PRINTS = re.compile(r"\b(printf|puts|putchar|perror|vprintf|fprintf|fputs)\s*\(")
LIBRARY_ROOMS = ("base", "core", "kernel", "owner", "symbols", "capture", "output")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)


def files(*endings):
    """Paths from the top of the tree."""
    for folder in SOURCES:
        for parent, _, names in os.walk(os.path.join(TOP, folder)):
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(parent, name), TOP)


def text_of(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def python_files():
    """Also those without an ending: they say so in their first line."""
    for path in files(""):
        full = os.path.join(TOP, path)
        with open(full, "rb") as file:
            if path.endswith(".py") or file.readline().startswith(b"#!/usr/bin/python3"):
                yield path


def formatted():
    tool = shutil.which("clang-format-" + CLANG_FORMAT_MAJOR) or shutil.which("clang-format")
    if not tool:
        return "SKIP clang-format is not installed"
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    if f"version {CLANG_FORMAT_MAJOR}." not in version:
        return f"SKIP needs clang-format {CLANG_FORMAT_MAJOR}, found: {version.strip()}"
    done = subprocess.run([tool, "--style=file", "--dry-run", "-Werror", *files(".c", ".h")],
                          cwd=TOP, capture_output=True, text=True, check=False)
    return [line for line in done.stderr.splitlines() if "error:" in line]


def belongs(path, room):
    """A room is a file, a pattern for files of one folder, or a folder without those below it."""
    if "*" in room:
        return os.path.dirname(path) == os.path.dirname(room) and fnmatch.fnmatch(path, room)
    return room in (path, os.path.dirname(path))


def resolve(path, name):
    """The file that an include means: a neighbour, or one below -Ibpf, -Iuser or -Ivmlinux."""
    for folder in (os.path.dirname(path), "bpf", "user", "vmlinux"):
        if os.path.exists(os.path.join(TOP, folder, name)):
            return os.path.normpath(os.path.join(folder, name))
    return name


def rooms():
    wrong = []
    for path in files(".c", ".h"):
        if path.startswith("tests/"):
            continue # they may look into every room
        allowed = next(allowed for room, allowed in ROOMS if belongs(path, room))
        for kind, name in INCLUDE.findall(text_of(path)):
            if kind == '"' and not any(belongs(resolve(path, name), room) for room in allowed):
                wrong.append(f"{path} includes {name}")
            if kind == "<" and path.startswith(("user/base/", "user/core/")) and name not in PURE:
                wrong.append(f"{path} includes <{name}>")
    return wrong


def silent_rooms():
    return [f"{path} prints: {found.group(0)}" for room in LIBRARY_ROOMS
            for path in files(".c") if path.startswith(f"user/{room}/")
            for found in PRINTS.finditer(text_of(path))]


def top_level():
    return [name for name in os.listdir(TOP)
            if name not in TOP_LEVEL and not name.startswith(".") and
            not fnmatch.fnmatch(name, "build*")]


def licensed():
    return [path for path in (*files(".c", ".h"), *python_files())
            if "SPDX-License-Identifier:" not in "".join(text_of(path).splitlines(True)[:2])]


def python():
    wrong = []
    for path in python_files():
        text = text_of(path)
        try:
            ast.parse(text, path)
        except SyntaxError as error:
            wrong.append(f"{path}: {error}")
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > COLUMNS or line != line.rstrip() or "\t" in line:
                wrong.append(f"{path}:{number}: too long, a tab, or blanks at the end")
    return wrong


# Makes markup or code of a string, or asks somebody else for something.
NOT_IN_PAGES = re.compile(r"""innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|
    srcdoc|DOMParser|document\.write|\beval\b|new\s+Function|setTimeout\(\s*["'`]|javascript:|
    \bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bimport\b|https?://""", re.VERBOSE)
NAMESPACE = "http://www.w3.org/2000/svg" # a name, nothing that is asked for


def page_scripts():
    """Names from outside only ever become text; the page is all there is."""
    wrong = []
    node = shutil.which("node")
    for path in files(".js", ".css", ".html"):
        if not path.startswith(("user/output/page/", "tests/page/")):
            continue
        text = text_of(path)
        if "SPDX-License-Identifier:" not in "".join(text.splitlines(True)[:2]):
            wrong.append(f"{path} does not name its license")
        for number, line in enumerate(text.splitlines(), 1):
            if len(line.expandtabs(8)) > COLUMNS or line != line.rstrip():
                wrong.append(f"{path}:{number}: too long, or blanks at the end")
            found = NOT_IN_PAGES.search(line.replace(NAMESPACE, ""))
            if found and path.startswith("user/"):
                wrong.append(f"{path}:{number}: {found.group(0)}")
        if path.endswith(".js") and node:
            done = subprocess.run([node, "--check", os.path.join(TOP, path)], capture_output=True,
                                  text=True, check=False)
            wrong += done.stderr.splitlines()[:5] if done.returncode else []
    return wrong


MAP = re.compile(r"(/\*(?:(?!\*/).)*\*/)?\s*struct(?: \w+)? \{\s*"
                 r"__uint\(type, BPF_MAP_TYPE_(\w+)\);", re.DOTALL)
GROWING = ("HASH", "LRU_HASH", "RINGBUF") # where others decide how many there are


def maps():
    """Each BPF map says who writes it, and one that fills up what happens then."""
    wrong, found = [], 0
    for path in files(".bpf.c", ".bpf.h"):
        for comment, kind in MAP.findall(text_of(path)):
            found += 1
            words = ["Value:" if kind == "RINGBUF" else "Key:", "Writer"]
            words += ["Bound:"] if kind in GROWING else []
            wrong += [f"{path}: a map of type {kind} does not say its {word}" for word in words
                      if word.lower() not in " ".join(comment.split()).lower()]
    return wrong if found else ["no map was found"]


OPTIONAL = re.compile(r'\bPROGRAM\("(\w+)"')
HANDLER = re.compile(r'SEC\("[^"]+"\)\s*\n(?:int BPF_PROG\((\w+)|int (\w+)\()')


def optional_programs():
    """What is loaded only if the plan wants it is found by its name: one that is not there would
    never be asked for."""
    handlers = {first or second for path in files(".bpf.c")
                for first, second in HANDLER.findall(text_of(path))}
    named = OPTIONAL.findall(text_of("user/kernel/optional_programs.c"))
    return [f"there is no program {name}" for name in named if name not in handlers] or \
        ([] if named else ["no optional program was found"])


def benchmarks():
    if table.in_readme(text_of("README.md"))[1] != table.wanted():
        return ["README's table is not that of the newest results: make update-bench-table"]
    return []


CASES = [("clang-format leaves every file as it is", formatted),
         ("rooms include only what they may", rooms),
         ("library rooms never print", silent_rooms),
         ("BPF maps say their bounds", maps),
         ("programs that can be missed are there", optional_programs),
         ("nothing else stands at the top", top_level),
         ("every file names its license", licensed),
         ("the scripts of the page parse and make no markup of text", page_scripts),
         ("Python files parse and keep to 100 columns", python),
         ("README's table is that of the newest results of make bench", benchmarks)]


if __name__ == "__main__":
    sys.exit(checks.run(CASES))
