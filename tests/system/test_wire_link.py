# SPDX-License-Identifier: BSD-2-Clause
"""UDP links against a peer that does everything wrong. No guest is needed: the
node carries frames from one link to another, and we are at the end of both.

    10.0.0.2 == beta, port 9000 ==\\            /== gamma, port 9001 == 10.0.0.3
                                   alpha 10.0.0.1
             == small, port 9002 ==/  \\ g1.eth0, a guest that is off
"""

import json
import os
import random
import subprocess
import time

import pytest
from conftest import ROOT
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from wirekit import (BROADCAST, LINK_SPORT, NODE_IP, OTHER_IP, PEER_IP, PEERS, Node, Wire,
                     datagram, dropping, fragment, fragments, ip, linked, patient, wait_for)

GUEST_MAC = "02:00:00:00:00:01"
FAR_MAC = "02:00:00:00:00:0f"
CONF = f"""\
  uplink add 0 address 10.0.0.1/24 mtu 1500
  link add beta udp remote {PEER_IP} port 9000
  link add gamma udp remote {OTHER_IP} port 9001
  link add small udp remote {OTHER_IP} port 9002 fragment off
  vm add g1 memory 16M kernel tests.elf
  interface add g1.eth0 mac {GUEST_MAC} mtu 1458
  route add src any dst any to edge gamma from edge beta
  route add src any dst any to edge beta from edge gamma
  route add src any dst {GUEST_MAC} to interface g1.eth0 from edges
  route add src any dst 02:00:00:00:00:aa to edge small from edge beta
"""
BETA, GAMMA, SMALL = 9000, 9001, 9002
OUTER = 42  # bytes before the inner frame
FRAGMENT_TIMEOUT_S = 0.1
PIECES_MAX = 19  # fragments a datagram may have


@pytest.fixture(scope="module", name="wire")
def our_end(tmp_path_factory):
    wire = Wire(tmp_path_factory.mktemp("link"), PEERS)
    yield wire
    wire.close()


@pytest.fixture(scope="module", name="node")
def running_node(wire, hypervisor):
    kernel = "build/guest/tests.elf"
    subprocess.run(["make", "-s", "-C", ROOT, kernel], check=True)
    with Node(wire.directory, hypervisor, CONF, wire.netdev(),
              modules=[os.path.join(ROOT, kernel)]) as node:
        assert node.stats()["config_errors"] == 0
        for host in PEERS:
            wire.echo(host)
        # Both peers' addresses are known from here on.
        wire.send(linked(inner()), linked(inner(), OTHER_IP, GAMMA))
        wire.settle()
        yield node


@pytest.fixture(autouse=True)
def everything_is_accounted_for(node, wire):
    """After each test: it answers, no packet has leaked, and the sum holds."""
    pools = node.pools()
    yield
    print(node.log_tail())  # pytest shows it when the test failed
    wire.settle()
    wait_for(lambda: node.pools() == pools, f"all packets are back: {pools}")
    assert node.stats()["sum"]["balanced"]


def inner(dst=FAR_MAC, src="02:00:00:00:00:0e", data=b"inner frame", ethertype=0x88b5):
    return bytes(Ether(dst=dst, src=src, type=ethertype) / Raw(data))


def carried(frames):
    """The inner frames that these frames of the node carry."""
    return [bytes(p[UDP].payload)[:p[UDP].len - 8] for p in frames if UDP in p]


# --- what gets through ---------------------------------------------------------

def test_a_frame_goes_from_link_to_link(node, wire):
    with dropping(node, wire):
        frame = inner(data=bytes(range(100)))
        wire.send(linked(frame, ttl=17))
        packet = wire.expect(lambda p: UDP in p)
    assert (packet.dst, packet[IP].src, packet[IP].dst) == (PEERS[OTHER_IP], NODE_IP, OTHER_IP)
    assert packet[UDP].dport == GAMMA and packet[UDP].sport >= 0xc000
    assert packet[IP].ttl == 16
    assert carried([packet]) == [frame]


def test_the_source_port_says_nothing_about_the_link(wire):
    frame = inner()
    wire.send(*(linked(frame, sport=port) for port in (1, 9000, 50000, 65535)))
    assert carried(wire.settle()) == [frame] * 4


