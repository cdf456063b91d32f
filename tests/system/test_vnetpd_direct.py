# SPDX-License-Identifier: BSD-2-Clause
"""Direct links of vnetpd: a's wire is a LAN, on which b is a machine without an overlay.

    tap0 -- vnetpd -- va0 ======= vb0
    10.7.0.1       10.9.0.1     10.9.0.2, 10.7.0.2
    `--- namespace a ---'       `- namespace b -'
"""

import sys

import nskit
import pytest

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

SECONDS = 1
# A broadcast in VLAN 5, IEEE 802.1Q.
TAGGED_LEN = 68
SEND_TAGGED = f"""
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0))
frame = b"\\xff" * 6 + bytes.fromhex("0200000000dd" "81000005" "88b5")
wire.send(frame.ljust({TAGGED_LEN}, b"x"))
"""


def config(link="direct device va0", extra=""):
    return f"""caisson 1
node a
  link add lan {link}
  interface add tap0 mac {nskit.MACS['a']} mtu 1500
  route add src any dst any to edge lan from interface tap0
  route add src any dst any to interface tap0 from edge lan
{extra}"""


@pytest.fixture(name="world")
def fixture_world():
    with nskit.World() as world:
        # Linux would answer on va0 for tap0's address as well.
        world.run("a", ["sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore"])
        world.ip("b", f"address add {nskit.OVER['b']}/24 dev vb0")
        yield world


def lan(daemon):
    return daemon.stats()["links"]["lan"]


def test_a_machine_on_the_lan(world):
    """Pings and long segments both ways; Linux's own traffic on the device is not ours."""
    daemon = world.vnetpd("a", config())
    assert len(world.ping("a", nskit.OVER["b"], 5)) == 5
    assert len(world.ping("b", nskit.OVER["a"], 5)) == 5
    assert f"lladdr {nskit.MACS['a']}" in world.run("b", ["ip", "neigh"]).stdout
    assert world.stream("a", nskit.OVER["b"], SECONDS) > 0
    assert world.stream("b", nskit.OVER["a"], SECONDS) > 0
    before = lan(daemon)
    assert before["rx_segments"] > 2 * before["rx_frames"]
    assert before["tx_segments"] > 2 * before["tx_frames"]
    assert len(world.ping("b", nskit.UNDER["a"], 50)) == 50
    found = daemon.stats()
    # ARP is for everybody, and the stream's last segments may come late; what is for va0's
    # address never comes here.
    assert found["links"]["lan"]["rx_frames"] - before["rx_frames"] < 25
    assert found["sum"]["balanced"] and found["sockets"]["rx_bad"] == 0
    assert found["drops"].get("source", 0) == 0, "own frames came back"


def test_tagged_frames(world):
    """The kernel keeps VLAN tags beside the frame; they cross in it."""
    daemon = world.vnetpd("a", config())
    before = lan(daemon)
    done = world.run("b", [sys.executable, "-c", SEND_TAGGED, "vb0"])
    assert done.returncode == 0, done.stderr
    after = nskit.wait_for(lambda: (found := lan(daemon))["rx_frames"] > before["rx_frames"]
                           and found, "the frame")
    assert after["rx_frames"] - before["rx_frames"] == 1
    assert after["rx_bytes"] - before["rx_bytes"] == TAGGED_LEN
    assert daemon.stats()["interfaces"]["tap0"]["rx_bytes"] == TAGGED_LEN


def test_the_device_goes_and_comes_back(world):
    daemon = world.vnetpd("a", config())
    assert world.ping("a", nskit.OVER["b"], 1)
    world.ip("a", "link del va0")
    nskit.wait_for(lambda: "lan: device va0 is gone" in daemon.log(), "the loss")
    nskit.wait_for(lambda: lan(daemon)["state"] == "no-carrier", "the news")
    assert not world.answers("a", nskit.OVER["b"])
    assert daemon.stats()["sockets"]["drops"]["unreachable"] > 0
    world.ip("a", f"link add va0 type veth peer name vb0 netns {world.names['b']}")
    world.ip("b", f"address add {nskit.OVER['b']}/24 dev vb0")
    for side in nskit.SIDES:
        world.ip(side, f"link set v{side}0 up")
    world.ip("a", "neigh flush dev tap0")  # b has another address now
    nskit.wait_for(lambda: world.answers("a", nskit.OVER["b"]), "an answer again")
    nskit.wait_for(lambda: lan(daemon)["state"] == "up", "the news")
    nskit.wait_for(lambda: "lan: device va0 is back" in daemon.log(), "the message")
    world.ip("a", "link set va0 down")
    nskit.wait_for(lambda: lan(daemon)["state"] == "no-carrier", "the news")
    assert daemon.stats()["sum"]["balanced"]


def test_beside_a_link_to_another_node(world):
    """Two overlays' worth of neighbours: what came from the LAN goes on by a udp link."""
    extra = f"""  link add far udp remote {nskit.UNDER['b']}
  route add src any dst any to edge far from edge lan
  route add src any dst any to edge lan from edge far
"""
    hub = world.vnetpd("a", config(extra=extra))
    far = nskit.Vnetpd(world, "b", f"""caisson 1
node b
  link add a udp remote {nskit.UNDER['a']}
  interface add far0 mac 02:00:00:00:00:0c
  route add src any dst any to edge a from interface far0
  route add src any dst group to interface far0 from edge a
""", name="far")
    world.add("c")
    world.ip("b", f"link set far0 netns {world.names['c']}")
    world.ip("c", "address add 10.7.0.3/24 dev far0")
    world.ip("c", "link set far0 up mtu 1450")
    # A LAN's broadcast reaches the far side; unicast frames are for interfaces of a only.
    world.run("b", ["sh", "-c", "ip neigh flush all; exit 0"])
    world.answers("b", "10.7.0.3")
    nskit.wait_for(lambda: far.stats()["interfaces"]["far0"]["rx_frames"] > 0, "a broadcast")
    assert hub.stats()["sum"]["balanced"] and far.stats()["sum"]["balanced"]


@pytest.mark.parametrize("link, words", [
    ("direct", 'needs "device"'),
    ("direct device nothere0", "device nothere0: No such device"),
    ("direct device lo", "device lo is no Ethernet"),
    ("direct device much-too-long-for-linux", "at most 15 characters"),
    ("direct device va0 remote 10.0.0.1", 'a direct link has no "remote"'),
    ("udp remote 10.9.0.2 device va0", 'a udp link has no "device"'),
    (f"direct device va0\n  link add again direct device va0", "lan is a direct link on va0"),
])
def test_links_that_cannot_be(world, link, words):
    daemon = world.vnetpd("a", config(link), wait=False)
    assert daemon.process.wait(nskit.START_TIMEOUT_S) == 1
    assert words in daemon.log() and "a.conf:" in daemon.log()


def test_an_interface_of_its_own_is_no_lan(world):
    daemon = world.vnetpd("a", config())
    status, _ = daemon.ask("link add loop direct device tap0")
    assert "tap0 is an interface of this node" in status
    assert "device va0" in daemon.ctl("show link lan")
    assert "link add lan direct device va0" in daemon.ctl("show config")
    assert daemon.ctl("link del lan force") == ""
    assert daemon.ctl("link add lan direct device va0") == ""
