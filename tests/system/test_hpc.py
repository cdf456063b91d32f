# SPDX-License-Identifier: BSD-2-Clause
"""An MPI job of two nodes with two ranks each, over the overlay and on the same machines
without it: examples/hpc.lab.

    n1 10.1.0.1 - alpha 10.0.0.1 ======= 10.0.0.2 beta - 10.1.0.2 n2
                  p1 10.2.0.1    ======= 10.2.0.2 p2
"""

import json
import os
import re
import subprocess

import examplekit
import pytest
from conftest import TOOLS

SIDES = {"alpha/n1": ("n1", "n2"), "p1": ("p1", "p2")}
JOB_S = 900


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    subprocess.run([os.path.join(TOOLS, "mkguest"), "--quiet", "amd64", "--hpc"], check=True)
    return bring_up("examples/hpc.lab")


def mpi_run(lab, machine, arguments):
    status, output = lab.sh(machine, f"mpi-run {arguments}", timeout=JOB_S)
    assert status == 0, output
    return output


def test_as_every_example(lab):
    examplekit.check(lab)


@pytest.mark.parametrize("guest", ["alpha/n1", "beta/n2"])
def test_the_root_is_on_the_disk(lab, guest):
    """Below a layer of memory, and the initramfs is gone."""
    status, said = lab.sh(guest, "cat /proc/mounts; touch /usr/bin/new && rm /usr/bin/new; "
                                 "cd /sys/block/vda; echo $(cat ro serial)")
    assert status == 0 and "\nroot / overlay rw" in said and "\n/dev/vda /disk squashfs ro" in said
    node, name = guest.split("/")
    assert said.splitlines()[-1] == f"1 {name}.disk0"
    disk, = json.loads(lab.ctl(node, "show disk json"))
    assert disk["module"] == "root-hpc.squashfs" and disk["read_bytes"] > 2 ** 20
    assert not any(disk["refused"].values()) and disk["writes"] == 0


@pytest.mark.parametrize("machine", SIDES)
def test_ranks_on_both_hosts(lab, machine):
    here, there = SIDES[machine]
    said = re.findall(r"^hello rank=(\d) of=4 host=(\w+)$", mpi_run(lab, machine, "hello"), re.M)
    assert sorted(said) == [("0", here), ("1", here), ("2", there), ("3", there)]


def test_messages_of_all_sizes(lab):
    """The figures are whatever the machine has time for."""
    output = mpi_run(lab, "alpha/n1", "netpipe --max 16384 --repeat 2 --timeout 240")
    curve = [(int(size), float(rate), float(time)) for size, rate, time in re.findall(
        r"^netpipe bytes=(\d+) mbits=([\d.]+) usec=([\d.]+)$", output, re.M)]
    sizes = [size for size, _, _ in curve]
    assert sizes[0] == 1 and sizes[-1] >= 12288 and sizes == sorted(sizes)
    # Rates have three digits behind the point: those of a byte may be too small.
    assert all(time > 0 and (rate > 0 or size < 1024) for size, rate, time in curve)


def test_it_went_over_the_overlay(lab):
    """Messages of up to 16 KiB and back, some times each; every frame is accounted for."""
    for node, edge in (("alpha", "beta"), ("beta", "alpha")):
        stats = json.loads(lab.ctl(node, "show stats json"))
        lab.every_frame_has_an_end(node)
        assert all(stats["links"][edge][way] > 200000 for way in ("tx_bytes", "rx_bytes"))


def test_mistakes_are_told(lab):
    for arguments, status, words in (
            ("linpack", 2, 'unknown job "linpack"'),
            ("hello --ranks 2", 2, 'unknown option "--ranks"'),
            ("hello --ranks-per-host many", 2, "expected a number"),
            ("hello --hosts 10.2.0.2", 2, "has to be among the hosts")):
        assert lab.sh("p1", f"mpi-run {arguments}")[0] == status
        assert words in lab.sh("p1", f"mpi-run {arguments}")[1]