def test_the_source_port_spreads_flows_and_keeps_each(wire):
    flows = [inner(src=f"02:00:00:00:01:{i:02x}") for i in range(16)]
    wire.send(*(linked(frame) for frame in flows * 2))
    ports = [packet[UDP].sport for packet in wire.settle() if UDP in packet]
    assert ports[:16] == ports[16:] and len(set(ports)) > 8


@pytest.mark.parametrize("size", [14, 15, 59, 60, 128, 129, 255, 256, 257, 1000, 1471, 1472])
def test_every_size_arrives_whole(node, wire, size):
    frame = inner(data=bytes(i * 5 % 256 for i in range(size - 14)))
    with dropping(node, wire):
        wire.send(linked(frame))
        assert carried(wire.settle()) == [frame]


@pytest.mark.parametrize("dst", [BROADCAST, "33:33:00:00:00:01", "01:00:5e:00:00:fb"])
def test_broadcast_and_multicast_take_their_route(node, wire, dst):
    frame = inner(dst=dst)
    with dropping(node, wire):
        wire.send(linked(frame))
        assert carried(wire.settle()) == [frame]


def test_checksum_of_the_outer_datagram_may_be_absent(wire):
    frame = inner()
    wire.send(ip() / UDP(sport=LINK_SPORT, dport=BETA, chksum=0) / Raw(frame))
    assert carried(wire.settle()) == [frame]


# --- what does not ----------------------------------------------------------------

def test_unknown_sender(node, wire):
    with dropping(node, wire, unknown_sender=3):
        wire.send(linked(inner(), "10.0.0.77"), linked(inner(), "192.0.2.1"),
                  linked(inner(), OTHER_IP, BETA))
        assert not wire.settle()
    node.wait_log(r"edge: no link from 10\.0\.0\.(77|3) to port 9000")


def test_unknown_port(node, wire):
    with dropping(node, wire, uplink_udp_port=1):
        wire.send(linked(inner(), port=9999))
        answer, = wire.settle()
    assert answer[ICMP].type == 3


@pytest.mark.parametrize("source", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255",
                                    "10.0.0.255", NODE_IP])
def test_forged_outer_source(node, wire, source):
    with dropping(node, wire, uplink_ip_source=1):
        wire.send(linked(inner(), source))
        assert not wire.settle()


def test_truncated_inner_frames(node, wire):
    frame = inner()
    with dropping(node, wire, runt=14):
        wire.send(*(linked(frame[:size]) for size in range(14)))
        assert not wire.settle()


def test_datagram_longer_than_its_packet(node, wire):
    with dropping(node, wire, uplink_udp_bad=1, uplink_ip_bad=1):
        wire.send(ip() / UDP(sport=LINK_SPORT, dport=BETA, len=200, chksum=0) / Raw(inner()),
                  ip(len=300) / UDP(sport=LINK_SPORT, dport=BETA) / Raw(inner()))
        assert not wire.settle()


def test_padding_behind_the_datagram_is_no_part_of_the_frame(wire):
    frame = inner(data=b"")
    wire.send(linked(frame) + b"\xee" * 40)
    assert carried(wire.settle()) == [frame]


def test_hops_run_out(node, wire):
    frame = inner()
    with dropping(node, wire, loop=1):
        wire.send(linked(frame, ttl=1))
        assert not wire.settle()
    wire.send(linked(frame, ttl=2))
    assert [packet[IP].ttl for packet in wire.settle() if UDP in packet] == [1]


def test_a_loop_ends(node, wire):
    """What the node sends comes back to it by the other link, as two nodes with
    wrong routes would have it."""
    with dropping(node, wire, loop=1):
        frame, hops = inner(), 0
        wire.send(linked(frame, ttl=20))
        while True:
            sent = [packet for packet in wire.settle() if UDP in packet]
            if not sent:
                break
            hops += 1
            back = (PEER_IP, BETA) if sent[0][UDP].dport == BETA else (OTHER_IP, GAMMA)
            wire.send(linked(carried(sent)[0], *back, ttl=sent[0][IP].ttl))
    assert hops == 19


