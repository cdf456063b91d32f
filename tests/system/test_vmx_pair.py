# SPDX-License-Identifier: BSD-2-Clause
"""One overlay over an AMD and an Intel node: mixed.lab.

    g1 10.1.0.1 - alpha 10.0.0.1 (QEMU, SVM) ======= 10.0.0.2 beta (Bochs, VT-x) - 10.1.0.2 g1

The guest on VT-x has two virtual CPUs, cores 1 and 2; core 0 is a dispatcher's.
"""

import json
import re
import time

import pingkit
import pytest
from labkit import measure
from waitkit import wait_for

PEER = {"alpha": "10.1.0.2", "beta": "10.1.0.1"}
BACKEND = {"alpha": "svm", "beta": "vmx"}
STREAM_S = 2
MODE_STREAM_S = 1
# Seconds of a busy machine of Bochs are longer than ours.
PATIENCE_S = 600


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    running = bring_up("tests/system/mixed.lab")
    # The one that was up first has said things that nobody heard.
    running.lost_at_start = on_the_wire(running)
    return running


def stats(lab):
    return [json.loads(lab.ctl(node, "show stats json")) for node in PEER]


def on_the_wire(lab):
    """What was sent and did not arrive. Segments: a long frame is one for its sender and many
    on the wire."""
    alpha, beta = (node["links"] for node in stats(lab))
    return (alpha["beta"]["tx_segments"] + beta["alpha"]["tx_segments"] -
            alpha["beta"]["rx_segments"] - beta["alpha"]["rx_segments"])


def test_each_node_runs_guests_its_own_way(lab):
    for node, backend in BACKEND.items():
        shown = json.loads(lab.ctl(node, "show node json"))
        assert not shown["degraded"], shown
        assert shown["backend"] == backend


def test_the_guest_sees_an_intel_processor_and_nothing_odd(lab):
    status, output = lab.sh("beta/g1", "grep -m1 vendor_id /proc/cpuinfo; dmesg")
    assert status == 0 and "GenuineIntel" in output.splitlines()[0]
    assert not re.findall(r"(?i)unchecked MSR.*|.*WARNING:.*|.*BUG:.*|.*\bstalls?\b.*", output)


def test_its_second_processor_goes_and_comes_back(lab):
    status, output = lab.sh("beta/g1", "cd /sys/devices/system/cpu; nproc; for to in 0 1; do "
                            "echo $to >cpu1/online && nproc; done; taskset 2 true && "
                            "grep -c ^processor /proc/cpuinfo", PATIENCE_S)
    assert (status, output.split()) == (0, ["2", "1", "2", "2"]), output
    (guest,) = json.loads(lab.ctl("beta", "show vm g1 json"))
    assert [vcpu["core"] for vcpu in guest["vcpus"]] == [1, 2]


def ways(lab):
    return [nic[way] for nic in json.loads(lab.ctl("beta", "show dispatch json"))["interfaces"]
            for way in ("tx", "rx")]


@pytest.mark.parametrize("mode, cores", [("vmm", {0}), ("guest", {1, 2}), ("adaptive", {0, 1, 2})])
def test_dispatch_modes(lab, mode, cores):
    lab.ctl("beta", f"interface set g1.eth0 mode {mode}")
    end = time.monotonic() + PATIENCE_S
    while mode != "adaptive" and any(way["now"] != mode or not set(way["cores"]) <= cores
                                     for way in ways(lab)):
        assert time.monotonic() < end, ways(lab)
    pingkit.answered(lab, "beta/g1", PEER["beta"], interval=0.01)
    status, output = lab.sh("beta/g1", f"nuttcp -fparse -T {MODE_STREAM_S} {PEER['beta']}",
                            PATIENCE_S)
    assert status == 0 and measure.parse_nuttcp(output) > 0
    assert all(set(way["cores"]) <= cores for way in ways(lab))
    if mode == "vmm":
        (dispatcher,) = json.loads(lab.ctl("beta", "show dispatch json"))["dispatchers"]
        assert dispatcher["frames"] > 20
    lab.every_frame_has_an_end("beta")


def test_a_thousand_pings_none_lost(lab):
    # By the pace of the answers: the interval is there for what is lost.
    pingkit.none_lost(lab, "beta/g1", PEER["beta"], 1000, interval=0.01)


@pytest.mark.parametrize("size", [0, 1430, 1431, 4000])
def test_every_size_gets_through_whole(lab, size):
    pingkit.none_lost(lab, "alpha/g1", PEER["alpha"], 3, f"-s {size}")


@pytest.mark.parametrize("option", ["", "-r"])
def test_tcp_stream_and_every_frame_accounted_for(lab, option):
    before = measure.Counters(stats(lab))
    status, output = lab.sh("beta/g1", f"nuttcp -fparse {option} -T {STREAM_S} {PEER['beta']}",
                            PATIENCE_S)
    assert status == 0 and measure.parse_nuttcp(output) > 0
    after = stats(lab)
    lab.every_frame_has_an_end(*PEER)
    counted = measure.Counters(after) - before
    assert counted.frames["tx_frames"] and counted.frames["rx_frames"]
    assert counted.copies_tx() == 0 and counted.copies_rx() <= 1


def test_counters_of_both_ends_agree(lab):
    # A frame may be on the wire between the two questions.
    wait_for(lambda: abs(on_the_wire(lab) - lab.lost_at_start) <= 8, "both ends agree")


def test_the_guest_stops_and_starts_again(lab):
    """Each of its cores takes its part in that, one after the other."""
    for asked, state in (("stop", "stopped"), ("start", "running")):
        assert lab.ctl("beta", f"vm {asked} g1").strip() == ""
        end = time.monotonic() + PATIENCE_S
        while (shown := lab.ctl("beta", "show vm").splitlines()[1].split())[1] != state:
            assert time.monotonic() < end, shown
