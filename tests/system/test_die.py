# SPDX-License-Identifier: BSD-2-Clause
"""A node that must give up says where it was, by addresses of its image."""

import os
import re
import subprocess

from conftest import ROOT
from node_console import NodeConsole
from wirekit import qmp

LAB = """\
machine alpha cores 2 memory 256M nic e1000 boot kernel
caisson 1
node alpha mac 52:54:00:00:00:01
"""
# What QEMU's "mce" takes: an uncorrected error of core 0, bank 9, with an address. While a
# guest runs, QEMU gives that to it, intercepted or not: so there is none.
MACHINE_CHECK = "mce 0 9 0xbd00000000000000 5 0x1000 0"
WAIT_S = 60


def functions(addresses):
    done = subprocess.run(["addr2line", "-f", "-e", os.path.join(ROOT, "build/caisson.elf64"),
                           *addresses], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[::2]


def test_a_machine_check(tmp_path, bring_up, hypervisor):
    path = tmp_path / "die.lab"
    path.write_text(LAB)
    lab = bring_up(str(path))
    with NodeConsole(lab, "alpha") as node:
        qmp(os.path.join(lab.directory, "alpha"), "human-monitor-command",
            **{"command-line": MACHINE_CHECK})
        # From the line itself: QEMU's copy of it doubles letters when nobody reads in time.
        dump = node.port.expect(rb"(?s)\*\*\* core 0 stopped: (.*)reset in ", WAIT_S)[1].decode()
    assert dump.startswith("#MC machine check, error 0, at "), dump
    trace = re.search(r"  at ([0-9a-f]+), called from .*:((?: [0-9a-f]+)+)\r?\n", dump)
    assert trace, dump
    assert "hv_main" in functions([trace[1], *trace[2].split()]), dump
