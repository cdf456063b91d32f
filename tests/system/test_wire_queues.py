# SPDX-License-Identifier: BSD-2-Clause
"""A node whose NIC is virtio-net with two pairs of queues, a core each, behind a TAP with two
queues (as root). QEMU spreads what the node receives by the device's receive-side scaling, or
it is not there, and the TAP does.

    this program 10.0.0.2, 10.0.0.3 -- packet socket -- TAP in a namespace -- QEMU -- 10.0.0.1 alpha
"""

import collections
import contextlib
import itertools
import json
import os
import socket

import nskit
import pytest
from kernelkit import run
from labkit import host
from scapy.layers.inet import ICMP
from scapy.layers.l2 import ARP
from wirekit import (BROADCAST, NODE_IP, OTHER_IP, PEER_IP, PEERS, Node, Wire, datagram, eth,
                     fragments, linked, wait_for)

CONF = f"""\
  uplink add 0 address {NODE_IP}/24 queues 2
  link add beta udp remote {PEER_IP} port 9000
  link add gamma udp remote {OTHER_IP} port 9001
  route add src any dst any to edge gamma from edge beta
"""
TAP = "net0"
QTEST = "qtest.sock"
SEEDS = itertools.count(1)
SPREAD = {"on": "by receive-side scaling", "off": "as the device spreads frames"}
FLOWS, EACH = 64, 4
FIRST_PORT = 50000
ETH_P_ALL = 3
RX_OF_QUEUE_1 = 2  # virtqueues: a pair's for receiving and sending, one behind the other
USED_IDX = 2       # in the used ring

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))


