# SPDX-License-Identifier: BSD-2-Clause
"""One overlay over an AMD and an Intel node: mixed.lab.

    g1 10.1.0.1 - alpha 10.0.0.1 (QEMU, SVM) ======= 10.0.0.2 beta (Bochs, VT-x) - 10.1.0.2 g1
"""

import json
import re

import pytest
from labkit import measure

PEER = {"alpha": "10.1.0.2", "beta": "10.1.0.1"}
BACKEND = {"alpha": "svm", "beta": "vmx"}
STREAM_S = 2
# Seconds of a busy machine of Bochs are longer than ours.
PATIENCE_S = 180


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    return bring_up("tests/system/mixed.lab")


def stats(lab):
    return [json.loads(lab.ctl(node, "show stats json")) for node in PEER]


def test_each_node_runs_guests_its_own_way(lab):
    for node, backend in BACKEND.items():
        shown = json.loads(lab.ctl(node, "show node json"))
        assert not shown["degraded"], shown
        assert shown["backend"] == backend


def test_the_guest_sees_an_intel_processor_and_nothing_odd(lab):
    status, output = lab.sh("beta/g1", "grep -m1 vendor_id /proc/cpuinfo; dmesg")
    assert status == 0 and "GenuineIntel" in output.splitlines()[0]
    assert not re.findall(r"(?i)unchecked MSR.*|.*WARNING:.*|.*BUG:.*|.*\bstalls?\b.*", output)


def test_a_thousand_pings_none_lost(lab):
    # By the pace of the answers: the interval is there for what is lost.
    status, output = lab.sh("beta/g1", f"ping -q -c 1000 -i 0.01 {PEER['beta']}", PATIENCE_S)
    assert status == 0
    assert measure.parse_ping(output)["received"] == 1000


@pytest.mark.parametrize("size", [0, 1430, 1431, 4000])
def test_every_size_gets_through_whole(lab, size):
    status, output = lab.sh("alpha/g1", f"ping -c 3 -i 0.05 -s {size} {PEER['alpha']}")
    assert status == 0 and " 3 received" in output


@pytest.mark.parametrize("option", ["", "-r"])
def test_tcp_stream_and_every_frame_accounted_for(lab, option):
    before = measure.Counters(stats(lab))
    status, output = lab.sh("beta/g1", f"nuttcp -fparse {option} -T {STREAM_S} {PEER['beta']}",
                            PATIENCE_S)
    assert status == 0 and measure.parse_nuttcp(output) > 0
    after = stats(lab)
    for node in after:
        assert node["sum"]["balanced"], node
    counted = measure.Counters(after) - before
    assert counted.frames["tx_frames"] and counted.frames["rx_frames"]
    assert counted.copies_tx() == 0 and counted.copies_rx() <= 1


def test_counters_of_both_ends_agree(lab):
    alpha, beta = stats(lab)
    sent = alpha["links"]["beta"]["tx_segments"] + beta["links"]["alpha"]["tx_segments"]
    arrived = alpha["links"]["beta"]["rx_segments"] + beta["links"]["alpha"]["rx_segments"]
    assert 0 <= sent - arrived <= 8


def test_the_guest_stops_and_starts_again(lab):
    assert lab.ctl("beta", "vm stop g1").strip() == ""
    assert "stopped" in lab.ctl("beta", "show vm")
    assert lab.ctl("beta", "vm start g1").strip() == ""
    assert "running" in lab.ctl("beta", "show vm")
