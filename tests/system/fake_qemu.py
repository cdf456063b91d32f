#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What QEMU is to build/tools/ixgbe-proxy, without a machine: it gives memory, finds the
device as firmware does, sends a frame from that memory and takes one, by registers alone.

    ixgbe-proxy --local LOCAL --remote REMOTE -- tests/system/fake_qemu.py LOCAL REMOTE
"""

import array
import mmap
import os
import select
import socket
import struct
import sys

SYNC_SYSMEM, RET, CFGWRITE, CFGREAD, BAR_WRITE, BAR_READ = range(6)
MEMORY = 1 << 20
BAR0, BAR4 = 0xf0000000, 0xf1000000
RX_RING, TX_RING, RX_BUFFER, TX_BUFFER = 0x1000, 0x2000, 0x8000, 0x10000
ENABLE = 1 << 25
MESSAGE = 0xfee00000


class Device:
    def __init__(self, fd):
        self.socket = socket.socket(fileno=fd)
        self.file = os.memfd_create("ram")
        os.ftruncate(self.file, MEMORY)
        self.ram = mmap.mmap(self.file, MEMORY)

    def send(self, cmd, payload, fds=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([struct.pack("<iIQ", cmd, 0, len(payload)), payload], rights)

    def ask(self, cmd, payload):
        self.send(cmd, payload)
        _, _, _, value = struct.unpack("<iIQQ", self.socket.recv(24, socket.MSG_WAITALL))
        return value

    def give_memory(self):
        self.send(SYNC_SYSMEM, struct.pack("<24Q", *[0] * 8, MEMORY, *[0] * 7, *[0] * 8),
                  [self.file])

    def config(self, offset, size=4):
        return self.ask(CFGREAD, struct.pack("<IIi", offset, 0, size))

    def set_config(self, offset, value, size=4):
        self.ask(CFGWRITE, struct.pack("<IIi", offset, value, size))

    def read(self, register, bar=BAR0):
        return self.ask(BAR_READ, struct.pack("<QQIB3x", bar + register, 0, 4, 1))

    def write(self, register, value, bar=BAR0):
        self.ask(BAR_WRITE, struct.pack("<QQIB3x", bar + register, value, 4, 1))


def find(device):
    """Identity, BARs, MSI-X."""
    assert device.config(0) == 0x10f78086
    for register, base in ((0x10, BAR0), (0x20, BAR4)):
        device.set_config(register, 0xffffffff)
        assert device.config(register) & 15 == 0 and device.config(register) != 0
        device.set_config(register, base)
        assert device.config(register) == base
    device.set_config(0x14, 0xffffffff)
    assert device.config(0x14) == 0
    at, found = device.config(0x34, 1), set()
    while at:
        found.add(device.config(at, 1))
        at = device.config(at + 1, 1)
    assert found == {0x01, 0x05, 0x11, 0x10}, found
    device.set_config(4, 6, 2)
    device.set_config(0x72, 0x8000, 2)
    for vector in range(2):
        for word, value in enumerate((MESSAGE, 0, 0x40 + vector, 0)):
            device.write(16 * vector + 4 * word, value, BAR4)


def start(device):
    """As 4.6.7 and 4.6.8 of the datasheet have it; vector 1 for both queues."""
    for register in range(0x5200, 0x5400, 4):
        device.write(register, 0)
    device.write(0x2f00, 1 << 1 | 1 << 25 | 1 << 26)
    device.write(0x5080, 1 << 10)
    device.write(0x898, 1 << 31 | 1 << 4)
    device.write(0x900, 0x8181)
    device.write(0x810, 0xffff)
    device.write(0xaa0, 2)
    for queue, ring in ((0x1000, RX_RING), (0x6000, TX_RING)):
        device.write(queue, ring)
        device.write(queue + 8, 1024)
    device.write(0x1014, 1 << 25 | 2)
    device.write(0x100c, 0)
    struct.pack_into("<QQ", device.ram, RX_RING, RX_BUFFER, 0)
    device.write(0x1028, ENABLE)
    device.write(0x1018, 1)
    device.write(0x8d00, 2)
    device.write(0x3000, 1)
    device.write(0x8d00, 0)
    device.write(0x4a80, 1)
    device.write(0x6028, 32 | 4 << 8 | ENABLE)


def interrupt(qtest):
    """The next message, as QEMU's qtest gets it."""
    line = b""
    while not line.endswith(b"\n"):
        assert select.select([qtest], [], [], 120)[0], "no interrupt"
        line += qtest.recv(1)
    qtest.send(b"OK\n")
    return line.decode().split()


def main(local, remote):
    device, qtest = Device(30), socket.socket(fileno=31)
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    wire.bind(remote)
    device.give_memory()
    find(device)
    start(device)
    frame = bytes.fromhex("ffffffffffff525400123456" + "0800") + bytes(range(46))
    device.ram[TX_BUFFER:TX_BUFFER + 60] = frame
    struct.pack_into("<QII", device.ram, TX_RING, TX_BUFFER,
                     1 << 29 | 3 << 20 | 0xb << 24 | 60, 60 << 14)
    device.write(0x6018, 1)
    assert wire.recv(100) == frame
    assert interrupt(qtest) == ["writel", hex(MESSAGE), "0x41"]
    wire.sendto(frame, local)
    assert interrupt(qtest) == ["writel", hex(MESSAGE), "0x41"]
    assert device.ram[RX_BUFFER:RX_BUFFER + 60] == frame
    assert struct.unpack_from("<IHH", device.ram, RX_RING + 8) == (3, 60, 0)
    # What is forbidden is said, and ends nothing.
    device.read(0x1f000)
    assert device.read(0x4080) == 1 and device.read(0x4080) == 0
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
