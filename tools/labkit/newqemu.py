#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A NIC that only a newer QEMU has: igb, an Intel 82576 (from QEMU 8.0 on).

Where the installed QEMU has none, machines with such a NIC run in the one of the release's
backports, which is downloaded and unpacked below build/ when it is first wanted. Run by itself it
does that, and says which it is."""

import fcntl
import functools
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.dont_write_bytecode = True

from labkit import debs  # noqa: E402
from labkit.errors import ToolError  # noqa: E402

TREE = os.path.join(ROOT, "build/qemu-new")
QEMU = "qemu-system-x86_64"
PACKAGES = ("qemu-system-x86", "qemu-system-data", "seabios")
FIRMWARE = ("usr/share/qemu", "usr/share/seabios")
NICS = ("igb",)
WAIT_S = 60


def is_in(machine):
    """Has the machine such a NIC?"""
    return any(nic in machine.nic.split(",") for nic in NICS)


def has_nics(command):
    """Does that QEMU know them?"""
    try:
        said = [subprocess.run([*command, "-device", f"{nic},help"], capture_output=True,
                               text=True, check=False, timeout=WAIT_S,
                               stdin=subprocess.DEVNULL).stdout for nic in NICS]
    except OSError:
        return False
    return all(text.startswith(f"{nic} options:") for nic, text in zip(NICS, said))


def complain(text):
    print(text, file=sys.stderr, flush=True)


@functools.cache
def command(say=complain):
    """The beginning of the command line of a QEMU that has them; ToolError: there is none."""
    if has_nics([QEMU]):
        return (QEMU,)
    os.makedirs(os.path.dirname(TREE), exist_ok=True)
    with open(TREE + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time
        debs.unpacked(PACKAGES, TREE, TREE + "-debs", say, backports=True)
    found = (os.path.join(TREE, "usr/bin", QEMU),
             *(word for part in FIRMWARE for word in ("-L", os.path.join(TREE, part))))
    if not has_nics(found):
        raise ToolError(f"the backports' QEMU ({os.path.relpath(found[0])}) does not know "
                        + ", ".join(NICS))
    return found


def main():
    try:
        print(" ".join(command()))
        return 0
    except ToolError as error:
        complain(f"newqemu: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
