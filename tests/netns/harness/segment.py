# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""IP packets with a TCP segment: bytes to fields and back."""

import dataclasses
import ipaddress
import struct

FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
MODULUS = 1 << 32


def flag_names(number):
    """0x11 is "FIN,ACK"."""
    return ",".join(name for bit, name in enumerate(FLAGS) if number >> bit & 1)


def flag_number(names):
    return sum(1 << FLAGS.index(name) for name in names.split(",") if name)


def _checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


@dataclasses.dataclass
class Segment:
    source: str
    target: str
    source_port: int
    target_port: int
    seq: int
    ack: int
    flags: str
    payload: bytes = b""
    window: int = 65535
    options: bytes = b""
    raw: bytes = b""
    side: int = 0 # of a cable, where it was sent

    def has(self, name):
        return name in self.flags.split(",")

    @property
    def end(self):
        """The number after the last one that the segment uses."""
        return (self.seq + len(self.payload) + self.has("SYN") + self.has("FIN")) % MODULUS

    def build(self):
        source = ipaddress.ip_address(self.source).packed
        target = ipaddress.ip_address(self.target).packed
        length = 20 + len(self.options) + len(self.payload)
        tcp = struct.pack("!HHIIBBHHH", self.source_port, self.target_port, self.seq, self.ack,
                          (20 + len(self.options)) // 4 << 4, flag_number(self.flags),
                          self.window, 0, 0) + self.options + self.payload
        if len(source) == 4:
            pseudo = source + target + struct.pack("!BBH", 0, 6, length)
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, 6, 0)
            header += source + target
            header = header[:10] + struct.pack("!H", _checksum(header)) + header[12:]
        else:
            pseudo = source + target + struct.pack("!II", length, 6)
            header = struct.pack("!IHBB", 6 << 28, length, 6, 64) + source + target
        tcp = tcp[:16] + struct.pack("!H", _checksum(pseudo + tcp)) + tcp[18:]
        return header + tcp


def parse(packet):
    """The segment in an IP packet, or None: not TCP. No IPv6 extension headers: Linux sends TCP
    without them."""
    version = packet[0] >> 4
    if version == 4 and packet[9] == 6:
        start, total = (packet[0] & 15) * 4, struct.unpack("!H", packet[2:4])[0]
        addresses = packet[12:16], packet[16:20]
    elif version == 6 and packet[6] == 6:
        start, total = 40, 40 + struct.unpack("!H", packet[4:6])[0]
        addresses = packet[8:24], packet[24:40]
    else:
        return None
    tcp = packet[start:total]
    source_port, target_port, seq, ack, offset, flags, window = struct.unpack("!HHIIBBH", tcp[:16])
    size = (offset >> 4) * 4
    source, target = (str(ipaddress.ip_address(address)) for address in addresses)
    return Segment(source, target, source_port, target_port, seq, ack, flag_names(flags),
                   tcp[size:], window, tcp[20:size], packet)
