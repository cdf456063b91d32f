# SPDX-License-Identifier: BSD-2-Clause
"""Guests with an MTU of 9000 over a wire of 1500: examples/jumbo.lab.

    g1 10.1.0.1 - alpha 10.0.0.1 ======= 10.0.0.2 beta - 10.1.0.2 g1
"""

import json
import os

import examplekit
import pingkit
import pytest
from labkit import measure
from scapy.layers.inet import IP, UDP, defragment
from scapy.layers.l2 import Ether
from waitkit import wait_for

PEER = {"alpha": "10.1.0.2", "beta": "10.1.0.1"}
LINK_PORT = 9000
WIRE_MTU = 1500
ICMP_HEADERS = 28
SIZES = [1400, 1430, 1431, 2902, 2903, 8900, 8972]
ETH_HEADER = 14
UDP_HEADER = 8
NIC_RING = 256
RETURNS = 32  # packets on their way home that nobody is woken for
BETWEEN = 8  # frames on the wire between two questions
STREAM_S = int(os.environ.get("STREAM_S", "3"))


@pytest.fixture(scope="module", name="lab")
def running_lab(bring_up, hypervisor):
    return bring_up("examples/jumbo.lab")


def stats(lab):
    return {node: json.loads(lab.ctl(node, "show stats json")) for node in PEER}


def losses(lab):
    """Drops of both nodes by reason."""
    return {f"{node} {reason}": count for node, told in stats(lab).items()
            for kind in ("drops", "uplink_drops") for reason, count in told[kind].items() if count}


def test_as_every_example(lab):
    examplekit.check(lab)


@pytest.mark.parametrize("node", PEER)
def test_the_guest_has_the_mtu(lab, node):
    assert lab.sh(f"{node}/g1", "cat /sys/class/net/eth0/mtu") == (0, "9000\n")


@pytest.mark.parametrize("node", PEER)
def test_large_packets_arrive_whole(lab, node):
    before = losses(lab)
    missing = [pingkit.lost(pingkit.answered(lab, f"{node}/g1", PEER[node], 10,
                                             f"-M do -s {size}")) for size in SIZES]
    # An emulated machine may stand still for longer than fragments are waited for.
    dropped = {name: count - before.get(name, 0) for name, count in losses(lab).items()
               if count != before.get(name, 0)}
    assert {name.split()[1] for name in dropped} <= {"fragment-timeout"}
    assert sum(map(len, missing)) <= sum(dropped.values()), (missing, dropped)


def test_what_is_larger_than_the_mtu_is_refused_by_the_guest_itself(lab):
    status, output = lab.sh("alpha/g1", f"ping -M do -c 1 -s 8973 {PEER['alpha']}")
    assert status and "message too long" in output.lower()


def test_fragments_on_the_wire(lab):
    size = 8900
    pingkit.answered(lab, "alpha/g1", PEER["alpha"], 3, f"-M do -s {size} -p fade")
    seen = [frame[IP] for frame in lab.capture("alpha-beta") if IP in frame]
    assert all(len(packet) <= WIRE_MTU for packet in seen)
    pieces = [packet for packet in seen if packet.flags.MF or packet.frag]
    # Those of the marked ping: by the ids of the pieces that hold the mark.
    mark = b"\xfa\xde" * 16
    ids = {(p.src, p.id) for p in pieces if mark in bytes(p)}
    pieces = [p for p in pieces if (p.src, p.id) in ids]
    whole = [packet for packet in defragment(pieces) if UDP in packet]
    frame = size + ICMP_HEADERS + ETH_HEADER
    per_packet = -(-(frame + UDP_HEADER) // 1480)
    # One that was still on its way is not whole; those that are have so many pieces.
    ids = {(p.src, p.id) for p in whole}
    pieces = [p for p in pieces if (p.src, p.id) in ids]
    assert len(whole) >= 6 and len(pieces) == len(whole) * per_packet
    for packet in whole:
        again = IP(bytes(packet))
        assert again[UDP].dport == LINK_PORT and again[UDP].chksum
        told = again[UDP].chksum
        del again[UDP].chksum
        assert IP(bytes(again))[UDP].chksum == told
        inner = Ether(bytes(again[UDP].payload))
        assert len(inner) == frame and inner[IP].dst in PEER.values()


@pytest.mark.parametrize("option", ["", "-r"])
def test_tcp(lab, option):
    before = stats(lab)
    status, output = lab.sh("alpha/g1", f"nuttcp -fparse {option} -T {STREAM_S} {PEER['alpha']}",
                            timeout=STREAM_S + 300)
    assert status == 0 and measure.parse_nuttcp(output) > 0
    after = stats(lab)
    lab.every_frame_has_an_end(*PEER)
    sender, link = ("beta", "alpha") if option else ("alpha", "beta")
    frames, size = (after[sender]["links"][link][what] - before[sender]["links"][link][what]
                    for what in ("tx_frames", "tx_bytes"))
    assert size / frames > 2 * WIRE_MTU, "the guest sends large segments"
    # What did not arrive has a reason at one of the nodes.
    arrived = (after[link]["links"][sender]["rx_frames"] -
               before[link]["links"][sender]["rx_frames"])
    lost = sum(sum(after[node][kind].values()) - sum(before[node][kind].values())
               for node in PEER for kind in ("drops", "uplink_drops"))
    assert frames - arrived <= lost + BETWEEN


def test_no_packet_has_leaked(lab):
    """Once all is quiet every packet is in its pool but those that the NIC waits with,
    and those few that another core gives back when there are more of them."""
    def missing():
        return [(node, pool) for node, told in stats(lab).items() for pool in told["pools"]
                if pool["count"] - pool["free"] > RETURNS * (len(told["cores"]) - 1) +
                (NIC_RING if pool["name"] == "receive" else 0)]

    wait_for(lambda: not missing(), "all packets are back")
