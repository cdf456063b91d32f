# SPDX-License-Identifier: BSD-2-Clause
"""Writes initramfs archives: cpio "newc", as the kernel's
Documentation/driver-api/early-userspace/buffer-format.rst describes it.

Device nodes are written without being root, and the same tree gives the same
bytes: names sorted, one time stamp, owner 0, inode numbers by position."""

import os
import stat

TRAILER = "TRAILER!!!"
ALIGN = 4


def _padding(length):
    return b"\0" * (-length % ALIGN)


class Archive:
    """Entries are kept by path, so that a later add replaces an earlier one."""

    def __init__(self, mtime=0):
        self.mtime = mtime
        self.entries = {}

    def directory(self, path, mode=0o755):
        self._add(path, stat.S_IFDIR | mode, b"")

    def file(self, path, data, mode=0o644):
        self._add(path, stat.S_IFREG | mode, data)

    def symlink(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def char_device(self, path, major, minor, mode=0o600):
        self._add(path, stat.S_IFCHR | mode, b"", (major, minor))

    def copy(self, source, path):
        """A file of this machine, symbolic links followed."""
        with open(source, "rb") as f:
            executable = os.stat(source).st_mode & 0o111
            self.file(path, f.read(), 0o755 if executable else 0o644)

    def _add(self, path, mode, data, device=(0, 0)):
        path = path.strip("/")
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.directory(parent)
        self.entries[path] = (mode, data, device)

    def to_bytes(self):
        parts = []
        for inode, path in enumerate(sorted(self.entries), 1):
            mode, data, device = self.entries[path]
            parts.append(self._record(path, inode, mode, data, device))
        parts.append(self._record(TRAILER, 0, 0, b"", (0, 0)))
        return b"".join(parts)

    def _record(self, path, inode, mode, data, device):
        name = path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (inode, mode, 0, 0, links, self.mtime if path != TRAILER else 0,
                  len(data), 0, 0, device[0], device[1], len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        return head + _padding(len(head)) + data + _padding(len(data))
