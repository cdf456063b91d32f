# SPDX-License-Identifier: BSD-2-Clause
"""The Linux kernel's own VXLAN at both ends of a node under QEMU, which knows them as
two links with different VNIs.

    namespace a                                                      namespace b
    vx0 10.8.0.1 -- VXLAN 42 -- tap --.              .-- tap -- VXLAN 43 -- vx0 10.8.0.2
                   10.0.0.2            switch (here)       10.0.0.3
                                          |
                                     alpha 10.0.0.1
"""

import json

import nskit
import pytest
from kernelkit import Namespace, QuietWire, Switch, ping, transfer
from wirekit import NODE_IP, Node, wait_for

SIDES = {"a": ("10.0.0.2", "10.8.0.1", 42), "b": ("10.0.0.3", "10.8.0.2", 43)}
VXLAN_PORT = 4789
CONF = f"""\
  uplink add 0 address {NODE_IP}/24 mtu 1500
  link add a vxlan remote {SIDES["a"][0]} vni 42
  link add b vxlan remote {SIDES["b"][0]} vni 43 checksum on dscp copy
  route add src any dst any to edge b from edge a
  route add src any dst any to edge a from edge b
"""

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))


class VxlanNamespace(Namespace):
    """And with a VXLAN device on it."""

    def __init__(self, side):
        super().__init__(side)
        try:
            self.set_up(side)
        except BaseException:
            self.close()
            raise

    def set_up(self, side):
        self.address, self.inner, vni = SIDES[side]
        self.ip("addr", "add", f"{self.address}/24", "dev", "tap0")
        self.ip("link", "set", "tap0", "up")
        self.ip("link", "add", "vx0", "type", "vxlan", "id", str(vni), "remote", NODE_IP,
                "dstport", str(VXLAN_PORT), "dev", "tap0",
                "udpcsum" if side == "a" else "noudpcsum")
        self.ip("addr", "add", f"{self.inner}/24", "dev", "vx0")
        self.ip("link", "set", "vx0", "mtu", "1450", "up")


@pytest.fixture(scope="module", name="sides")
def two_namespaces():
    made = {}
    try:
        for side in SIDES:
            try:
                made[side] = VxlanNamespace(side)
            except AssertionError as error:
                if "vxlan" not in str(error):
                    raise
                pytest.skip(f"this kernel has no VXLAN: {error}")
        yield made
    finally:
        for namespace in made.values():
            namespace.close()


@pytest.fixture(scope="module", name="switch")
def running_switch(sides, tmp_path_factory):
    wire = QuietWire(tmp_path_factory.mktemp("kernel"), {})
    switch = Switch(wire, [namespace.tap for namespace in sides.values()])
    switch.start()
    yield switch
    switch.end.set()
    switch.join()
    wire.close()


@pytest.fixture(scope="module", name="node")
def running_node(switch, hypervisor):
    with Node(switch.wire.directory, hypervisor, CONF, switch.wire.netdev()) as node:
        assert node.stats()["config_errors"] == 0
        yield node
        assert node.stats()["sum"]["balanced"]


def test_ping_through_the_kernels_vxlan(node, sides, switch):
    wait_for(lambda: ping(sides["a"], SIDES["b"][1], 1), "the first answer")
    assert ping(sides["a"], SIDES["b"][1], 50) == 50
    assert ping(sides["b"], SIDES["a"][1], 50) == 50
    links = {link["name"]: link for link in json.loads(node.ctl("show link json"))}
    assert links["a"]["to_core"] >= 100 and links["b"]["to_core"] >= 100
    vnis = {int.from_bytes(frame[46:49], "big") for frame in switch.outer}
    assert vnis == {42, 43}


@pytest.mark.parametrize("size", [1422, 1423, 8000])
def test_the_largest_packets_pass_and_longer_ones_are_cut_inside(node, sides, size):
    assert node.stats()["config_errors"] == 0
    assert ping(sides["a"], SIDES["b"][1], 5, size) == 5


@pytest.mark.parametrize("one, other", [("a", "b"), ("b", "a")])
def test_tcp_arrives_whole(node, sides, one, other):
    assert node.stats()["config_errors"] == 0
    transfer(sides[one], sides[other], SIDES[other][1])


def test_ipv6_and_its_neighbour_discovery(node, sides):
    """Which needs multicast."""
    assert node.stats()["config_errors"] == 0
    def addresses(side):
        """Those that nobody objected to: only they can be bound to (RFC 4862 5.4)."""
        told = sides[side].ip("-j", "-6", "addr", "show", "dev", "vx0", "-tentative")
        return [info["local"] for entry in json.loads(told) for info in entry.get("addr_info", [])]

    for side in SIDES:
        wait_for(lambda side=side: addresses(side), "an address of its own")
    transfer(sides["a"], sides["b"], f"{addresses('b')[0]}%vx0")


def test_checksums_as_configured_and_congestion_bits(node, sides, switch):
    """To b with the outer checksum and the inner TOS, to a without; the kernel takes both."""
    switch.outer.clear()
    assert ping(sides["a"], SIDES["b"][1], 5, tos=0xba) == 5
    assert ping(sides["b"], SIDES["a"][1], 5, tos=0xba) == 5
    assert node.stats()["config_errors"] == 0
    to = {side: [f for f in switch.outer if f[46:49] == vni.to_bytes(3, "big")]
          for side, (_, _, vni) in SIDES.items()}
    marked = [f for f in to["b"] if f[15] == 0xba]
    assert len(marked) >= 10 and all(f[40:42] != b"\0\0" for f in marked)
    assert all(f[40:42] == b"\0\0" and f[15] in (0, 2) for f in to["a"])
    assert sum(f[15] == 2 for f in to["a"]) >= 10


def test_the_kernel_found_nothing_wrong(node, sides):
    assert node.stats()["config_errors"] == 0
    for namespace in sides.values():
        told, = json.loads(namespace.ip("-j", "-s", "link", "show", "dev", "vx0"))
        assert told["stats64"]["rx"]["errors"] == 0, told
        assert told["stats64"]["rx"]["dropped"] == 0, told
