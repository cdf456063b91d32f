# SPDX-License-Identifier: BSD-2-Clause
"""An address by DHCP: our own server, good and bad, and QEMU's as an independent one.

    alpha, address dhcp ======= 10.7.0.1, a server; 10.7.0.2, a peer
"""

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw
from wirekit import BROADCAST, NODE_MAC, Node, Wire, linked, wait_for

SERVER, PEER, GIVEN = "10.7.0.1", "10.7.0.2", "10.7.0.9"
HOSTS = {SERVER: "52:54:00:00:07:01", PEER: "52:54:00:00:07:02"}
CONF = f"""\
  uplink add 0 address dhcp
  link add beta udp remote {PEER} port 9000
"""
RETRY_S = 120  # RFC 2131, 4.1: after 4 s, give or take one; 8, 16 ...
COOKIE = b"\x63\x82\x53\x63"
OFFERED = {"server_id": SERVER, "subnet_mask": "255.255.255.0", "router": SERVER,
           "lease_time": 3600}


@pytest.fixture(scope="module", name="wire")
def our_end(tmp_path_factory):
    wire = Wire(tmp_path_factory.mktemp("dhcp"), HOSTS)
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


def kind(packet):
    options = packet[DHCP].options if DHCP in packet else []
    return next((option[1] for option in options if option[0] == "message-type"), None)


def option(packet, name):
    return next((o[1] for o in packet[DHCP].options if o[0] == name), None)


DISCOVER, REQUEST = 1, 3


def expect(wire, message, timeout=RETRY_S):
    return wire.expect(lambda p: kind(p) == message, timeout)


def answer(asked, message, given=GIVEN, bootp=None, udp=None, **changes):
    """A server's answer; options with the value None are left out."""
    options = [("message-type", message)]
    options += [o for o in {**OFFERED, **changes}.items() if o[1] is not None]
    fields = {"op": 2, "yiaddr": given, "siaddr": SERVER, "chaddr": asked[BOOTP].chaddr,
              "xid": asked[BOOTP].xid, "flags": asked[BOOTP].flags, **(bootp or {})}
    return (Ether(src=HOSTS[SERVER], dst=BROADCAST) / IP(src=SERVER, dst="255.255.255.255") /
            UDP(**{"sport": 67, "dport": 68, **(udp or {})}) / BOOTP(**fields) /
            DHCP(options=[*options, "end"]))


def begin_again(node, wire):
    """The node forgets its address; gives its DISCOVER."""
    wire.take_all()
    node.ctl("uplink set 0 address dhcp")
    return expect(wire, DISCOVER)


def take(wire, asked, **changes):
    """An exchange that succeeds; gives the node's REQUEST."""
    wire.send(answer(asked, "offer", **changes))
    request = expect(wire, REQUEST)
    wire.send(answer(request, "ack", **changes))
    return request


def test_discover_request_and_address(node, wire):
    asked = expect(wire, DISCOVER)
    assert (asked.src, asked.dst) == (NODE_MAC, BROADCAST)
    assert (asked[IP].src, asked[IP].dst) == ("0.0.0.0", "255.255.255.255")
    assert (asked[UDP].sport, asked[UDP].dport) == (68, 67)
    assert asked[BOOTP].chaddr[:6] == bytes.fromhex(NODE_MAC.replace(":", ""))
    assert asked[BOOTP].flags == 0x8000 and asked[BOOTP].ciaddr == "0.0.0.0"
    assert {1, 3, 26, 51} <= set(option(asked, "param_req_list"))
    assert "no address yet, DHCP asking" in node.ctl("show uplink")

    request = take(wire, asked)
    assert request[BOOTP].xid == asked[BOOTP].xid
    assert option(request, "requested_addr") == GIVEN and option(request, "server_id") == SERVER
    announced = wire.expect(lambda p: ARP in p and p[ARP].psrc == GIVEN)
    assert announced[ARP].pdst == GIVEN
    node.wait_log(r"DHCP gave 10\.7\.0\.9\n")
    node.wait_log(r"uplink: 0: address 10\.7\.0\.9/24, gateway 10\.7\.0\.1\n")
    shown = node.ctl("show uplink")
    assert "address 10.7.0.9/24, mtu 1500, DHCP bound" in shown


def ping(wire, address):
    wire.send(Ether(src=HOSTS[PEER], dst=NODE_MAC) / IP(src=PEER, dst=address) / ICMP(id=7) /
              Raw(b"there?"))
    return wire.expect(lambda p: ICMP in p and p[ICMP].type == 0)


def test_the_address_is_in_use(node, wire):
    assert ping(wire, GIVEN)[IP].src == GIVEN
    before = node.stats()["links"]["beta"]["rx_frames"]
    frame = Ether(linked(bytes(60), PEER))
    frame[IP].dst, frame.src = GIVEN, HOSTS[PEER]
    del frame[IP].chksum, frame[UDP].chksum
    wire.send(frame)
    ping(wire, GIVEN)
    assert node.stats()["links"]["beta"]["rx_frames"] == before + 1


