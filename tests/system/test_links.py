# SPDX-License-Identifier: BSD-2-Clause
"""Guests over each kind of link, which is exchanged while they run (tests/system/links.lab),
and a guest on the LAN itself (examples/direct.lab).

    g1 10.1.0.1 - alpha 10.0.0.1 ======= 10.0.0.2 beta - 10.1.0.2 g1
"""

import json

import examplekit
import pingkit
import pytest
from labkit import measure
from waitkit import wait_for

NODES = {"alpha": ("beta", "10.0.0.2"), "beta": ("alpha", "10.0.0.1")}
KINDS = {
    "vnetu": ("udp remote {} port 9100 header vnetu", 48),
    "vxlan": ("vxlan remote {} vni 4242", 50),
    "geneve": ("geneve remote {} vni 7", 50),
    "tagged": ("geneve remote {} vni 7 tag 99", 58),
    "checksum": ("geneve remote {} vni 8 checksum on dscp copy", 50),
    "direct": ("direct", 0),
    "udp": ("udp remote {} port 9000", 42),
}
STREAM_S = 1
PATIENCE_S = 300
HELLOS = 8


@pytest.fixture(scope="module", name="lab")
def two_nodes(bring_up, hypervisor):
    return bring_up("tests/system/links.lab")


def exchange(lab, rest):
    for node, (peer, address) in NODES.items():
        lab.ctl(node, f"link del {peer} force")
        lab.ctl(node, f"link add {peer} {rest.format(address)}")
        lab.ctl(node, f"route add src any dst any to edge {peer} from interface g1.eth0")
        lab.ctl(node, f"route add src any dst any to interface g1.eth0 from edge {peer}")
    for node, (peer, _) in NODES.items():
        wait_for(lambda node=node, peer=peer: link(lab, node, peer)["state"] == "up", "the link")


def link(lab, node, name):
    return json.loads(lab.ctl(node, f"show link {name} json"))[0]


def stats(lab):
    return {node: json.loads(lab.ctl(node, "show stats json")) for node in NODES}


@pytest.mark.parametrize("kind", KINDS)
def test_guests_over_each_kind(lab, kind):
    rest, overhead = KINDS[kind]
    exchange(lab, rest)
    # Such a link is down while its peer is not heard, and that is soon.
    pingkit.lost_only_for(lab, NODES, ["unreachable"] if rest.startswith("geneve") else [],
                          pingkit.answered(lab, "alpha/g1", "10.1.0.2"))
    before = stats(lab)
    for option in ("", "-r"):
        status, output = lab.sh("alpha/g1", f"nuttcp -fparse {option} -T {STREAM_S} 10.1.0.2",
                                timeout=PATIENCE_S)
        assert status == 0 and measure.parse_nuttcp(output) > 0
    after = stats(lab)
    told = after["alpha"]["links"]["beta"]
    frames, segments = (told[what] - before["alpha"]["links"]["beta"][what]
                        for what in ("tx_frames", "tx_segments"))
    # Long segments go to the NIC whole, but where each must have a checksum.
    assert (frames == segments) == (kind == "checksum"), (frames, segments)
    # Pieces are put together for the guest that receives.
    joined = sum(after[node]["interfaces"]["g1.eth0"]["rx_joined"] -
                 before[node]["interfaces"]["g1.eth0"]["rx_joined"] for node in NODES)
    assert joined > 0
    for node in NODES:
        lab.every_frame_has_an_end(node)
        if kind == "geneve":
            def heard(node=node):
                told = link(lab, node, NODES[node][0])["keepalive"]
                return told["rtt_us"] > 0 and told["received"] > HELLOS
            wait_for(heard, "hellos")
    assert link(lab, "alpha", "beta")["mtu"] == 1500 - overhead or kind not in ("vxlan", "direct")


def test_multicast_over_a_direct_link(lab):
    exchange(lab, KINDS["direct"][0])
    examplekit.wait_for_link_local(lab, "alpha/g1", "eth0")
    examplekit.multicast_is_answered(lab, "beta/g1", {
        "alpha/g1": ("eth0", "10.1.0.1"), "beta/g1": ("eth0", "10.1.0.2")})
    exchange(lab, KINDS["udp"][0])


@pytest.fixture(scope="module", name="lan")
def one_node_on_a_lan(bring_up, hypervisor):
    return bring_up("examples/direct.lab")


def test_the_lan_as_every_example(lan):
    examplekit.check(lan)


def test_a_guest_on_the_lan(lan):
    """It and the node's own address answer a machine that knows nothing of overlays."""
    for address in ("10.0.0.11", "10.0.0.1"):
        pingkit.none_lost(lan, "p1", address)
    status, output = lan.sh("alpha/g1", f"nuttcp -fparse -T {STREAM_S} 10.0.0.9",
                            timeout=PATIENCE_S)
    assert status == 0 and measure.parse_nuttcp(output) > 0
    status, output = lan.sh("alpha/g1", f"nuttcp -fparse -r -T {STREAM_S} 10.0.0.9",
                            timeout=PATIENCE_S)
    assert status == 0 and measure.parse_nuttcp(output) > 0
    told = json.loads(lan.ctl("alpha", "show stats json"))
    lan.every_frame_has_an_end("alpha")
    assert told["links"]["lan"]["tx_segments"] > told["links"]["lan"]["tx_frames"]
    source = bytes.fromhex("020000000001" "0800")
    assert any("TCP" in frame for frame in lan.capture("alpha-p1", source))
