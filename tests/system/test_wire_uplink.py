# SPDX-License-Identifier: BSD-2-Clause
"""The NIC's cable and its interrupt line: unplugged, wrong, or not wanted.

    this program 10.0.0.2, 10.0.0.3 ======= 10.0.0.1 alpha
"""

import contextlib
import json

import pytest
from scapy.layers.inet import ICMP, UDP
from scapy.layers.l2 import ARP
from scapy.packet import Raw
from wirekit import NODE_IP, OTHER_IP, PEER_IP, PEERS, Node, Wire, ip, linked, wait_for

LINKS = f"""\
  link add beta udp remote {PEER_IP} port 9000
  link add gamma udp remote {OTHER_IP} port 9001
  route add src any dst any to edge gamma from edge beta
"""
CONF = f"  uplink add 0 address {NODE_IP}/24\n{LINKS}"
POLLED = f"  uplink add 0 address {NODE_IP}/24 poll on\n{LINKS}"
DOWN, UP = "uplink: 0: link is down", "uplink: 0: link is up, 1000 Mbit/s full duplex"
NO_INTERRUPT = r"uplink: 0: its interrupt line does not fire; it is polled every \d+ us"
FRAME = bytes(range(80))


@contextlib.contextmanager
def started(directory, image, conf, **how):
    wire = Wire(directory, PEERS)
    with contextlib.closing(wire), Node(directory, image, conf, wire.netdev(), **how) as node:
        try:
            yield node, wire
        finally:
            print(node.log_tail())  # pytest shows it when the test failed


def works(node, wire):
    """It answers, carries frames from link to link, and loses none."""
    for host in PEERS:
        for size in (0, 100, 1472):
            assert bytes(wire.echo(host, bytes(size))[0][ICMP].payload)[:size] == bytes(size)
    wire.send(*[linked(FRAME)] * 200)
    carried = [packet for packet in wire.settle() if UDP in packet]
    assert len(carried) == 200
    assert bytes(carried[-1][UDP].payload)[:len(FRAME)] == FRAME
    assert node.stats()["sum"]["balanced"]


def shown(node):
    text = node.ctl("show uplink")
    uplink, = json.loads(node.ctl("show uplink json"))
    assert uplink["link"] == ("link up" in text) and uplink["polled"] == ("polled" in text)
    return uplink


def unplug_and_plug(node, wire):
    begun = len(node.log())
    node.set_cable(False)
    node.wait_log(DOWN, start=begun)
    assert not shown(node)["link"]
    wire.take_all()
    begun = len(node.log())
    node.set_cable(True)
    node.wait_log(UP, start=begun)
    # The network may have forgotten it.
    wire.expect(lambda p: ARP in p and p[ARP].psrc == p[ARP].pdst == NODE_IP)
    assert shown(node)["link"]
    works(node, wire)


def test_cable(tmp_path, hypervisor):
    with started(tmp_path, hypervisor, CONF) as (node, wire):
        works(node, wire)
        for _ in range(3):
            unplug_and_plug(node, wire)
        stats = node.stats()["uplink"]
        assert stats["link_changes"] >= 6 and stats["resets"] == 0
        assert stats["irqs"] > 0 and not shown(node)["polled"]


def test_frames_for_an_unplugged_cable(tmp_path, hypervisor):
    """What is sent meanwhile is lost, as on any wire, and nothing is kept for it."""
    with started(tmp_path, hypervisor, CONF) as (node, wire):
        works(node, wire)
        pools = node.pools()
        node.set_cable(False)
        node.wait_log(DOWN)
        # By the console, whose commands make it send: an announcement each.
        for last in (1, 4, 1):
            node.ctl(f"uplink set 0 address 10.0.0.{last}/24")
        wait_for(lambda: node.pools() == pools, "all packets are back")
        node.set_cable(True)
        node.wait_log(UP)
        works(node, wire)
        wait_for(lambda: node.pools() == pools, "all packets are back")


def test_no_cable_at_boot(tmp_path, hypervisor):
    with started(tmp_path, hypervisor, CONF, plugged=False) as (node, wire):
        node.wait_log(DOWN)
        assert "link down" in node.ctl("show uplink")
        node.set_cable(True)
        node.wait_log(UP)
        works(node, wire)


# 5: a line that the NIC's is not; 0 and 255: firmware knows of none.
@pytest.mark.parametrize("line", [5, 0, 255])
def test_an_interrupt_line_that_does_not_fire(tmp_path, hypervisor, line):
    lie = f"setpci -d 8086:100e 3c.b={line:02x}"
    with started(tmp_path, hypervisor, CONF, grub=[lie]) as (node, wire):
        node.wait_log(NO_INTERRUPT)
        assert shown(node)["polled"]
        works(node, wire)
        unplug_and_plug(node, wire)
        assert node.stats()["uplink"]["irqs"] == 0


def test_the_same_disk_without_the_lie(tmp_path, hypervisor):
    with started(tmp_path, hypervisor, CONF, grub=["set timeout=0"]) as (node, wire):
        assert not shown(node)["polled"]
        works(node, wire)
        assert "does not fire" not in node.log()
        assert node.stats()["uplink"]["irqs"] > 0


def test_a_nic_without_msix_whose_registers_are_above_4_gib(tmp_path, hypervisor):
    """virtio-net, with its 64-bit BAR where no 32-bit address leads."""
    move = "setpci -d 1af4:1041 24.l=10"
    with started(tmp_path, hypervisor, CONF, grub=[move],
                 nic="virtio-net-pci,vectors=0,disable-legacy=on") as (node, wire):
        assert shown(node)["driver"] == "virtio-net" and shown(node)["interrupts"] == "INTx"
        works(node, wire)
        stats = node.stats()["uplink"]
        assert stats["irqs"] > 0 and stats["resets"] == stats["tx_bad"] == 0


def test_polled_because_it_was_asked_for(tmp_path, hypervisor):
    with started(tmp_path, hypervisor, POLLED) as (node, wire):
        assert shown(node)["polled"] and "poll on" in node.ctl("show config")
        assert "does not fire" not in node.log()
        before = node.stats()["uplink"]["irqs"]
        works(node, wire)
        unplug_and_plug(node, wire)
        assert node.stats()["uplink"]["irqs"] == before


def test_a_polled_flood(tmp_path, hypervisor):
    with started(tmp_path, hypervisor, POLLED) as (node, wire):
        works(node, wire)
        before = node.stats()
        wire.send(*[linked(FRAME)] * 5000)
        wire.settle()
        after = node.stats()
        sent = after["links"]["gamma"]["tx_frames"] - before["links"]["gamma"]["tx_frames"]
        dropped = after["sum"]["dropped"] - before["sum"]["dropped"]
        missed = after["uplink"]["rx_missed"] - before["uplink"]["rx_missed"]
        assert sent + dropped + missed == 5000 and after["sum"]["balanced"]
        wait_for(lambda: node.pools() == {(p["name"], p["core"]): p["free"]
                                          for p in before["pools"]}, "all packets are back")
        wire.send(ip() / ICMP() / Raw(b"still there?"))
        wire.expect(lambda p: ICMP in p)
