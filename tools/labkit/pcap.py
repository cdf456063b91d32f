# SPDX-License-Identifier: BSD-2-Clause
"""Captures as QEMU's filter-dump writes them: the classic pcap file format,
little-endian. One that is being written may end inside a record."""

import struct
import time

from labkit.errors import ToolError

MAGIC = 0xA1B2C3D4
HEADER = struct.Struct("<IHHiIII")
RECORD = struct.Struct("<IIII")


class Writer:
    """A capture that is written frame by frame, at most `snap` bytes of each."""

    def __init__(self, path, snap):
        self.snap = snap
        self.file = open(path, "wb", buffering=0)
        self.file.write(HEADER.pack(MAGIC, 2, 4, 0, 0, snap, 1))

    def write(self, frame):
        now = time.time_ns() // 1000
        kept = frame[:self.snap]
        self.file.write(RECORD.pack(*divmod(now, 1_000_000), len(kept), len(frame)) + kept)


def records(data):
    """(offset, end) of each whole record."""
    if len(data) < HEADER.size or HEADER.unpack_from(data)[0] != MAGIC:
        raise ToolError("this is no capture: its header is not pcap's")
    at = HEADER.size
    while at + RECORD.size <= len(data):
        end = at + RECORD.size + RECORD.unpack_from(data, at)[2]
        if end > len(data):
            return
        yield at, end
        at = end


def whole(data):
    """The capture up to its last whole record, and the number of records."""
    end, count = HEADER.size, 0
    for _, end in records(data):
        count += 1
    return data[:end], count
