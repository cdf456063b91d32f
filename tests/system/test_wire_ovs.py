# SPDX-License-Identifier: BSD-2-Clause
"""Open vSwitch's Geneve, in its user-space datapath (Debian's package, unpacked below
build/), and a node under QEMU, behind which is the kernel's VXLAN:

    namespace o                                                          namespace k
    br-int 10.8.0.1 -- Geneve 7 -- br-phy, tap --.            .-- tap -- VXLAN 43 -- vx0 10.8.0.2
                                   10.0.0.2      switch (here)    10.0.0.3
                                                    |
                                               alpha 10.0.0.1
"""

import contextlib
import json
import os
import subprocess
import time

import nskit
import pytest
from conftest import ROOT
from kernelkit import Namespace, QuietWire, Switch, ping, run, transfer
from labkit import debs
from labkit.errors import ToolError
from wirekit import NODE_IP, Node, wait_for

OVS_IP, KERNEL_IP = "10.0.0.2", "10.0.0.3"
OVS_INNER, KERNEL_INNER = "10.8.0.1", "10.8.0.2"
GENEVE_VNI, VXLAN_VNI = 7, 43
CONF = f"""\
  uplink add 0 address {NODE_IP}/24 mtu 1500
  link add o geneve remote {OVS_IP} vni {GENEVE_VNI} keepalive off
  link add k vxlan remote {KERNEL_IP} vni {VXLAN_VNI}
  route add src any dst any to edge k from edge o
  route add src any dst any to edge o from edge k
"""
PACKAGES = ("openvswitch-switch", "openvswitch-common", "libxdp1", "libbpf1", "libunbound8",
            "libnuma1", "libcap-ng0", "libevent-2.1-7")
COMMAND_TIMEOUT_S = 300
MTU = "1450"

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))


@pytest.fixture(scope="module", name="ovs_tree")
def unpacked_ovs():
    """Where Open vSwitch is unpacked."""
    try:
        return debs.unpacked(PACKAGES, os.path.join(ROOT, "build/test/ovs"),
                             os.path.join(ROOT, "build/debs"))
    except ToolError as error:
        return pytest.skip(f"Open vSwitch cannot be downloaded: {error}")


