# SPDX-License-Identifier: BSD-2-Clause
"""What `make bench-path` counts, for each NIC driver: registers, copies and interrupts on a
frame's way between a guest's rings and the NIC's; the frames themselves the program compares."""

import os
import subprocess

import pytest
from conftest import ROOT

BENCH = os.path.join(ROOT, "build/bench/bench-path")
BURSTS = 100
NICS = ["e1000", "e1000e", "igb", "ixgbe", "virtio-net"]


@pytest.fixture(scope="module", autouse=True)
def built():
    subprocess.run(["make", "-s", "-C", ROOT, "SETUP=:", "build/bench/bench-path"], check=True)


def bench(*arguments):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, check=False)


def test_every_driver_is_there():
    assert bench("nics").stdout.split() == NICS


@pytest.mark.parametrize("burst", [1, 8, 32])
@pytest.mark.parametrize("way, copies", [("tx", 0), ("rx", 1)])
@pytest.mark.parametrize("nic", NICS)
def test_one_doorbell_a_burst_and_no_register_is_read(nic, way, copies, burst):
    done = bench("--nic", nic, "loop", way, "1472", str(burst), str(BURSTS))
    assert done.returncode == 0, done.stderr
    counts = {name: int(value) for name, value in map(str.split, done.stdout.splitlines())}
    assert counts["frames"] == BURSTS * burst
    assert counts["register_reads"] == 0
    assert counts["register_writes"] == counts["doorbells"] <= BURSTS
    assert counts["doorbells"] == BURSTS or way == "rx"
    assert counts["copies"] == copies * counts["frames"]
    assert counts["interrupts"] == (BURSTS if way == "rx" else 0)


def test_mistakes_are_told():
    for arguments, words in ((("--nic", "e1001"), 'no NIC "e1001"'), (("tx", "rx"), "usage"),
                             (("loop", "tx", "63", "1", "1"), "63 is no number"),
                             (("nothing",), 'no figure begins with "nothing"')):
        done = bench(*arguments)
        assert done.returncode == 2 and words in done.stderr
