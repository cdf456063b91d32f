# SPDX-License-Identifier: BSD-2-Clause
"""A machine under QEMU that is watched from outside: its serial log, and its screen, read by
the letters that the hypervisor draws on a framebuffer."""

import contextlib
import json
import os
import re
import socket
import subprocess

from conftest import ROOT
from waitkit import wait_for

FIRMWARE = "/usr/share/ovmf/OVMF.fd"
FONT = os.path.join(ROOT, "build/gen/font.asm")
CELL_WIDTH, CELL_HEIGHT = 8, 16
LIFE_S = 3600  # no machine outlives this, whatever becomes of the tests
WAIT_S = 600
PAUSE_S = 0.2


def font():
    """{16 bytes: letter}, from what the hypervisor is built of."""
    with open(FONT, encoding="ascii") as f:
        rows = re.findall(r"^\tdb (.*)$", f.read(), re.MULTILINE)
    return {tuple(int(n, 16) for n in row.split(", ")): chr(32 + at)
            for at, row in enumerate(rows)}


def read_screen(path):
    """The text of a PPM image."""
    with open(path, "rb") as f:
        _, size, _, pixels = f.read().split(b"\n", 3)
    width, height = map(int, size.split())
    letters = font()
    lines = []
    for top in range(0, height - CELL_HEIGHT + 1, CELL_HEIGHT):
        line = ""
        for left in range(0, width - CELL_WIDTH + 1, CELL_WIDTH):
            at = (top * width + left) * 3
            cell = tuple(sum(0x80 >> x for x in range(CELL_WIDTH)
                             if pixels[at + (y * width + x) * 3]) for y in range(CELL_HEIGHT))
            line += letters.get(cell, "\ufffd")
        lines.append(line.rstrip())
    return "\n".join(lines)


class QmpMachine:
    """QEMU with these arguments, in `directory`; `before` are words in front of its command.
    Use it with `with`: then it ends."""

    def __init__(self, directory, arguments, uefi=False, before=()):
        self.directory = str(directory)
        firmware = ["-bios", FIRMWARE] if uefi else []
        self.command = [
            *before, "timeout", "-k", "5", str(LIFE_S), "qemu-system-x86_64", "-nodefaults",
            "-display", "none", "-no-reboot", *firmware,
            "-chardev", "socket,id=com1,path=serial.sock,server=on,wait=off,logfile=serial.log",
            "-serial", "chardev:com1", "-qmp", "unix:qmp.sock,server=on,wait=off", *arguments]
        self.process = None

    def __enter__(self):
        with open(self.path("qemu.log"), "wb") as log:
            self.process = subprocess.Popen(self.command, cwd=self.directory, stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def path(self, name):
        return os.path.join(self.directory, name)

    def log(self):
        with contextlib.suppress(FileNotFoundError):
            with open(self.path("serial.log"), encoding="utf-8", errors="replace") as f:
                return f.read().replace("\r", "")
        return ""

    def wait_log(self, pattern, timeout=WAIT_S):
        def look():
            found = re.search(pattern, self.log())
            assert found or self.process.poll() is None, f"it ended:\n{self.log()[-4000:]}"
            return found
        try:
            return wait_for(look, f"{pattern} on the serial line", timeout, PAUSE_S)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n{self.log()[-4000:]}") from None

    def screen(self):
        path = self.path("screen.ppm")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.connect(self.path("qmp.sock"))
            stream = s.makefile("rw", encoding="utf-8")
            for command in ({"execute": "qmp_capabilities"},
                            {"execute": "screendump", "arguments": {"filename": path}}):
                stream.write(json.dumps(command) + "\n")
                stream.flush()
                while "return" not in json.loads(stream.readline()):
                    pass
        return read_screen(path)

    def wait_screen(self, pattern, timeout=WAIT_S):
        return wait_for(lambda: re.search(pattern, self.screen()), f"{pattern} on the screen",
                        timeout, PAUSE_S)
