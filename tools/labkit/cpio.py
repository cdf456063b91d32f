# SPDX-License-Identifier: BSD-2-Clause
"""Writes initramfs archives: cpio "newc", as the kernel's
Documentation/driver-api/early-userspace/buffer-format.rst describes it.

Device nodes are written without being root, and the same tree gives the same
bytes: names sorted, one time stamp, owner 0, inode numbers by position."""

import io
import os
import stat
import tarfile

TRAILER = "TRAILER!!!"
ALIGN = 4
TAR_TYPES = {stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFREG: tarfile.REGTYPE,
             stat.S_IFLNK: tarfile.SYMTYPE, stat.S_IFCHR: tarfile.CHRTYPE}


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

    def to_tar(self):
        """The same tree as a tar archive."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(self.entries):
                mode, data, device = self.entries[path]
                info = tarfile.TarInfo(path)
                info.mode, info.mtime = stat.S_IMODE(mode), self.mtime
                info.type = TAR_TYPES[stat.S_IFMT(mode)]
                info.devmajor, info.devminor = device
                if stat.S_ISLNK(mode):
                    info.linkname = data.decode()
                elif stat.S_ISREG(mode):
                    info.size = len(data)
                tar.addfile(info, io.BytesIO(data) if info.size else None)
        return out.getvalue()

    def _record(self, path, inode, mode, data, device):
        name = path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (inode, mode, 0, 0, links, self.mtime if path != TRAILER else 0,
                  len(data), 0, 0, device[0], device[1], len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        return head + _padding(len(head)) + data + _padding(len(data))