def test_no_way_but_back(node, wire):
    node.ctl("route add src any dst 02:00:00:00:00:bb to edge beta from edges")
    with dropping(node, wire, hairpin=1):
        wire.send(linked(inner(dst="02:00:00:00:00:bb")))
        assert not wire.settle()
    wire.send(linked(inner(dst="02:00:00:00:00:bb"), OTHER_IP, GAMMA))
    assert len(carried(wire.settle())) == 1


def test_no_route(node, wire):
    routes = [r for r in json.loads(node.ctl("show route json")) if "dst any" in r["route"]]
    for route in routes:
        node.ctl(f"route del {route['id']}")
    with dropping(node, wire, no_route=1):
        wire.send(linked(inner()))
        assert not wire.settle()
    for route in routes:
        node.ctl(f"route add {route['route']}")
    wire.send(linked(inner()))
    assert len(carried(wire.settle())) == 1


def test_only_routes_that_name_an_edge_carry_from_one(node, wire):
    with dropping(node, wire, **{"edge_to_edge": 1}):
        wire.send(linked(inner(), OTHER_IP, SMALL))
        assert not wire.settle()


def test_a_guest_that_is_off(node, wire):
    with dropping(node, wire, port_down=2):
        wire.send(linked(inner(dst=GUEST_MAC)), linked(inner(dst=GUEST_MAC), OTHER_IP, GAMMA))
        assert not wire.settle()


def test_a_guests_own_address_as_a_source(node, wire):
    """Nobody else may speak as our guest: a loop, or a forgery."""
    with dropping(node, wire, source=3):
        wire.send(linked(inner(src=GUEST_MAC)), linked(inner(dst=BROADCAST, src=GUEST_MAC)),
                  linked(inner(dst=GUEST_MAC, src=GUEST_MAC)))
        assert not wire.settle()


def test_a_group_address_as_a_source(node, wire):
    with dropping(node, wire, source=2):
        wire.send(linked(inner(src=BROADCAST)), linked(inner(src="33:33:00:00:00:01")))
        assert not wire.settle()


@patient
def test_too_big_for_a_link_that_may_not_fragment(node, wire):
    fits = inner(dst="02:00:00:00:00:aa", data=bytes(1472 - 14))
    with dropping(node, wire, too_big=1):
        wire.send(linked(fits))
        assert [packet[IP].flags.DF for packet in wire.settle() if UDP in packet] == [True]
        wire.send(*fragments(datagram(fits + b"!"), 1))
        assert not wire.settle()


def test_link_down_and_up(node, wire):
    frame = inner()
    node.ctl("link set beta state down")
    assert " down " in node.ctl("show link beta")
    with dropping(node, wire, port_down=3):
        wire.send(linked(frame), linked(frame), linked(frame, OTHER_IP, GAMMA))
        assert not wire.settle()
    node.ctl("link set beta state up")
    with dropping(node, wire):
        wire.send(linked(frame), linked(frame, OTHER_IP, GAMMA))
        assert carried(wire.settle()) == [frame] * 2


# --- fragments --------------------------------------------------------------------

def reassembled(frames):
    """The datagrams' payloads of these fragments of the node, by IPv4 id."""
    joined = {}
    for packet in frames:
        if IP in packet and packet[IP].proto == 17:
            part = bytes(packet[IP].payload)[:packet[IP].len - 20]
            pieces = joined.setdefault(packet[IP].id, bytearray())
            assert len(pieces) == packet[IP].frag * 8, "pieces are sent in order"
            pieces += part
    return [bytes(data[8:]) for data in joined.values()]


BIG = inner(data=bytes(i * 11 % 256 for i in range(4000)))


@pytest.mark.parametrize("order", ["in order", "backwards", "shuffled"])
@patient
def test_fragments_in_any_order(node, wire, order):
    pieces = fragments(datagram(BIG), 100, 512)
    if order == "backwards":
        pieces.reverse()
    elif order == "shuffled":
        random.Random(3).shuffle(pieces)
    with dropping(node, wire):
        wire.send(*pieces)
        assert reassembled(wire.settle()) == [BIG]


@pytest.mark.parametrize("first", [8, 16, 24, 40, 136])
@patient
def test_a_small_first_fragment(node, wire, first):
    """Down to the UDP header alone: the inner header comes in the second one."""
    data = datagram(BIG)
    with dropping(node, wire):
        wire.send(fragment(data, 0, first, 101), fragment(data, first, first + 1024, 101),
                  *(fragment(data, at, min(at + 1024, len(data)), 101)
                    for at in range(first + 1024, len(data), 1024)))
        assert reassembled(wire.settle()) == [BIG]


