# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The program and its workloads for another architecture: user space built anew, the BPF objects
those of this machine."""

import os
import shutil
import subprocess

from archive import Missing
from machine import ARCHITECTURES

TOOLS = ("clang", "ld.lld")
TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")


def build(architecture, sysroot, build_folder):
    """The folder of that build."""
    for tool in TOOLS:
        if not shutil.which(tool):
            raise Missing(f"{tool} is not installed")
    folder = os.path.join(build_folder, architecture)
    target = ARCHITECTURES[architecture].triplet
    compiler = f"clang --target={target} --sysroot={sysroot} -fuse-ld=lld"
    settings = {"BUILD": folder, "BPF_BUILD": build_folder, "CC": compiler, "WARN": ""}
    # The make that runs the tests has jobs of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", "-j2", "cross",
                           *(f"{name}={value}" for name, value in settings.items())],
                          cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the build for {architecture} failed:\n{done.stdout}{done.stderr}")
    return folder