class TapWire(Wire):
    """Our end is a packet socket on the TAP."""

    def __init__(self, directory, hosts, netns):
        self.netns = netns
        super().__init__(directory, hosts)
        self.nodes = (TAP, 0)

    def _open(self):
        end = host.inside(self.netns, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        end.bind((TAP, ETH_P_ALL))
        return end

    def netdev(self):
        return f"tap,id=net0,ifname={TAP},queues=2,script=no,downscript=no"


@contextlib.contextmanager
def namespace():
    name = f"vnq{os.getpid()}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "tuntap", "add", "dev", TAP, "mode", "tap", "multi_queue")
        run("ip", "netns", "exec", name, "sh", "-c",
            f"echo 1 >/proc/sys/net/ipv6/conf/{TAP}/disable_ipv6")
        run("ip", "-n", name, "link", "set", TAP, "up")
        yield name
    finally:
        host.delete(name)


@pytest.fixture(scope="module", params=SPREAD, name="pair")
def node_and_wire(request, tmp_path_factory, hypervisor):
    directory = tmp_path_factory.mktemp("queues")
    nic = f"virtio-net-pci,mq=on,rss={request.param},id=nic0"
    options = ["-chardev", f"socket,id=qt,path={QTEST},server=on,wait=off",
               "-object", "qtest,id=qt0,chardev=qt,log=none"]
    with namespace() as netns, \
            contextlib.closing(TapWire(directory, PEERS, netns)) as wire, \
            Node(directory, hypervisor, CONF, wire.netdev(), nic=nic, cores=2,
                 inside=host.command(netns, []), options=options) as node:
        node.spread = request.param
        for peer in PEERS:
            wait_for(lambda peer=peer: answers(wire, peer), f"it knows {peer}")
        yield node, wire
        print(node.log_tail())


def answers(wire, peer=PEER_IP):
    """It answers an echo request, and so has the peer's address."""
    with contextlib.suppress(AssertionError):
        return wire.echo(peer, timeout=2)
    return None


def done(node, command):
    """The node obeys."""
    with contextlib.suppress(AssertionError):
        node.ctl(command)
        return True
    return False


def queues(node):
    uplink, = json.loads(node.ctl("show uplink json"))
    return uplink["queues"]


def flows(seed, number):
    """A frame of many flows each, as beta sends it, with its flow and number inside."""
    return [linked(bytes(14) + bytes([seed, flow, number]) + bytes(50), sport=FIRST_PORT + flow)
            for flow in range(FLOWS)]


def carried(wire, seed):
    """Numbers by flow of what has come back by gamma so far."""
    found = collections.defaultdict(list)
    wire.take_in(0.05)
    for frame in wire.received:
        if frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\x23\x29" \
                and frame[56] == seed:
            found[frame[57]].append(frame[58])
    return found


def every_frame_has_an_end(node):
    """Once the other core is in the middle of none."""
    wait_for(lambda: node.stats()["sum"]["balanced"], "every frame has an end")


def pass_through(node, wire):
    """Frames of all flows, each one's in order; what each queue received and sent meanwhile."""
    seed = next(SEEDS)
    before = queues(node)
    # No more at once than a ring takes: nobody waits for what goes from link to link.
    for number in range(EACH):
        wire.send(*flows(seed, number))
        wait_for(lambda sent=(number + 1) * FLOWS:
                 sum(map(len, carried(wire, seed).values())) >= sent, "all frames")
    assert dict(carried(wire, seed)) == {flow: list(range(EACH)) for flow in range(FLOWS)}
    wire.received.clear()
    after = queues(node)
    every_frame_has_an_end(node)
    return [{key: now[key] - was[key] for key in ("rx_frames", "tx_frames")}
            for was, now in zip(before, after)]


def test_what_the_node_says(pair):
    node, _ = pair
    assert f"uplink0: 2 queues, {SPREAD[node.spread]}" in node.log()
    assert [queue["core"] for queue in queues(node)] == [0, 1]
    assert "queues 2" in node.ctl("show config")
    assert "queue  core  vectors" in node.ctl("show uplink")


def test_frames_are_spread(pair):
    node, wire = pair
    before = queues(node)[1]
    share = FLOWS * EACH / 8
    assert all(queue["rx_frames"] >= share for queue in pass_through(node, wire))
    # The other core sends by its queue once it was told the way.
    wait_for(lambda: all(queue["rx_frames"] >= share and queue["tx_frames"] >= share
                         for queue in pass_through(node, wire)), "both queues send")
    after = queues(node)[1]
    # An ARP request, if any.
    assert after["relayed"] - before["relayed"] < share and not after["relay_full"]
    stats = node.stats()["uplink"]
    assert not stats["resets"] and not stats["tx_bad"]


def in_fragments(wire, seed, numbers):
    """Sends these datagrams; whether there was none to be sent."""
    for number in numbers:
        wire.send(*fragments(datagram(bytes(14) + bytes([seed, number, 0]) + bytes(2000)), number))
    wire.take_in(1 if numbers else 0)
    return not numbers


def test_the_rest_is_core_0s(pair):
    """What is no whole datagram; without receive-side scaling, by way of whatever queue."""
    node, wire = pair
    before, seed = queues(node), next(SEEDS)
    for last in range(20):
        wire.send(eth(dst=BROADCAST) / ARP(hwsrc=PEERS[PEER_IP], psrc=f"10.0.0.{last + 20}",
                                           pdst=NODE_IP))
        assert bytes(wire.echo(data=bytes(last))[0][ICMP].payload)[:last] == bytes(last)
    # Fragments are waited for 0.1 s only, and this machine may stand still for longer.
    wait_for(lambda: in_fragments(wire, seed, set(range(20)) - set(carried(wire, seed))),
             "datagrams in fragments")
    wire.received.clear()
    after = queues(node)
    relayed = after[1]["relayed"] - before[1]["relayed"]
    received = after[1]["rx_frames"] - before[1]["rx_frames"]
    assert relayed == received
    assert node.spread == "off" or not received
    every_frame_has_an_end(node)


def qtest(node, command):
    """A command of QEMU's qtest protocol."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(60)
        control.connect(os.path.join(node.directory, QTEST))
        control.sendall(command.encode() + b"\n")
        assert control.recv(100).startswith(b"OK")


def test_a_broken_queue(pair):
    """The other core's is found to make no sense: all queues are reset, and come back."""
    node, wire = pair
    status = node.qmp("x-query-virtio-queue-status", queue=RX_OF_QUEUE_1,
                      path="/machine/peripheral/nic0/virtio-backend")
    resets = node.stats()["uplink"]["resets"]
    begun = len(node.log())
    # No frames meanwhile: QEMU would put its index there again. The core looks each second.
    qtest(node, f"writew {status['vring-used'] + USED_IDX:#x} 0x7fff")
    node.wait_log(r"the device broke the rules \(used index of a receive queue\)", 120, begun)
    wait_for(lambda: node.stats()["uplink"]["resets"] > resets, "a reset")
    assert f"2 queues, {SPREAD[node.spread]}" in node.log()[begun:]
    for peer in PEERS:
        wait_for(lambda peer=peer: answers(wire, peer), "it answers")
    more = pass_through(node, wire)
    assert all(queue["rx_frames"] >= FLOWS * EACH / 8 for queue in more), more


def test_one_queue_again(pair):
    node, wire = pair
    node.ctl("link del beta force")
    node.ctl("link del gamma force")
    # A core that is late to leave its queue is said so.
    wait_for(lambda: done(node, "uplink del 0"), "it goes")
    wait_for(lambda: done(node, f"uplink add 0 address {NODE_IP}/24"), "it is back")
    for line in CONF.splitlines()[1:]:
        node.ctl(line.strip())
    assert [queue["core"] for queue in queues(node)] == [0]
    for peer in PEERS:
        wait_for(lambda peer=peer: answers(wire, peer), "it answers")
    more, = pass_through(node, wire)
    assert more["rx_frames"] >= FLOWS * EACH
