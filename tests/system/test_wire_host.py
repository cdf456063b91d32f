# SPDX-License-Identifier: BSD-2-Clause
"""The node as a host on the wire: ARP, ICMP echo, and what it must not answer.

    this program 10.0.0.2, 10.0.0.3 ======= 10.0.0.1 alpha
"""

import pytest
from scapy.layers.inet import ICMP, IP, UDP, defragment
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw
from wirekit import (BROADCAST, LINK_PORT, NODE_IP, NODE_MAC, OTHER_IP, PEER_IP, PEERS, Node, Wire,
                     dropping, eth, ip, wait_for)

CONF = """\
  uplink add 0 address 10.0.0.1/24 gateway 10.0.0.254 mtu 1500
  link add beta udp remote 10.0.0.2 port 9000
"""
ECHO_RATE = 1000


@pytest.fixture(scope="module", name="wire")
def our_end(tmp_path_factory):
    wire = Wire(tmp_path_factory.mktemp("host"), PEERS)
    yield wire
    wire.close()


@pytest.fixture(scope="module", name="node")
def running_node(wire, hypervisor):
    with Node(wire.directory, hypervisor, CONF, wire.netdev()) as node:
        yield node


@pytest.fixture(autouse=True)
def log_of_failures(node):
    yield
    print(node.log_tail())  # pytest shows it when the test failed


def is_arp_from_node(packet):
    return ARP in packet and packet[ARP].psrc == NODE_IP


def test_gratuitous_arp_at_the_start(node, wire):
    packet = wire.expect(is_arp_from_node)
    assert packet.dst == BROADCAST and packet.src == NODE_MAC
    assert (packet[ARP].op, packet[ARP].pdst, packet[ARP].hwsrc) == (1, NODE_IP, NODE_MAC)


def test_arp_request_is_answered(wire):
    wire.send(eth(dst=BROADCAST) / ARP(hwsrc=PEERS[PEER_IP], psrc=PEER_IP, pdst=NODE_IP))
    packet = wire.expect(lambda p: is_arp_from_node(p) and p[ARP].op == 2)
    assert (packet.dst, packet.src) == (PEERS[PEER_IP], NODE_MAC)
    answer = packet[ARP]
    assert (answer.hwsrc, answer.hwdst, answer.pdst) == (NODE_MAC, PEERS[PEER_IP], PEER_IP)


def test_arp_for_others_is_not_answered(wire):
    wire.send(eth(dst=BROADCAST) / ARP(hwsrc=PEERS[PEER_IP], psrc=PEER_IP, pdst=OTHER_IP))
    assert not [packet for packet in wire.settle() if ARP in packet]


@pytest.mark.parametrize("size", [0, 1, 56, 1471, 1472])
def test_echo(wire, size):
    data = bytes(range(256)) * 6
    answer, _ = wire.echo(OTHER_IP, data[:size])
    assert (answer.src, answer.dst) == (NODE_MAC, PEERS[OTHER_IP])
    assert (answer[IP].src, answer[IP].dst, answer[IP].ttl) == (NODE_IP, OTHER_IP, 64)
    payload = bytes(answer[ICMP].payload)[:answer[IP].len - 28]
    assert payload == data[:size]
    # Both checksums are those that scapy makes of the same packet.
    again = IP(bytes(answer[IP])[:answer[IP].len])
    del again.chksum, again[ICMP].chksum
    again = IP(bytes(again))
    assert (again.chksum, again[ICMP].chksum) == (answer[IP].chksum, answer[ICMP].chksum)


@pytest.mark.parametrize("size", [1473, 4000, 9000])
def test_echo_in_fragments(wire, size):
    data = bytes(i * 7 % 251 for i in range(size))
    pieces = (ip() / ICMP(id=size, seq=1) / Raw(data)).fragment(1480)
    wire.send(*pieces)
    before, last = wire.until(lambda f: IP in Ether(f) and Ether(f)[IP].proto == 1 and
                              not Ether(f)[IP].flags.MF)
    answers = [packet[IP] for packet in map(Ether, [*before, last]) if IP in packet]
    assert len(answers) == len(pieces) and all(len(a) <= 1500 for a in answers)
    joined, = defragment(answers)
    assert bytes(IP(bytes(joined))[ICMP].payload) == data