@patient
def test_the_largest_frame_of_a_guest(node, wire):
    frame = inner(data=bytes(i % 256 for i in range(9000)))
    with dropping(node, wire):
        wire.send(*fragments(datagram(frame), 102))
        sent = wire.settle()
    assert reassembled(sent) == [frame]
    assert max(packet[IP].len for packet in sent) <= 1500
    # Ids repeat soon: what is cut has a checksum.
    assert all(packet[UDP].chksum for packet in sent if UDP in packet)


@patient
def test_two_datagrams_interleaved(node, wire):
    other = inner(data=b"other" * 800)
    pairs = zip(fragments(datagram(BIG), 103), fragments(datagram(other), 104))
    with dropping(node, wire):
        wire.send(*(piece for pair in pairs for piece in pair))
        assert sorted(reassembled(wire.settle())) == sorted([BIG, other])


@patient
def test_fragments_of_a_datagram_with_a_wrong_checksum(node, wire):
    data = bytearray(datagram(BIG))
    data[2000] ^= 1
    with dropping(node, wire, uplink_udp_checksum=1):
        wire.send(*fragments(bytes(data), 105))
        assert not wire.settle()


@patient
def test_a_missing_fragment(node, wire):
    pieces = fragments(datagram(BIG), 106)
    with dropping(node, wire, uplink_fragment_timeout=len(pieces) - 1):
        wire.send(pieces[0], *pieces[2:])
        assert not wire.settle()
        time.sleep(2 * FRAGMENT_TIMEOUT_S)
    # Its id is free again.
    with dropping(node, wire):
        wire.send(*pieces)
        assert reassembled(wire.settle()) == [BIG]


@patient
def test_a_repeated_fragment(node, wire):
    pieces = fragments(datagram(BIG), 107)
    with dropping(node, wire, uplink_fragment_repeated=2):
        wire.send(pieces[0], pieces[1], pieces[0], pieces[1], *pieces[2:])
        assert reassembled(wire.settle()) == [BIG]


@patient
def test_overlapping_fragments(node, wire):
    """One contradiction ends the whole datagram: nobody knows which bytes are right."""
    data = datagram(BIG)
    pieces = fragments(data, 108, 1024)
    with dropping(node, wire, uplink_fragment_overlap=len(pieces) + 1):
        wire.send(pieces[0], pieces[1], fragment(data, 1016, 1600, 108), *pieces[2:])
        assert not wire.settle()


@pytest.mark.parametrize("start, stop, flags", [(2048, 2056, 0), (4032, 4552, "MF"),
                                                (4096, 4104, "MF"), (2048, 3080, "MF")])
@patient
def test_a_piece_that_contradicts_the_last_one(node, wire, start, stop, flags):
    """A second end, and pieces behind the end or across its beginning."""
    data = datagram(BIG)
    pieces = fragments(data, start + stop, 1024)
    with dropping(node, wire, uplink_fragment_overlap=3):
        wire.send(pieces[3], pieces[0],
                  fragment(data + bytes(1000), start, stop, start + stop, flags=flags))
        assert not wire.settle()


def test_impossible_fragments(node, wire):
    data = bytes(8000)
    with dropping(node, wire, uplink_fragment_bad=4):
        wire.send(fragment(data, 0, 0, 109, flags="MF"), fragment(data, 0, 1001, 109, flags="MF"),
                  # Behind the largest datagram there is.
                  ip(proto=17, id=109, frag=8189, flags="MF") / Raw(bytes(8)),
                  ip(proto=17, id=109, frag=8100) / Raw(bytes(1480)))
        assert not wire.settle()


def test_a_first_fragment_without_the_whole_header(node, wire):
    data = datagram(BIG)[:48]
    with dropping(node, wire, uplink_fragment_bad=1):
        wire.send(fragment(data, 0, 4, 110, flags="MF"))
        assert not wire.settle()


@patient
def test_more_pieces_than_a_packet_holds(node, wire):
    pieces = fragments(datagram(inner(data=bytes(25 * 64))), 111, 64)
    with dropping(node, wire, uplink_fragment_full=PIECES_MAX + 1,
                  uplink_fragment_overlap=len(pieces) - PIECES_MAX - 1):
        wire.send(*pieces)
        assert not wire.settle()


