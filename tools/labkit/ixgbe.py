# SPDX-License-Identifier: BSD-2-Clause
"""A NIC that QEMU does not have: the tests' model of an Intel 82599 beside it.

build/tools/ixgbe-proxy starts QEMU and is one device of it (its --help has what QEMU's
command line needs for that); a machine with several has as many of them in a row."""

import os

from labkit.errors import ToolError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROXY = os.path.join(ROOT, "build/tools/ixgbe-proxy")
LOG = "ixgbe{}.log"  # in the machine's directory: violations, and a summary at the end
FIRST_FD = 30
# What Linux's driver does and the datasheet does not want: filters that change under a
# running receiver, EERD and AUTOC without semaphore, RS although WTHRESH is not 0,
# receive descriptors given back with DD set, bit 31 of EIMC, SRRCTL of a running queue.
LINUX_WAIVES = ["filter", "sync", "tx-thresh", "rx-desc", "reserved", "ring"]
# Shared, so that the device reaches it.
MEMORY = "memory-backend-memfd,share=on"
# Another processor's access at the same time would be lost: QEMU's guard against re-entrance.
THREAD = "single"


def is_in(machine):
    """Has the machine such a NIC?"""
    return "ixgbe" in machine.nic.split(",")


def qemu_arguments(index):
    """What QEMU needs for one of the devices."""
    fd = FIRST_FD + 2 * index
    return ["-chardev", f"socket,id=ixq{index},fd={fd + 1}",
            "-object", f"qtest,id=ixt{index},chardev=ixq{index},log=none",
            "-device", f"x-pci-proxy-dev,id=ix{index},fd={fd}"]


def wrapper(index, mac, ends=None, capture=None, snap=None, waived=()):
    """The command in front of QEMU's for one of the devices; ends: of its cable."""
    if not os.path.isfile(PROXY):
        raise ToolError(f"there is no {os.path.relpath(PROXY)}: run make")
    command = [PROXY, "--fd", str(FIRST_FD + 2 * index), "--mac", mac,
               "--log", LOG.format(index)]
    if ends:
        command += ["--local", ends[0], "--remote", ends[1]]
    if capture:
        command += ["--capture", capture, "--snap", str(snap)]
    if waived:
        command += ["--waive", ",".join(waived)]
    return [*command, "--"]