def test_echo_reaches_who_is_behind_the_gateway(wire):
    gateway = "52:54:00:00:00:fe"
    wire.hosts["10.0.0.254"] = gateway
    wire.send(ip("192.0.2.7") / ICMP(id=77) / Raw(b"far"))
    answer = wire.expect(lambda p: ICMP in p and p[ICMP].id == 77)
    assert (answer.dst, answer[IP].dst) == (gateway, "192.0.2.7")


def test_frames_for_others_are_not_taken(node, wire):
    with dropping(node, wire):
        other = eth(dst="52:54:00:00:00:77")
        wire.send(other / IP(src=PEER_IP, dst=NODE_IP) / ICMP(id=1),
                  other / ARP(hwsrc=PEERS[PEER_IP], psrc=PEER_IP, pdst=NODE_IP),
                  eth(dst="01:00:5e:00:00:01") / IP(src=PEER_IP, dst="224.0.0.1") / ICMP(id=2))
        assert not wire.settle()


def arp(**fields):
    return eth(dst=BROADCAST) / ARP(**{"hwsrc": PEERS[PEER_IP], "psrc": PEER_IP, "pdst": NODE_IP,
                                      **fields})


def cut(packet, length):
    return bytes(packet)[:length]


# reason: frames that each must be dropped for it, and get no answer
IGNORED = {
    "vlan": [eth() / Dot1Q(vlan=5) / IP(src=PEER_IP, dst=NODE_IP) / ICMP(),
             eth(type=0x88a8) / Raw(bytes(50))],
    "ethertype": [eth(type=0x86dd) / Raw(bytes(60)), eth(type=0x88cc) / Raw(bytes(60)),
                  eth(type=46) / Raw(bytes(46))],
    "arp-bad": [arp(op=3), arp(hwtype=6), arp(ptype=0x86dd), arp(hwlen=8, hwsrc=bytes(8),
                                                                hwdst=bytes(8)),
                arp(hwsrc="00:00:00:00:00:00"), arp(hwsrc=BROADCAST), arp(hwsrc=NODE_MAC),
                arp(psrc="224.0.0.5"), arp(psrc="255.255.255.255")],
    "arp-conflict": [arp(psrc=NODE_IP), arp(psrc=NODE_IP, pdst=PEER_IP, op=2)],
    "ip-bad": [ip(version=6) / ICMP(), ip(ihl=4) / ICMP(), ip(ihl=15, len=40) / ICMP(),
               ip(len=19) / ICMP(), ip(len=1400) / ICMP()],
    "ip-checksum": [ip(chksum=1) / ICMP(), ip(chksum=0) / UDP(dport=LINK_PORT) / Raw(bytes(64))],
    "ip-ttl": [ip(ttl=0) / ICMP()],
    "ip-source": [ip(source) / ICMP() for source in
                  ("0.0.0.0", "127.0.0.1", "224.0.0.9", "255.255.255.255", "10.0.0.255", NODE_IP)],
    "ip-address": [ip(dst=address) / ICMP() for address in
                   ("10.0.0.9", "224.0.0.1", "127.0.0.1", "0.0.0.0")],
    "ip-protocol": [ip(proto=6) / Raw(bytes(40)), ip(proto=47) / Raw(bytes(40))],
    "udp-bad": [ip() / UDP(dport=LINK_PORT, len=7) / Raw(bytes(40)),
                ip() / UDP(dport=LINK_PORT, len=900) / Raw(bytes(40)),
                ip(proto=17) / Raw(bytes(7)), ip(proto=17)],
    "udp-checksum": [ip() / UDP(dport=LINK_PORT, chksum=0xbad) / Raw(bytes(64))],
    "icmp-bad": [ip(proto=1) / Raw(b"\x08\x00\xf7\xff"),
                 ip() / ICMP(type=3, code=4, nexthopmtu=1200) / Raw(bytes(28)),
                 ip() / ICMP(type=3, code=4, nexthopmtu=0) / IP(src=NODE_IP, dst=PEER_IP, len=1400)
                 / UDP(sport=LINK_PORT, dport=LINK_PORT),
                 ip() / ICMP(type=3, code=4, nexthopmtu=1400) / IP(src=PEER_IP, dst=NODE_IP)
                 / UDP()],
    "icmp-checksum": [ip() / ICMP(chksum=0x1234) / Raw(b"data")],
    "icmp-ignored": [ip() / ICMP(type=0, id=9), ip() / ICMP(type=8, code=1), ip() / ICMP(type=13),
                     ip() / ICMP(type=5, gw=OTHER_IP) / IP(src=NODE_IP, dst=PEER_IP) / UDP(),
                     eth(dst=BROADCAST) / IP(src=PEER_IP, dst="255.255.255.255") / ICMP(),
                     eth(dst=BROADCAST) / IP(src=PEER_IP, dst="10.0.0.255") / ICMP()],
}


