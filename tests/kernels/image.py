# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""From the image in a kernel's package to what QEMU starts at once, without the seconds that an
emulated kernel takes to unpack itself."""

import lzma
import subprocess
import zlib

TOOLS = {"lz4": b"\x02\x21\x4c\x18", "zstd": b"\x28\xb5\x2f\xfd"}
XZ, GZIP, ELF, ARM64 = b"\xfd7zXZ\0", b"\x1f\x8b", b"\x7fELF", b"ARM\x64"


class Unknown(Exception):
    """No image and no compression known here; the argument says what was found."""


def bootable(content):
    """Of a bzImage the ELF file within (Documentation/arch/x86/boot.rst: setup_sects, payload); of
    arm64 the Image (Documentation/arch/arm64/booting.rst), which may be within an EFI program
    (drivers/firmware/efi/libstub/zboot-header.S)."""
    if content[4:8] == b"zimg":
        start, length = _number(content, 8), _number(content, 12)
        return decompress(content[start:start + length])
    if content[0x38:0x3c] == ARM64:
        return content
    start = (content[0x1f1] + 1) * 512 + _number(content, 0x248)
    return decompress(content[start:start + _number(content, 0x24c)])


def decompress(content):
    if content.startswith(XZ):
        return lzma.LZMADecompressor().decompress(content)
    if content.startswith(GZIP):
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content)
    for tool, magic in TOOLS.items():
        if content.startswith(magic):
            return _tool(tool, content)
    if content.startswith(ELF):
        return content
    raise Unknown(f"a file of the package starts with {content[:6].hex()}: unknown compression")


def _number(content, at):
    return int.from_bytes(content[at:at + 4], "little")


def _tool(tool, content):
    """The kernel's payload is followed by its length, at which the tools complain."""
    try:
        done = subprocess.run([tool, "-dc"], input=content[:-4], capture_output=True, check=False)
    except FileNotFoundError:
        raise Unknown(f"{tool} is not installed") from None
    if not done.stdout:
        raise Unknown(f"{tool} cannot unpack the kernel: {done.stderr.decode(errors='replace')}")
    return done.stdout