def test_another_address_and_a_smaller_mtu(node, wire):
    take(wire, begin_again(node, wire), given="10.7.0.77", **{"interface-mtu": 1400})
    wait_for(lambda: "10.7.0.77/24, mtu 1400, DHCP bound" in node.ctl("show uplink"),
             "the new address and MTU")
    assert ping(wire, "10.7.0.77")[IP].src == "10.7.0.77"


MALFORMED = {
    "no reply": lambda asked: answer(asked, "offer", bootp={"op": 1}),
    "another kind of hardware": lambda asked: answer(asked, "offer", bootp={"htype": 6}),
    "no server": lambda asked: answer(asked, "offer", server_id=None),
    "a server that is nobody": lambda asked: answer(asked, "offer", server_id="0.0.0.0"),
    "no mask": lambda asked: answer(asked, "offer", subnet_mask=None),
    "no lease": lambda asked: answer(asked, "offer", lease_time=None),
    "lease of no time": lambda asked: answer(asked, "offer", lease_time=0),
    "a group's address": lambda asked: answer(asked, "offer", given="224.0.0.1"),
    "no address": lambda asked: answer(asked, "offer", given="0.0.0.0"),
    "no cookie": lambda asked: recut(asked, lambda data: data.replace(COOKIE, b"cook")),
    "no end": lambda asked: recut(asked, lambda data: data.rstrip(b"\xff")),
    "cut off": lambda asked: recut(asked, lambda data: data[:-9]),
    "options only begun": lambda asked: recut(asked, lambda data: data[:data.index(COOKIE) + 5]),
    "nothing": lambda asked: recut(asked, lambda data: b""),
    "half of it": lambda asked: recut(asked, lambda data: data[:100]),
    "mask of three bytes": lambda asked: recut(
        asked, lambda data: data.replace(b"\x01\x04\xff\xff\xff\x00", b"\x01\x03\xff\xff\xff\x00")),
}


def recut(asked, change):
    packet = answer(asked, "offer")
    data = change(bytes(packet[UDP].payload))
    packet[UDP].remove_payload()
    return packet / Raw(data)


IGNORED = {
    "another exchange": lambda asked: answer(asked, "offer", bootp={"xid": 1}),
    "another client": lambda asked: answer(asked, "offer", bootp={"chaddr": b"\x02" * 6}),
    "an ack out of the blue": lambda asked: answer(asked, "ack"),
    "no server's port": lambda asked: answer(asked, "offer", udp={"sport": 6767}),
}


def message_counts(node):
    line = next(text for text in node.ctl("show uplink").splitlines() if "DHCP messages" in text)
    return [int(word) for word in line.replace(",", "").split() if word.isdigit()]


def test_bad_offers_are_not_taken(node, wire):
    asked = begin_again(node, wire)
    sent, malformed, ignored = message_counts(node)
    wire.send(*(make(asked) for make in MALFORMED.values()),
              *(make(asked) for make in IGNORED.values()))
    wait_for(lambda: message_counts(node)[1:] ==
             [malformed + len(MALFORMED), ignored + len(IGNORED)], "all are counted")
    assert message_counts(node)[0] >= sent  # it may have asked again meanwhile
    node.wait_log("malformed DHCP message ignored")
    assert "no address yet, DHCP asking" in node.ctl("show uplink")
    assert not [packet for packet in wire.take_all() if kind(packet) == REQUEST]
    # A good one in the same exchange is taken.
    take(wire, asked)
    wait_for(lambda: "DHCP bound" in node.ctl("show uplink"), "the address")


def test_an_address_for_no_host(node, wire):
    begun = len(node.log())
    take(wire, begin_again(node, wire), given="10.7.0.255")
    node.wait_log(r"DHCP offers 10\.7\.0\.255: no host's address", start=begun)
    assert "no address yet" in node.ctl("show uplink")


def test_refused_it_asks_again(node, wire):
    begun = len(node.log())
    asked = begin_again(node, wire)
    wire.send(answer(asked, "offer"))
    wire.send(answer(expect(wire, REQUEST), "nak", given="0.0.0.0"))
    node.wait_log("DHCP server refused our address", start=begun)
    again = expect(wire, DISCOVER)
    assert again[BOOTP].xid != asked[BOOTP].xid
    take(wire, again)
    wait_for(lambda: "DHCP bound" in node.ctl("show uplink"), "the address")


def test_nobody_answers(node, wire):
    begun = len(node.log())
    asked = begin_again(node, wire)
    node.wait_log("no DHCP server answers; asking on", RETRY_S, begun)
    # The console works, another exchange has begun, and a static address helps.
    assert expect(wire, DISCOVER)[BOOTP].xid == asked[BOOTP].xid
    assert "no address yet, DHCP asking" in node.ctl("show uplink")
    assert node.stats()["sum"]["balanced"]
    node.ctl("uplink set 0 address 10.7.0.50/24")
    assert ping(wire, "10.7.0.50")[IP].src == "10.7.0.50"


def test_qemus_server(tmp_path, hypervisor):
    with Node(str(tmp_path), hypervisor, "  uplink add 0 address dhcp\n",
              "user,id=net0,net=10.9.0.0/24,host=10.9.0.2,dhcpstart=10.9.0.33") as node:
        node.wait_log(r"uplink: 0: address 10\.9\.0\.33/24, gateway 10\.9\.0\.2\n")
        assert "DHCP bound" in node.ctl("show uplink")