@pytest.mark.parametrize("reason", IGNORED)
def test_ignored_and_counted(node, wire, reason):
    with dropping(node, wire, **{f"uplink-{reason}": len(IGNORED[reason])}):
        wire.send(*IGNORED[reason])
        answers = wire.settle()
        assert not answers, [packet.summary() for packet in answers]
    assert f"dropped {reason} " in node.ctl("show uplink")
    assert f"uplink {reason}" in node.ctl("show stats")


def test_who_uses_our_address_is_named(node, wire):
    wire.send(arp(psrc=NODE_IP, hwsrc="52:54:00:00:00:66"))
    node.wait_log(r"address 10\.0\.0\.1 is also used by (52:54:00:00:00:(02|66))")


def test_closed_port_is_said_to_the_sender(node, wire):
    with dropping(node, wire, uplink_udp_port=1):
        question = ip() / UDP(sport=4000, dport=4001) / Raw(b"anybody there?")
        wire.send(question)
        answer = wire.expect(lambda p: ICMP in p)
    assert (answer[ICMP].type, answer[ICMP].code) == (3, 3)
    # RFC 792: the header and 8 bytes of what it is about.
    assert bytes(answer[ICMP].payload)[:28] == bytes(question[IP])[:28]


def test_no_answer_to_a_broadcast_for_a_closed_port(node, wire):
    with dropping(node, wire, uplink_udp_port=1):
        wire.send(eth(dst=BROADCAST) / IP(src=PEER_IP, dst="255.255.255.255") / UDP(dport=4001))
        assert not wire.settle()


def test_short_frames_are_padded_and_their_padding_ignored(wire):
    answer, _ = wire.echo(data=b"x")
    assert answer[IP].len == 29 and len(answer) >= 60


def test_tiny_and_giant_frames_do_no_harm(node, wire):
    before = node.stats()["uplink"]
    whole = bytes(ip() / ICMP() / Raw(bytes(17000)))
    # QEMU pads what is shorter than a frame; the NIC refuses what is longer than 9 KB.
    wire.send(b"\x52", bytes(5), whole[:13], whole[:1600], whole[:9014], whole[:16384], whole)
    wire.settle()
    after = node.stats()["uplink"]
    assert after["rx_errors"] - before["rx_errors"] >= 2
    assert after["resets"] == before["resets"]


def test_echo_flood_is_limited_and_survived(node, wire):
    request = bytes(ip() / ICMP(id=5) / Raw(b"flood"))
    before = node.drops().get("uplink icmp-limit", 0)
    wire.send(*[request] * (3 * ECHO_RATE))
    answers = 0

    def limited():
        nonlocal answers
        wire.take_in(0)
        answers += len(wire.received)
        wire.received.clear()
        return node.drops().get("uplink icmp-limit", 0) - before

    # All are accounted for: answered or dropped by the limit.
    wait_for(lambda: limited() + answers >= 3 * ECHO_RATE, "an end of each")
    assert answers and limited() + answers == 3 * ECHO_RATE
    wire.settle()


def test_arp_flood_leaves_the_peers_alone(node, wire):
    ask = bytes(arp())
    for last in range(10, 250):
        mac = bytes.fromhex("020000000000")[:5] + bytes([last])
        wire.send(ask[:6] + mac + ask[12:22] + mac + bytes([10, 0, 0, last]) + ask[32:])
    wire.settle()
    assert node.stats()["uplink"]["rx_missed"] == 0


def test_it_counts_in_both_directions(node, wire):
    wire.take_in(0)
    before, asked = node.stats()["uplink"], wire.asked
    for _ in range(5):
        wire.echo()
    after = node.stats()["uplink"]
    wire.take_in(0)
    # It may have asked for a peer's address again.
    asked = wire.asked - asked
    assert 5 <= after["rx_frames"] - before["rx_frames"] <= 5 + asked
    assert 5 <= after["tx_frames"] - before["tx_frames"] <= 5 + asked
    assert after["irqs"] > before["irqs"] and not after["polled"]
