# SPDX-License-Identifier: BSD-2-Clause
"""Two nodes, a guest each, one UDP link: examples/pair.lab.

    g1 10.1.0.1 - alpha 10.0.0.1 ======= 10.0.0.2 beta - 10.1.0.2 g1
"""

import json
import os

import examplekit
import ledgerkit
import pingkit
import pytest
from labkit import measure
from waitkit import wait_for

PEER = {"alpha": "10.1.0.2", "beta": "10.1.0.1"}
LINK_PORT = 9000
STREAM_S = int(os.environ.get("STREAM_S", "3"))
PATIENCE_S = STREAM_S + 300


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    running = bring_up("examples/pair.lab")
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


def test_as_every_example(lab):
    examplekit.check(lab)


def test_guests_see_the_machine_they_should(lab):
    for node in PEER:
        status, log = lab.sh(f"{node}/g1", "dmesg")
        assert status == 0
        assert "x2apic enabled" in log
        clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
        assert lab.sh(f"{node}/g1", f"cat {clock}")[1].strip() in ("kvm-clock", "tsc")
        assert lab.sh(f"{node}/g1", "cat /sys/class/net/eth0/mtu") == (0, "1458\n")


@pytest.mark.parametrize("node", PEER)
def test_a_thousand_pings_none_lost(lab, node):
    pingkit.none_lost(lab, f"{node}/g1", PEER[node], 1000, interval=0.01)


def test_the_ping_travels_inside_the_link(lab):
    numbers = pingkit.none_lost(lab, "alpha/g1", PEER["alpha"], 3, "-p cafe")
    marked = lab.capture("alpha-beta", b"\xca\xfe" * 4)
    assert len(marked) >= 2 * len(numbers)
    for frame in marked:
        assert frame["IP"].src in ("10.0.0.1", "10.0.0.2")
        assert frame["UDP"].dport == LINK_PORT
        # The inner frame begins right behind the UDP header: a guest's Ethernet header.
        inner = bytes(frame["UDP"].payload)
        assert {inner[:6], inner[6:12]} == {bytes.fromhex("020000000001"),
                                           bytes.fromhex("020000000002")}


def test_broadcast_and_ipv6_neighbour_discovery(lab):
    assert lab.sh("beta/g1", "ip neigh flush dev eth0")[0] == 0
    pingkit.answered(lab, "beta/g1", PEER["beta"], 2)
    examplekit.multicast_is_answered(lab, "alpha/g1", examplekit.EXAMPLES["pair"][0])


@pytest.mark.parametrize("size", [0, 1, 64, 1430, 1431, 4000, 16000])
def test_every_size_gets_through_whole(lab, size):
    pingkit.none_lost(lab, "alpha/g1", PEER["alpha"], 5, f"-s {size}")


def switch_ledgers(lab, how):
    for node in PEER:
        lab.ctl(node, f"ledger {how}")


def kicks(node):
    return node["vms"]["g1"]["kicks"]


def check_ledgers(lab, outer, inner, after, last):
    """The ledgers of a TCP stream between the second pair of figures: they cover at least that,
    and at most what lies between the first and the last."""
    for at, node in enumerate(PEER):
        told = json.loads(lab.ctl(node, "show ledger json"))
        ledgerkit.check(told)
        least, most = measure.Counters([after[at]]), measure.Counters([last[at]])
        least, most = least - measure.Counters([inner[at]]), most - measure.Counters([outer[at]])
        assert least.exits <= told["exits"] <= most.exits
        kicked = ledgerkit.stage(told, "tx", "kick")["count"]
        assert kicks(after[at]) - kicks(inner[at]) <= kicked
        assert kicked <= kicks(last[at]) - kicks(outer[at])
        # A kick is an exit; one that a reset or another core's queue had would not be here.
        assert ledgerkit.stage(told, "tx", "exit")["exits"] >= kicked
        for direction, wanted in (("tx", 0), ("rx", 1)):
            part = told["directions"][direction]
            assert part["frames"] >= least.frames[f"{direction}_frames"] > 0
            assert ledgerkit.total(told, direction, "copies") == wanted * part["frames"]
            for stage in part["stages"]:
                assert stage["cycles"] > 0 and stage["laps"] > 0, stage
        assert "sum  " in lab.ctl(node, "show ledger histogram")


@pytest.mark.parametrize("option", ["", "-r"])
def test_tcp_stream_and_every_frame_accounted_for(lab, option):
    outer = stats(lab)
    switch_ledgers(lab, "on")
    inner = stats(lab)
    before = measure.Counters(inner)
    status, output = lab.sh("alpha/g1", f"nuttcp -fparse {option} -T {STREAM_S} 10.1.0.2",
                            timeout=PATIENCE_S)
    assert status == 0 and measure.parse_nuttcp(output) > 0
    after = stats(lab)
    switch_ledgers(lab, "off")
    check_ledgers(lab, outer, inner, after, stats(lab))
    lab.every_frame_has_an_end(*PEER)
    counted = measure.Counters(after) - before
    assert counted.frames["tx_frames"] and counted.frames["rx_frames"]
    # Counts, not times: these hold on any machine.
    assert counted.exits_per_packet() <= 2.5
    assert counted.copies_rx() <= 1


def test_counters_of_both_ends_agree(lab):
    # A frame may be on the wire between the two questions.
    wait_for(lambda: abs(on_the_wire(lab) - lab.lost_at_start) <= 8, "both ends agree")


def test_memory_and_size_stay_small(lab):
    for node in stats(lab):
        assert node["image_bytes"] <= 512 * 1024
        assert node["resident_bytes"] <= 16 * 1024 * 1024


def test_config_is_printed_in_its_own_language(lab):
    shown = lab.ctl("alpha", "show config")
    for line in ("caisson 1", "uplink add 0", "link add beta udp", "vm add g1",
                 "interface add g1.eth0"):
        assert line in shown


def test_wrong_commands_are_told_with_their_column(lab):
    done = lab.tool("ctl", "alpha", "show stats jsn")
    assert done.returncode == 1
    assert "console:12:" in done.stdout and "json" in done.stdout
