# SPDX-License-Identifier: BSD-2-Clause
"""Sockets and NUMA nodes, of the node and of a guest; why cores left their guests."""

import json

import pytest
from waitkit import wait_for

PIECE_KIB = 192 * 1024


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    return bring_up("tests/system/topology.lab")


def test_the_node_says_what_it_has(lab):
    text = lab.ctl("alpha", "show node")
    assert "topology: 2 sockets x 1 core x 2 threads, 2 NUMA nodes" in text
    assert "NUMA node 1: cores 2-3, memory 512 MiB, free " in text
    topology = json.loads(lab.ctl("alpha", "show node json"))["topology"]
    assert [core["socket"] for core in topology["cores"]] == [0, 0, 1, 1]
    assert [core["thread"] for core in topology["cores"]] == [0, 1, 0, 1]
    assert [core["numa_node"] for core in topology["cores"]] == [0, 0, 1, 1]


def test_the_guest_has_packages_and_nodes_of_its_own(lab):
    _, packages = lab.sh("alpha/g1",
                         "cat /sys/devices/system/cpu/cpu*/topology/physical_package_id")
    assert packages.split() == ["0", "0", "1", "1"]
    _, nodes = lab.sh("alpha/g1", "cat /sys/devices/system/node/node*/cpulist")
    assert nodes.split() == ["0-1", "2-3"]
    _, memory = lab.sh("alpha/g1", "grep -h MemTotal /sys/devices/system/node/node*/meminfo")
    first, second = (int(line.split()[3]) for line in memory.splitlines())
    assert first < PIECE_KIB and second < PIECE_KIB and first + second > PIECE_KIB
    _, complaints = lab.sh("alpha/g1", "dmesg | grep -c 'is not on the same node'")
    assert complaints.strip() == "0"


def test_noise_of_each_core(lab):
    """Nobody but the guest makes its cores exit, but for the boot core: it has the console."""
    lab.ctl("alpha", "show noise reset")
    assert lab.sh("alpha/g1", "for cpu in 1 2 4 8; do taskset $cpu sleep 0.2; done")[0] == 0

    def consistent():
        """The figures, read while no core was in the middle of an exit."""
        noise = json.loads(lab.ctl("alpha", "show noise json"))
        return noise if noise[3]["broken"] == noise[3]["foreign"] and all(
            sum(core["exits"].values()) == sum(core["causes"].values()) > 0
            and sum(core["gaps"]) <= sum(core["exits"].values()) for core in noise) else None

    noise = wait_for(consistent, "figures that agree")
    assert [core["core"] for core in noise] == [0, 1, 2, 3]
    assert noise[3]["assert_quiet"] and not noise[2]["assert_quiet"]
    detail = lab.ctl("alpha", "show noise 3")
    assert "exits by cause" in detail and "times out of the guest" in detail


def test_an_assertion_that_does_not_hold_is_reported(lab):
    """The console's core is left for what is typed there, when the guest does not halt."""
    spin = "taskset 1 sh -c 'while :; do :; done' >/dev/null 2>&1 </dev/null & echo $! >/tmp/spin"
    assert lab.sh("alpha/g1", spin)[0] == 0
    lab.ctl("alpha", "core set 0 assert quiet")

    def broken():
        noise = json.loads(lab.ctl("alpha", "show noise json"))[0]
        return noise["broken"] > 0 and noise["causes"]["node"] > 0

    wait_for(broken, "what is typed is noise")
    lab.sh("alpha/g1", "kill $(cat /tmp/spin)")
    assert "noise: core 0, said to be quiet, left g1: node" in lab.ctl("alpha", "show log")
    assert "core set 0 assert quiet" in lab.ctl("alpha", "show config")
    lab.ctl("alpha", "core set 0 assert nothing")
    assert "core set 0" not in lab.ctl("alpha", "show config")


@pytest.mark.parametrize("statement, message", [
    ("core set 4 assert quiet", "there is no core 4; this node has cores 0 to 3"),
    ("core set one assert quiet", '"one" is no number of a core'),
    ("show noise 17", "there is no core 17"),
])
def test_cores_that_are_not_there(lab, statement, message):
    done = lab.tool("ctl", "alpha", statement)
    assert done.returncode == 1 and message in done.stdout + done.stderr
