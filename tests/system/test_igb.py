# SPDX-License-Identifier: BSD-2-Clause
"""The 82576 of a newer QEMU (igb.lab): our driver on a device that others wrote."""

import json

import pytest
from labkit import newqemu
from labkit.errors import ToolError

NODES = {"alpha": "10.1.0.2", "beta": "10.1.0.1"}
STREAMS = 8


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
        text = lab.ctl(node, "show uplink")
        assert "igb" in text and "link up 1000 Mbit/s full duplex" in text, text
        assert "interrupts by MSI-X" in text, text
        assert "8086:10c9" in lab.ctl(node, "show hardware")
    # Of a table of ten vectors: one for each direction of two queues.
    assert [queue["core"] for queue in uplink(lab, "alpha")["queues"]] == [0, 1]
    assert [queue["core"] for queue in uplink(lab, "beta")["queues"]] == [0]
    assert "queues 2" in lab.ctl("alpha", "show config")


def test_pings(lab):
    for node, peer in NODES.items():
        for size, count in (56, 20), (8000, 5):
            status, output = lab.sh(f"{node}/g1", f"ping -q -c {count} -i 0.05 -s {size} {peer}",
                                    timeout=120)
            assert status == 0 and f" {count} received, 0% packet loss" in output, output
    # Not in fragments.
    assert max(len(packet) for packet in lab.capture("alpha-beta")) > 8000


def test_streams_both_ways(lab):
    for way in "", "-r ":
        status, output = lab.sh("alpha/g1", f"nuttcp {way}-n 2m 10.1.0.2", timeout=240)
        assert status == 0 and "Mbps" in output, output


def test_queues_share_the_flows(lab):
    before = uplink(lab, "alpha")["queues"]
    # Each stream has ports of its own.
    status, output = lab.sh("alpha/g1", f"for i in $(seq {STREAMS}); do nuttcp -r -n 1m "
                            "10.1.0.2; done", timeout=240)
    assert status == 0 and output.count("Mbps") == STREAMS, output
    after = uplink(lab, "alpha")["queues"]
    for was, now in zip(before, after):
        assert now["rx_frames"] > was["rx_frames"] + 20, (before, after)
        assert now["services"] > was["services"]
    # What the guest's core sends leaves by its own queue.
    assert after[1]["tx_frames"] > before[1]["tx_frames"] + 20
    assert after[0]["tx_frames"] < before[0]["tx_frames"] + 20


@pytest.mark.parametrize("node", NODES)
def test_every_frame_is_accounted_for(lab, node):
    stats = json.loads(lab.ctl(node, "show stats json"))
    assert stats["sum"]["balanced"]
    assert stats["uplink"]["rx_frames"] > 100 and stats["uplink"]["resets"] == 0, stats["uplink"]
