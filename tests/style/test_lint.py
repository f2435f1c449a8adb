#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Static analysis: nothing is found, or its line says why it stays (TAP). cppcheck in every test;
with --all (make lint) clang-tidy, too, which looks for what .clang-tidy names and takes minutes."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import checks

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
JOBS = 2
INCLUDES = ["-Iuser", "-Ibpf", "-Ivmlinux"]
# cppcheck knows neither what cmocka's assertions rule out, nor that the kernel fills in a buffer,
# nor that an address alone may be wanted.
SUPPRESSED = ["missingIncludeSystem", "nullPointer:tests/unit/*", "uninitvar:tests/bpf/*",
              "uninitdata:tests/workload/*"]
DEFINES = ["-D_GNU_SOURCE", '-DVERSION="lint"']


def sources(*folders):
    return [os.path.relpath(os.path.join(parent, name), TOP)
            for folder in folders for parent, _, names in os.walk(os.path.join(TOP, folder))
            for name in sorted(names) if name.endswith(".c") and not name.endswith(".bpf.c")]


def missing(tool, version):
    """Other versions find other things."""
    if not shutil.which(tool):
        return f"{tool} is not installed"
    told = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    return None if version in told else f"needs {tool} {version}, found: {told.split()[-1]}"


def cppcheck():
    if reason := missing("cppcheck", "2.10"):
        return f"SKIP {reason}"
    done = subprocess.run(
        ["cppcheck", "--quiet", "--std=c11", "--language=c", f"-j{JOBS}", "--inline-suppr",
         "--enable=warning,performance,portability", "--error-exitcode=1",
         "--template={file}:{line}: {message} [{id}]", "-D__x86_64__",
         "-DLIBBPF_OPTS(type,name,...)=struct type name = {__VA_ARGS__}", *INCLUDES, *DEFINES,
         *(f"--suppress={name}" for name in SUPPRESSED), *sources("user", "tests")],
        cwd=TOP, capture_output=True, text=True, check=False)
    return (done.stderr.splitlines() or ["cppcheck failed"]) if done.returncode else []


def tidy_file(path):
    done = subprocess.run(["clang-tidy", "--quiet", path, "--", "-std=gnu17", *INCLUDES[:2],
                           "-isystem", BUILD, *DEFINES],
                          cwd=TOP, capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode else []


def clang_tidy():
    if reason := missing("clang-tidy", "version 14."):
        return f"SKIP {reason}"
    with ThreadPoolExecutor(JOBS) as pool:
        return [line for found in pool.map(tidy_file, sources("user", "tests/fuzz"))
                for line in found]


CASES = [("cppcheck finds nothing", cppcheck), ("clang-tidy finds nothing", clang_tidy)]


if __name__ == "__main__":
    sys.exit(checks.run(CASES if "--all" in sys.argv[1:] else CASES[:1]))
