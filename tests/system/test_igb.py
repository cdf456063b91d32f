# SPDX-License-Identifier: BSD-2-Clause
"""The 82576 of a newer QEMU (igb.lab): our driver on a device that others wrote."""

import json
import re

import pingkit
import pytest
from labkit import newqemu
from labkit.errors import ToolError
from waitkit import wait_for

NODES = {"alpha": "10.1.0.2", "beta": "10.1.0.1"}
QUEUES = 6
ROUNDS = 20  # enough that no queue is left out: by chance one in six is that of a flow


@pytest.fixture(scope="module", name="lab")
def running_lab(bring_up, hypervisor):
    try:
        newqemu.command()
    except ToolError as error:
        pytest.skip(f"no QEMU with an igb: {error}")
    return bring_up("tests/system/igb.lab")


def uplink(lab, node):
    return json.loads(lab.ctl(node, "show uplink json"))[0]


def test_what_it_is(lab):
    for node in NODES:
        # Half a second after its driver wanted that.
        wait_for(lambda node=node: "link up 1000 Mbit/s full duplex"
                 in lab.ctl(node, "show uplink"), f"{node}'s link")
        text = lab.ctl(node, "show uplink")
        assert "igb" in text and "interrupts by MSI-X" in text, text
        assert "8086:10c9" in lab.ctl(node, "show hardware")
    assert [queue["core"] for queue in uplink(lab, "alpha")["queues"]] == list(range(QUEUES))
    assert [queue["core"] for queue in uplink(lab, "beta")["queues"]] == [0]
    # Of a table of ten vectors there is one for each.
    assert re.search(r"^ +5 +5  5 +\d", lab.ctl("alpha", "show uplink"), re.M)
    assert f"queues {QUEUES}" in lab.ctl("alpha", "show config")


def test_pings(lab):
    for node, peer in NODES.items():
        pingkit.none_lost(lab, f"{node}/g1", peer)
        pingkit.none_lost(lab, f"{node}/g1", peer, 5, "-s 8000")
    # Not in fragments.
    assert max(len(packet) for packet in lab.capture("alpha-beta")) > 8000


def test_streams_both_ways(lab):
    for way in "", "-r ":
        status, output = lab.sh("alpha/g1", f"nuttcp {way}-n 2m 10.1.0.2", timeout=600)
        assert status == 0 and "Mbps" in output, output


def test_queues_share_the_flows(lab):
    before = now = uplink(lab, "alpha")["queues"]
    for _ in range(ROUNDS):
        # Each stream has ports of its own.
        status, output = lab.sh("alpha/g1", f"for i in $(seq {QUEUES}); do nuttcp -r -n 1m "
                                "10.1.0.2; done", timeout=600)
        assert status == 0 and output.count("Mbps") == QUEUES, output
        now = uplink(lab, "alpha")["queues"]
        if all(queue["rx_frames"] > was["rx_frames"] + 20 for was, queue in zip(before, now)):
            break
    for was, queue in zip(before, now):
        assert queue["rx_frames"] > was["rx_frames"] + 20, (before, now)
        assert queue["services"] > was["services"]
    # What the guest's core sends leaves by its own queue.
    assert now[1]["tx_frames"] > before[1]["tx_frames"] + 20
    for queue in 0, 2, 3, 4, 5:
        assert now[queue]["tx_frames"] - before[queue]["tx_frames"] < \
            (now[1]["tx_frames"] - before[1]["tx_frames"]) / 5


@pytest.mark.parametrize("node", NODES)
def test_every_frame_is_accounted_for(lab, node):
    lab.every_frame_has_an_end(node)
    stats = json.loads(lab.ctl(node, "show stats json"))
    assert stats["uplink"]["rx_frames"] > 100 and stats["uplink"]["resets"] == 0, stats["uplink"]