@patient
def test_a_flood_of_first_fragments(node, wire):
    """Each of its own datagram, which never goes on: bounded by sender and in all."""
    data = datagram(BIG)
    flood = [fragment(data, 0, 1480, ident) for ident in range(1000, 3000)]
    before = node.drops()
    wire.send(*flood)
    wire.settle()

    def lost():
        return {name: count - before.get(name, 0) for name, count in node.drops().items()
                if count != before.get(name, 0)}

    wait_for(lambda: sum(lost().values()) == len(flood), "all are dropped")
    assert set(lost()) == {"uplink fragment-full", "uplink fragment-timeout"}
    assert node.stats()["pools"][0]["exhausted"] == 0
    with dropping(node, wire):
        wire.send(*fragments(data, 3001))
        assert reassembled(wire.settle()) == [BIG]


def test_a_flood_of_first_fragments_from_everywhere(node, wire):
    data = datagram(BIG)
    flood = [fragment(data, 0, 1480, 7, f"10.0.{i // 250 + 1}.{i % 250 + 1}") for i in range(1000)]
    before = sum(node.drops().values())
    wire.send(*flood)
    wire.settle()
    wait_for(lambda: sum(node.drops().values()) - before == len(flood), "all are dropped")


# --- floods -------------------------------------------------------------------------

def random_macs(count):
    """Frames from beta, each with a source of its own to a destination of its own."""
    frame = linked(inner(data=bytes(32)), chksum=None)
    # The outer UDP checksum is left out, so that only the addresses change.
    at = OUTER
    frame = frame[:at - 2] + b"\0\0" + frame[at:]
    numbers = random.Random(1)
    for _ in range(count):
        macs = numbers.getrandbits(80).to_bytes(10, "big")
        yield b"".join((frame[:at], b"\x02", macs[:5], b"\x02", macs[5:], frame[at + 12:]))


def cache(node):
    core, = node.stats()["cores"]
    return core["cache_hits"], core["cache_misses"]


def test_a_flood_of_addresses(node, wire):
    """20,000 frames, no two alike, among 5,000 of one flow: each is carried, memory
    stays what it was, and the one flow is still found in the cache."""
    steady = linked(inner())
    flood = list(random_macs(20000))
    mixed = [frame for i, frame in enumerate(flood) for frame in
             ([frame, steady] if i % 4 == 0 else [frame])]
    before, counts = node.stats(), cache(node)
    begin = time.monotonic()
    wire.send(*mixed)
    wire.settle()
    hits, misses = (now - then for now, then in zip(cache(node), counts))
    after = node.stats()
    taken = time.monotonic() - begin
    print(f"{len(mixed)} frames in {taken:.1f} s: {hits} hits, {misses} misses")
    assert hits + misses == len(mixed)
    assert hits >= 0.95 * len(mixed) / 5
    assert misses <= len(flood) + 0.05 * len(mixed) / 5
    assert after["resident_bytes"] == before["resident_bytes"]
    carried_on = after["links"]["gamma"]["tx_frames"] - before["links"]["gamma"]["tx_frames"]
    lost = after["sum"]["dropped"] - before["sum"]["dropped"]
    assert carried_on + lost == len(mixed)
    assert after["uplink"]["rx_missed"] == before["uplink"]["rx_missed"]


def test_noise(node, wire):
    """Frames with random bits flipped in all places; nothing but its counters moves."""
    numbers = random.Random(2)
    kinds = [linked(inner()), bytes(ip() / ICMP() / Raw(b"x" * 40)),
             *fragments(datagram(BIG), 112)]
    noise = []
    for _ in range(3000):
        frame = bytearray(numbers.choice(kinds))
        for _ in range(numbers.randint(1, 8)):
            frame[numbers.randrange(6, len(frame))] ^= 1 << numbers.randrange(8)
        noise.append(bytes(frame[:numbers.choice([len(frame), numbers.randint(14, len(frame))])]))
    wire.send(*noise)
    wire.settle()
    time.sleep(2 * FRAGMENT_TIMEOUT_S)
    assert node.stats()["uplink"]["resets"] == 0
