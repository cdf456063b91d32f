# SPDX-License-Identifier: BSD-2-Clause
"""The links' wire formats, judged by others: what the node sends is decoded by tshark,
what it gets is built by scapy. No guest is needed: frames go from one link to another.

    10.0.0.2 == beta, udp 9000 ==\\            /== udp with VNET/U's header, vxlan, geneve
                                 alpha 10.0.0.1       with and without tag == 10.0.0.3
    10.0.0.2 == live, geneve ====/            \\== nat, geneve == from anywhere
"""

import contextlib
import json
import os
import random
import re
import struct
import subprocess
import threading
import time

import pytest
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw
from scapy.utils import wrpcap
from wirekit import (LINK_SPORT, NODE_IP, OTHER_IP, PEER_IP, PEERS, Node, Wire, datagram,
                     dropping, fragments, ip, linked, patient, wait_for)

LIVE_IP = PEER_IP
# Name: the rest of `link add`. Frames from beta to 02:00:00:00:01:NN go by the link NN.
LINKS = {
    "vnetu": f"udp remote {OTHER_IP} port 9001 header vnetu",
    "vx": f"vxlan remote {OTHER_IP} port 4789 vni 4242",
    "vx2": f"vxlan remote {OTHER_IP} port 4789 vni 16777215 ttl 9 dscp 10 ecn off",
    "gv": f"geneve remote {OTHER_IP} port 6081 vni 7 keepalive off",
    "gt": f"geneve remote {OTHER_IP} port 6081 vni 8 tag 3405691582 keepalive off sport fixed "
          "dscp copy checksum on fragment off",
    "nat": "geneve remote any port 6081 vni 10 tag 99 keepalive off",
    "live": f"geneve remote {LIVE_IP} port 6081 vni 9",
}
NUMBER = {name: i for i, name in enumerate(LINKS)}
CONF = "\n".join([
    "  uplink add 0 address 10.0.0.1/24 mtu 1500",
    f"  link add beta udp remote {PEER_IP} port 9000",
    *(f"  link add {name} {rest}" for name, rest in LINKS.items()),
    *(f"  route add src any dst 02:00:00:00:01:{i:02x} to edge {name} from edge beta"
      for name, i in NUMBER.items()),
    *(f"  route add src any dst 02:00:00:00:02:00 to edge beta from edge {name}"
      for name in LINKS), ""])
BACK_MAC = "02:00:00:00:02:00"
OUTER = 42
GENEVE_PORT, VXLAN_PORT, VNETU_PORT = 6081, 4789, 9001
CAISSON_CLASS = 0xfff7
NAT_IP = "10.0.0.77"
SILENCE_S = 0.18  # at least
HELLO_S = 0.06
PROBE_MIN = 576  # bytes of IPv4: a longer hello is a probe


@pytest.fixture(scope="module", name="wire")
def our_end(tmp_path_factory):
    wire = Wire(tmp_path_factory.mktemp("formats"), {**PEERS, NAT_IP: "52:54:00:00:00:99"})
    yield wire
    wire.close()


def reach(wire, host):
    """Until it answers. It said hello, and asked for our address, before we listened."""
    for _ in range(5):
        with contextlib.suppress(AssertionError):
            return wire.echo(host, timeout=2)
    return wire.echo(host)


@pytest.fixture(scope="module", name="node")
def running_node(wire, hypervisor):
    with Node(wire.directory, hypervisor, CONF, wire.netdev()) as node:
        assert node.stats()["config_errors"] == 0
        for host in PEERS:
            reach(wire, host)
        yield node


@pytest.fixture(autouse=True)
def everything_is_accounted_for(node, wire):
    yield
    print(node.log_tail())
    wire.settle()
    assert node.stats()["sum"]["balanced"]


def inner_to(name, data=b"inner frame", tos=None):
    frame = Ether(dst=f"02:00:00:00:01:{NUMBER[name]:02x}", src="02:00:00:00:00:0e", type=0x88b5)
    if tos is not None:
        frame.type = 0x800
        frame /= IP(src="10.9.0.1", dst="10.9.0.2", tos=tos, proto=253)
    return bytes(frame / Raw(data))