class OvsNamespace(Namespace):
    """Open vSwitch: a bridge of user space with a Geneve port, over another with the TAP."""

    def __init__(self, tree, directory):
        super().__init__("o")
        self.tree, self.directory = tree, str(directory)
        self.daemons = []
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def environment(self):
        where = {f"OVS_{what}": self.directory for what in ("RUNDIR", "LOGDIR", "DBDIR",
                                                            "SYSCONFDIR")}
        return {**os.environ, **where, "OVS_PKGDATADIR": f"{self.tree}/usr/share/openvswitch",
                "LD_LIBRARY_PATH": f"{self.tree}/usr/lib/x86_64-linux-gnu"}

    def tool(self, *command):
        done = subprocess.run(["ip", "netns", "exec", self.name, f"{self.tree}/{command[0]}",
                               *command[1:]], env=self.environment(), capture_output=True,
                              text=True, check=False, timeout=COMMAND_TIMEOUT_S,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def daemon(self, *command):
        with open(os.path.join(self.directory, "daemons.log"), "ab") as log:
            self.daemons.append(subprocess.Popen(
                ["ip", "netns", "exec", self.name, f"{self.tree}/{command[0]}", *command[1:]],
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def vsctl(self, *command):
        return self.tool("usr/bin/ovs-vsctl", "--retry",
                         f"--db=unix:{self.directory}/db.sock", *command)

    def start(self):
        base = f"{self.directory}/conf.db"
        self.tool("usr/bin/ovsdb-tool", "create", base,
                  f"{self.tree}/usr/share/openvswitch/vswitch.ovsschema")
        self.daemon("usr/sbin/ovsdb-server", base, f"--remote=punix:{self.directory}/db.sock")
        wait_for(lambda: os.path.exists(f"{self.directory}/db.sock"), "ovsdb-server")
        self.vsctl("--no-wait", "init")
        self.daemon("usr/lib/openvswitch-switch/ovs-vswitchd", f"unix:{self.directory}/db.sock",
                    "--disable-system")
        for bridge in ("br-phy", "br-int"):
            self.vsctl("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev")
        self.ip("link", "set", "tap0", "up")
        self.vsctl("add-port", "br-phy", "tap0")
        self.vsctl("add-port", "br-int", "gv0", "--", "set", "interface", "gv0", "type=geneve",
                   f"options:remote_ip={NODE_IP}", f"options:key={GENEVE_VNI}")
        for bridge, address in (("br-phy", OVS_IP), ("br-int", OVS_INNER)):
            self.ip("addr", "add", f"{address}/24", "dev", bridge)
            self.ip("link", "set", bridge, "up")
        self.vsctl("set", "interface", "br-int", f"mtu_request={MTU}")

    def close(self):
        for daemon in reversed(self.daemons):
            daemon.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(60)
            daemon.kill()
            daemon.wait()
        super().close()


def kernel_namespace():
    made = Namespace("k")
    try:
        made.ip("addr", "add", f"{KERNEL_IP}/24", "dev", "tap0")
        made.ip("link", "set", "tap0", "up")
        made.ip("link", "add", "vx0", "type", "vxlan", "id", str(VXLAN_VNI), "remote", NODE_IP,
                "dstport", "4789", "dev", "tap0")
        made.ip("addr", "add", f"{KERNEL_INNER}/24", "dev", "vx0")
        made.ip("link", "set", "vx0", "mtu", MTU, "up")
    except AssertionError as error:
        made.close()
        pytest.skip(f"this kernel has no VXLAN: {error}")
    return made


@pytest.fixture(scope="module", name="sides")
def two_namespaces(ovs_tree, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        kernel = kernel_namespace()
        stack.callback(kernel.close)
        ovs = OvsNamespace(ovs_tree, tmp_path_factory.mktemp("ovs"))
        stack.callback(ovs.close)
        yield ovs, kernel


@pytest.fixture(scope="module", name="node")
def running_node(sides, hypervisor, tmp_path_factory):
    wire = QuietWire(tmp_path_factory.mktemp("ovsnode"), {})
    switch = Switch(wire, [namespace.tap for namespace in sides])
    switch.start()
    try:
        with Node(wire.directory, hypervisor, CONF, wire.netdev()) as node:
            assert node.stats()["config_errors"] == 0
            yield node
            assert node.stats()["sum"]["balanced"]
    finally:
        switch.end.set()
        switch.join()
        wire.close()


def test_ping_both_ways(node, sides):
    ovs, kernel = sides
    wait_for(lambda: ping(ovs, KERNEL_INNER, 1), "the first answer", 60)
    assert ping(ovs, KERNEL_INNER, 30) == 30
    assert ping(kernel, OVS_INNER, 30) == 30
    link = json.loads(node.ctl("show link o json"))[0]
    assert link["to_core"] >= 60 and link["state"] == "up"


@pytest.mark.parametrize("size", [1400, 4000])
def test_long_packets(node, sides, size):
    assert node.stats()["config_errors"] == 0
    assert ping(sides[0], KERNEL_INNER, 5, size) == 5


def test_tcp_both_ways(node, sides):
    assert node.stats()["config_errors"] == 0
    ovs, kernel = sides
    transfer(ovs, kernel, KERNEL_INNER)
    transfer(kernel, ovs, OVS_INNER)


def test_what_our_nodes_say_to_each_other_stays_out_of_its_bridge(node, sides):
    """With a keep-alive, which such a peer does not answer: it gets our control packets, and
    none of them comes out as a frame."""
    ovs = sides[0]
    node.ctl("link del o force")
    node.ctl(f"link add o geneve remote {OVS_IP} vni {GENEVE_VNI}")
    before = json.loads(run("ip", "-n", ovs.name, "-j", "-s", "link", "show", "dev", "br-int"))
    wait_for(lambda: json.loads(node.ctl("show link o json"))[0]["keepalive"]["sent"] > 10,
             "hellos")
    time.sleep(0.2)
    after = json.loads(run("ip", "-n", ovs.name, "-j", "-s", "link", "show", "dev", "br-int"))
    assert after[0]["stats64"]["rx"]["packets"] - before[0]["stats64"]["rx"]["packets"] < 5
    wait_for(lambda: json.loads(node.ctl("show link o json"))[0]["state"] == "unreachable",
             "it does not answer")