def inner_back(data=b"inner frame", tos=None):
    frame = Ether(dst=BACK_MAC, src="02:00:00:00:00:0f", type=0x88b5)
    if tos is not None:
        frame.type = 0x800
        frame /= IP(src="10.9.0.2", dst="10.9.0.1", tos=tos, proto=253)
    return bytes(frame / Raw(data))


def sent_by(wire, name, frame=None, **fields):
    """The datagram (a packet) that the node makes of an inner frame for that link."""
    wire.send(linked(frame or inner_to(name), **fields))
    found = [p for p in wire.settle() if UDP in p and p[UDP].dport != 0 and not is_hello(p)]
    assert len(found) == 1, found
    return found[0]


def payload(packet):
    return bytes(packet)[OUTER:OUTER + packet[UDP].len - 8]


def is_hello(packet):
    return UDP in packet and packet[UDP].dport == GENEVE_PORT and payload(packet)[1] & 0x80


def carried_back(wire):
    """Inner frames that the node sent to beta."""
    return [payload(p) for p in wire.settle() if UDP in p and p[UDP].dport == 9000]


def decoded(wire, packet, *fields):
    """What tshark says about the packet's fields."""
    path = os.path.join(wire.directory, "one.pcap")
    wrpcap(path, packet)
    columns = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(["tshark", "-r", path, "-o", "ip.check_checksum:TRUE",
                           "-o", "udp.check_checksum:TRUE", "-T", "fields",
                           "-E", "separator=|", *columns],
                          capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    return done.stdout.strip().split("|")


# --- what the node sends ----------------------------------------------------------

def test_vxlan_is_what_tshark_takes_it_for(node, wire):
    frame = inner_to("vx")
    with dropping(node, wire):
        packet = sent_by(wire, "vx", frame, ttl=17)
    fields = decoded(wire, packet, "frame.protocols", "vxlan.vni", "vxlan.flags", "eth.dst",
                     "ip.checksum.status", "ip.ttl", "udp.dstport", "udp.checksum")
    assert fields[0].startswith("eth:ethertype:ip:udp:vxlan:eth:")
    assert fields[1:3] == ["4242", "0x0800"]
    assert fields[3].split(",")[1] == f"02:00:00:00:01:{NUMBER['vx']:02x}"
    assert fields[4:] == ["1", "16", str(VXLAN_PORT), "0x0000"]
    assert payload(packet)[8:] == frame and packet[UDP].sport >= 0xc000
    assert packet[IP].flags.DF


def test_geneve_is_what_tshark_takes_it_for(node, wire):
    frame = inner_to("gv")
    with dropping(node, wire):
        packet = sent_by(wire, "gv", frame)
    fields = decoded(wire, packet, "frame.protocols", "geneve.vni", "geneve.flags.oam",
                     "geneve.proto_type", "ip.checksum.status")
    assert fields[0].startswith("eth:ethertype:ip:udp:geneve:eth:")
    assert int(fields[1], 0) == 7 and fields[2] in ("0", "False")
    assert fields[3:] == ["0x6558", "1"]
    assert payload(packet)[8:] == frame


def test_geneve_with_a_tag(node, wire):
    frame = inner_to("gt", tos=0xb9)
    with dropping(node, wire):
        packet = sent_by(wire, "gt", frame)
    fields = decoded(wire, packet, "geneve.vni", "geneve.flags.critical", "geneve.option.class",
                     "geneve.option.type.critical", "geneve.option.length", "udp.srcport",
                     "udp.checksum.status", "ip.dsfield", "ip.flags.df")
    assert int(fields[0], 0) == 8 and fields[1] in ("1", "True")
    assert int(fields[2], 0) == CAISSON_CLASS
    assert fields[5] == str(GENEVE_PORT)
    assert fields[6] == "1", "the outer UDP checksum is there and right"
    assert fields[7].split(",")[0] == "0xb9" and fields[8].split(",")[0] in ("1", "True")
    assert payload(packet)[8:16] == struct.pack(">HBBI", CAISSON_CLASS, 0x81, 1, 3405691582)
    assert payload(packet)[16:] == frame


def test_vnetus_header(node, wire):
    frame = inner_to("vnetu")
    with dropping(node, wire):
        packet = sent_by(wire, "vnetu", frame)
    assert packet[UDP].dport == VNETU_PORT
    assert payload(packet) == b"et" + struct.pack("<I", len(frame)) + frame


def test_outer_header_as_configured(node, wire):
    """vx copies ECN, vx2 is set to AF11 (10) without ECN and nine hops."""
    with dropping(node, wire):
        assert sent_by(wire, "vx", inner_to("vx", tos=0xb9))[IP].tos == 0x01
        assert sent_by(wire, "vx", inner_to("vx", tos=0x02))[IP].tos == 0x02
        assert sent_by(wire, "vx2", inner_to("vx2", tos=0xb9))[IP].tos == 0x28
        assert sent_by(wire, "vnetu", inner_to("vnetu", tos=0xb9))[IP].tos == 0x00


@pytest.mark.parametrize("name, overhead", [("vnetu", 6), ("vx", 8), ("gv", 8), ("gt", 16)])
@patient
def test_the_largest_frame_without_fragments(node, wire, name, overhead):
    """As long as what the uplink carries; it comes in two fragments by beta."""
    size = 1500 - 28 - overhead
    whole = inner_to(name, data=bytes(i * 7 % 256 for i in range(size - 14)))
    wire.send(*fragments(datagram(whole), 200 + NUMBER[name], 1000))
    packet, = [p for p in wire.settle() if UDP in p and not is_hello(p)]
    assert packet[IP].len == 1500 and payload(packet)[overhead:] == whole
    with dropping(node, wire, **({"too_big": 1} if name in ("vx", "gt") else {})):
        wire.send(*fragments(datagram(whole + b"!"), 300 + NUMBER[name], 1000))
        pieces = [p for p in wire.settle() if IP in p and p[IP].proto == 17 and not is_hello(p)]
        assert len(pieces) == (0 if name in ("vx", "gt") else 2)


# --- what the node gets ----------------------------------------------------------------

def vxlan(frame, vni=4242, **fields):
    return bytes(ip(OTHER_IP) / UDP(sport=LINK_SPORT, dport=VXLAN_PORT, **fields) /
                 VXLAN(flags=8, vni=vni) / Ether(frame))


def geneve(frame, vni=7, options=(), src=OTHER_IP, sport=LINK_SPORT, **fields):
    critical = any(option.type & 0x80 for option in options)
    outer = fields.pop("outer", {})
    return bytes(ip(src, **outer) / UDP(sport=sport, dport=GENEVE_PORT) /
                 GENEVE(vni=vni, proto=fields.pop("proto", 0x6558), critical=critical,
                        options=list(options), **fields) / Raw(frame))


def option(number, data, cls=CAISSON_CLASS):
    return GeneveOptions(classid=cls, type=number, length=len(data) // 4, data=data)


def tag(value):
    return option(0x81, struct.pack(">I", value))


def test_frames_of_all_formats_arrive(node, wire):
    frame = inner_back()
    vnetu = b"et" + struct.pack("<I", len(frame)) + frame
    with dropping(node, wire):
        wire.send(vxlan(frame), vxlan(frame, chksum=0), vxlan(frame, 16777215),
                  geneve(frame), geneve(frame, 8, [tag(3405691582)]),
                  # Options of others, none of them critical, before and behind ours.
                  geneve(frame, 8, [option(5, b"abcd", 0x102), tag(3405691582),
                                    option(0x7f, bytes(16), 0x103)]),
                  linked(vnetu, OTHER_IP, VNETU_PORT))
        assert carried_back(wire) == [frame] * 7


def test_vlan_tags_pass(node, wire):
    frame = bytes(Ether(dst=BACK_MAC, src="02:00:00:00:00:0f") / Dot1Q(vlan=5, type=0x88b5) /
                  Raw(b"tagged"))
    with dropping(node, wire):
        wire.send(vxlan(frame), geneve(frame))
        assert carried_back(wire) == [frame] * 2


def test_congestion_is_told_to_the_inner_frame(node, wire):
    with dropping(node, wire, ecn=1):
        wire.send(*(geneve(inner_back(tos=tos), outer={"tos": 3}) for tos in (0, 1, 2, 3)))
        frames = [Ether(frame) for frame in carried_back(wire)]
    assert [frame[IP].tos for frame in frames] == [3, 3, 3]
    assert all(bytes(frame) == bytes(Ether(inner_back(tos=3))) for frame in frames)


def test_of_another_overlay(node, wire):
    with dropping(node, wire, unknown_vni=3):
        wire.send(vxlan(inner_back(), 1), geneve(inner_back(), 4242), geneve(inner_back(), 0))
        assert not carried_back(wire)
    node.wait_log(r"edge: no link from 10\.0\.0\.3 to port \d+ has VNI \d+")


def test_unknown_senders(node, wire):
    with dropping(node, wire, unknown_sender=2, unknown_tag=1):
        wire.send(geneve(inner_back(), src="10.0.0.78"),
                  geneve(inner_back(), 10, [tag(98)], src="10.0.0.78"),
                  linked(b"et\x20\0\0\0" + bytes(32), "10.0.0.78", VNETU_PORT))
        assert not carried_back(wire)


def test_wrong_tags(node, wire):
    with dropping(node, wire, link_tag=3):
        wire.send(geneve(inner_back(), 8, [tag(1)]), geneve(inner_back(), 8),
                  geneve(inner_back(), 7, [tag(3405691582)]))
        assert not carried_back(wire)


def test_headers_that_say_nothing(node, wire):
    bare = bytes(ip(OTHER_IP) / UDP(sport=LINK_SPORT, dport=VXLAN_PORT) / Raw(bytes(7)))
    no_vni = bytes(ip(OTHER_IP) / UDP(sport=LINK_SPORT, dport=VXLAN_PORT) /
                   Raw(b"\0\0\0\0\0\x10\x92\0" + inner_back()))
    with dropping(node, wire, unknown_header=3):
        wire.send(bare, no_vni, geneve(inner_back(), version=1))
        assert not carried_back(wire)


def test_malformed_headers(node, wire):
    frame = inner_back()
    cut = bytes(ip(OTHER_IP) / UDP(sport=LINK_SPORT, dport=GENEVE_PORT) /
                Raw(b"\x3f\x00\x65\x58\x00\x00\x07\x00" + frame))
    with dropping(node, wire, link_header=4, link_protocol=1, link_option=1, link_control=3,
                  runt=3):
        wire.send(cut, geneve(frame, proto=0x0800),
                  geneve(frame, options=[option(0x85, b"abcd", 0x102)]),
                  geneve(frame, oam=1),
                  geneve(frame[:13]),
                  bytes(ip(OTHER_IP) / UDP(sport=LINK_SPORT, dport=VXLAN_PORT) /
                        VXLAN(flags=8, vni=4242)),
                  linked(b"et\x0d\0\0\0" + bytes(13), OTHER_IP, VNETU_PORT),
                  linked(b"et\x20\0\0\0" + bytes(31), OTHER_IP, VNETU_PORT),
                  linked(b"xx\x20\0\0\0" + bytes(32), OTHER_IP, VNETU_PORT),
                  linked(b"et\0", OTHER_IP, VNETU_PORT),
                  linked(b"lc\x04\0\0\0abcd", OTHER_IP, VNETU_PORT),
                  linked(b"cf\x04\0\0\0abcd", OTHER_IP, VNETU_PORT))
        assert not carried_back(wire)


# --- a peer behind NAT --------------------------------------------------------------------

def test_a_peer_behind_nat(node, wire):
    with dropping(node, wire, unreachable=1):
        wire.send(linked(inner_to("nat")))
        wire.settle()
    for port in (40001, 40002):
        with dropping(node, wire):
            wire.send(geneve(inner_back(), 10, [tag(99)], src=NAT_IP, sport=port))
            assert carried_back(wire) == [inner_back()]
            packet = sent_by(wire, "nat")
        assert (packet[IP].dst, packet[UDP].dport, packet[UDP].sport) == \
            (NAT_IP, port, GENEVE_PORT)
    with dropping(node, wire, link_tag=1, unknown_sender=1):
        wire.send(geneve(inner_back(), 10, src=NAT_IP, sport=40002),
                  geneve(inner_back(), 10, src=NAT_IP, sport=40003))
        assert not carried_back(wire)
    assert " 10.0.0.77 " in node.ctl("show link nat")


# --- keep-alive -----------------------------------------------------------------------------

def hello(seq, heard, versions=(1, 1), options=()):
    return geneve(b"", 9, [option(0x82, bytes([*versions, 0, 0])),
                           option(3, struct.pack(">IIII", 7, seq, heard, 0)), *options],
                  src=LIVE_IP, oam=1)


class Speaker:
    """Answers the node's hellos, from a thread, while it is entered."""

    def __init__(self, wire, versions=(1, 1)):
        self.wire, self.versions = wire, versions
        self.heard = []  # (time, seq, heard)
        self.seq = int(time.time() * 1000) % 2**31
        self.last = 0
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.end.is_set():
            self.wire.take_in(0.02)
            frames, self.wire.received = self.wire.received, []
            for frame in frames:
                if frame[34:42][2:4] == b"\x17\xc1" and frame[OUTER + 1] & 0x80:
                    self.answer(frame)

    def answer(self, frame):
        seq, heard = struct.unpack(">II", frame[OUTER + 8 + 8 + 8:][:8])
        self.heard.append((time.monotonic(), seq, heard))
        self.seq += 1
        self.wire.send(self.hello(seq))
        self.last = time.monotonic()

    def hello(self, heard):
        return hello(self.seq, heard, self.versions)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


def link(node, name):
    return json.loads(node.ctl(f"show link {name} json"))[0]


def test_hellos_are_control_packets(node, wire):
    packet = wire.expect(is_hello)
    fields = decoded(wire, packet, "geneve.vni", "geneve.flags.oam", "geneve.flags.critical",
                     "geneve.option.class", "ip.checksum.status", "ip.ttl")
    assert int(fields[0], 0) == 9
    assert fields[1] in ("1", "True") and fields[2] in ("1", "True")
    assert fields[4:] == ["1", "64"]
    assert link(node, "live")["state"] == "unreachable"
    assert "unauthenticated" in node.ctl("show link live")


def test_a_link_is_up_while_its_peer_answers(node, wire):
    with dropping(node, wire, unreachable=1):
        wire.send(linked(inner_to("live")))
        wire.settle()
    mark = len(node.log())
    with Speaker(wire) as peer:
        node.wait_log(r"edge: live is up", start=mark)
        # On a busy host an answer of ours may come too late, and the link be down for a moment.
        wait_for(lambda: len(peer.heard) > 20, "hellos")
        wait_for(lambda: (lambda told: told["state"] == "up" and told["keepalive"]["rtt_us"] > 0)(
            link(node, "live")), "the link is up")
        row = node.ctl("show link live")
        # It said which of ours it had heard.
        assert any(heard for _, _, heard in peer.heard)
        wait_for(lambda: link(node, "live")["state"] == "up", "the link is up")
        mark = len(node.log())
    assert re.search(r"rtt \d+ us \(least \d+\), loss \d+\.\d %", row), row
    node.wait_log(r"edge: live is unreachable", start=mark)
    # How soon by the node's clock, tests/unit/test_health.c has; here never before its time.
    wait_for(lambda: link(node, "live")["state"] == "unreachable", "silence")
    silence = time.monotonic() - peer.last
    print(f"silence found after {silence * 1000:.0f} ms")
    assert silence > SILENCE_S - HELLO_S
    with dropping(node, wire, unreachable=1):
        wire.send(linked(inner_to("live")))
        wire.settle()


def test_a_peer_of_another_release_is_refused_clearly(node, wire):
    mark = len(node.log())
    with Speaker(wire, versions=(2, 3)):
        node.wait_log(r"edge: live: its peer speaks versions 2 to 3 of the protocol, this node 1",
                      start=mark)
        wait_for(lambda: link(node, "live")["state"] == "incompatible", "its state")
        assert "peer speaks versions 2 to 3" in node.ctl("show link live")
    node.wait_log(r"edge: live is unreachable", start=mark)
    mark = len(node.log())
    with Speaker(wire, versions=(1, 9)):  # a later one that still speaks ours
        node.wait_log(r"edge: live is up", start=mark)


class Path(Speaker):
    """... over a path that carries so much."""

    def __init__(self, wire, mtu):
        super().__init__(wire)
        self.mtu = mtu
        self.probes = []
        self.told = 0

    def answer(self, frame):
        size = load16(frame, 16)
        if size >= PROBE_MIN:
            self.probes.append((size, load16(frame, 20)))
            if size > self.mtu:
                return
            self.told = size
        super().answer(frame)

    def hello(self, heard):
        options = [option(4, struct.pack(">I", self.told))] if self.told else []
        return hello(self.seq, heard, options=options)


def load16(frame, at):
    return struct.unpack(">H", frame[at:at + 2])[0]


def test_the_paths_mtu_is_found_by_probes(node, wire):
    def sizes():
        return {size for size, _ in path.probes}

    with Path(wire, 1437) as path:
        wait_for(lambda: {576, 1500, 1437, 1438} <= sizes(), "probes")
        # Up: lost probes are no lost hellos.
        wait_for(lambda: (lambda told: told["path_mtu"] == 1437 and told["state"] == "up")(
            link(node, "live")), "path MTU")
    assert {flags for _, flags in path.probes} == {0x4000}, "DF, and no fragment"


def needed(mtu, dport, sport=0xc123, total=1400, dst=OTHER_IP):
    """A router says that a datagram of the node's was too long."""
    quoted = IP(src=NODE_IP, dst=dst, flags="DF", len=total) / UDP(sport=sport, dport=dport)
    return bytes(ip() / ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(bytes(quoted)[:28]))


def test_a_router_says_what_the_path_carries(node, wire):
    def path_mtus():
        return {name: link(node, name)["path_mtu"] for name in ("vx", "vx2", "gv", "vnetu")}

    before = path_mtus()
    wire.send(needed(1300, 4790), needed(1300, VXLAN_PORT, sport=4789),
              needed(1300, VXLAN_PORT, dst=PEER_IP), needed(500, VXLAN_PORT),
              needed(1401, VXLAN_PORT))
    wire.settle()
    assert path_mtus() == before
    wire.send(needed(1300, VXLAN_PORT))
    wire.settle()
    assert path_mtus() == {**before, "vx": 1300, "vx2": 1300}
    with dropping(node, wire, too_big=1):
        wire.send(linked(inner_to("vx", bytes(1300))))
        wire.settle()


# --- the language ------------------------------------------------------------------------------

def test_what_show_config_prints_can_be_fed_back(node):
    def config():
        return [line.strip() for line in node.ctl("show config").splitlines() if " link " in line]

    before = config()
    for name, rest in LINKS.items():
        assert f"link add {name} {rest}" in [" ".join(line.split()) for line in before] or \
            name in ("gt", "vx2"), before  # their keys stand in another order
    routes = [r["route"] for r in json.loads(node.ctl("show route json"))]
    for line in before:
        node.ctl(f"link del {line.split()[2]} force")
    assert not config()
    for line in before:
        node.ctl(line)
    assert config() == before
    for route in routes:
        node.ctl(f"route add {route}")


@pytest.mark.parametrize("rest, complaint", [
    ("tcp remote 10.0.0.9", 'this node has no tcp links (vnetpd has)'),
    ("vxlan remote 10.0.0.9 tag 5", 'a vxlan link has no "tag"'),
    ("vxlan remote 10.0.0.9 fragment on", 'a vxlan link has no "fragment"'),
    ("udp remote 10.0.0.9 vni 5", 'a udp link has no "vni"'),
    ("geneve remote any", 'a peer anywhere is known by its tag; add "tag"'),
    ("vxlan remote 10.0.0.9 port 9000", "port 9000 is in use by udp links"),
    (f"vxlan remote {OTHER_IP} vni 4242", "(or VNI, or tag), is there"),
    ("vxlan remote 10.0.0.9 vni 16777216", "vni 16777216 is out of range"),
    ("udp", 'a udp link needs "remote"'),
])
def test_what_is_refused(node, rest, complaint):
    before = node.ctl("show config")
    with pytest.raises(AssertionError) as refused:
        node.ctl(f"link add new {rest}")
    assert complaint in str(refused.value)
    assert node.ctl("show config") == before


def test_noise(node, wire):
    """Headers with random bits flipped; nothing but counters moves."""
    numbers = random.Random(5)
    kinds = [vxlan(inner_back()), geneve(inner_back(), 8, [tag(3405691582)]), hello(1, 1),
             linked(b"et\x20\0\0\0" + bytes(32), OTHER_IP, VNETU_PORT)]
    for _ in range(2000):
        frame = bytearray(numbers.choice(kinds))
        frame[40:42] = b"\0\0"  # no UDP checksum, or nothing would get through
        for _ in range(numbers.randint(1, 6)):
            frame[numbers.randrange(OUTER, len(frame))] ^= 1 << numbers.randrange(8)
        with contextlib.suppress(OSError):
            wire.send(bytes(frame))
    wire.settle()
    assert node.stats()["uplink"]["resets"] == 0
    assert NODE_IP in node.ctl("show uplink")
