# SPDX-License-Identifier: BSD-2-Clause
"""Machines that boot over the network, from a tree that tools/mknetboot made, by dnsmasq
(Debian's package, unpacked below build/) with the set-up that the tree brings along:

                      dnsmasq, HTTP server 10.0.0.254
                                  |
    ==+===================+=======+==========+===================+==  eth0, a bridge
      |                   |                  |                   |
    n01 10.0.0.11       n02 10.0.0.12      n03, DHCP           a stranger
    BIOS                UEFI               BIOS, a file of     iPXE's script, in
    g1 10.1.0.1         g1 10.1.0.2        its is missing      no configuration
"""

import contextlib
import os
import re
import subprocess
import sys

import nskit
import pytest
from conftest import ROOT
from labkit import debs, serial
from labkit import machine as machines
from labkit.errors import ToolError
from screenkit import QmpMachine, wait_for

SERVER = "10.0.0.254"
MACS = {name: f"52:54:00:00:00:0{number}"
        for number, name in enumerate(("n01", "n02", "n03", "stranger"), 1)}
GUEST = """\
node n0{me} mac 52:54:00:00:00:0{me}
  uplink add 0 address 10.0.0.1{me}/24
  link add peer geneve remote 10.0.0.1{peer} vni 7
  vm add g1 memory 192M kernel vmlinuz-cloud initrd initrd-cloud.img cmdline "console=ttyS0 \
panic=1 caisson.name=g1 caisson.ip=10.1.0.{me}/24"
  interface add g1.eth0 mac 02:00:00:00:00:0{me}
  route add src any dst any to edge peer from interface g1.eth0
  route add src any dst any to interface g1.eth0 from edge peer
  vm start g1
"""
CONF = f"""\
caisson 1
{GUEST.format(me=1, peer=2)}{GUEST.format(me=2, peer=1)}\
node n03 mac {MACS['n03']}
  uplink add 0 address dhcp
  vm add g1 memory 192M kernel vmlinuz-cloud initrd late.img
"""
PACKAGES = ("dnsmasq-base", "libnetfilter-conntrack3", "libnfnetlink0", "libnftables1",
            "libnftnl11", "libmnl0", "libjansson4", "libxtables12", "libidn2-0",
            "libunistring2", "libnettle8", "libhogweed6", "libgmp10", "libdbus-1-3",
            "libsystemd0")
READY = "caisson-guest: g1 ready"

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))


@pytest.fixture(scope="module", name="dnsmasq")
def unpacked_dnsmasq():
    try:
        return debs.unpacked(PACKAGES, os.path.join(ROOT, "build/test/dnsmasq"),
                             os.path.join(ROOT, "build/debs"))
    except ToolError as error:
        return pytest.skip(f"dnsmasq cannot be downloaded: {error}")


class Machine(QmpMachine):
    """One that boots over the network."""

    def __init__(self, lan, name, memory, uefi=False):
        self.name = name
        directory = os.path.join(lan.directory, name)
        os.makedirs(directory)
        lan.ip("tuntap", "add", "dev", name, "mode", "tap")
        lan.ip("link", "set", name, "master", "eth0", "up")
        super().__init__(directory, [
            "-accel", "tcg,thread=multi", "-cpu", machines.CPU["svm"], "-machine", "pc",
            "-vga", "std", "-smp", "2" if uefi else "1", "-m", str(memory),
            "-netdev", f"tap,id=net0,ifname={name},script=no,downscript=no",
            "-device", f"e1000,netdev=net0,mac={MACS[name]}", "-boot", "n"], uefi,
                         lan.inside())

    def port(self):
        return serial.Port(self.path("serial.sock"), self.name)

    def ask(self, command):
        with self.port() as port:
            return serial.Node(port, self.name).command(command)

    def sh(self, guest, command):
        with self.port() as port:
            node = serial.Node(port, self.name)
            node.sync()
            node.attach(guest)
            try:
                return serial.Shell(port, guest).run(command)
            finally:
                node.detach()


class Lan:
    """The namespace with the bridge, its servers, and the machines on it."""

    def __init__(self, directory, dnsmasq):
        self.directory = str(directory)
        self.tree = os.path.join(self.directory, "tftp")
        self.name = f"netboot{os.getpid()}"
        self.stack = contextlib.ExitStack()
        self.machines = {}
        self.dnsmasq = dnsmasq

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def ip(self, *words):
        subprocess.run(["ip", "-n", self.name, *words], check=True)

    def inside(self, *command):
        return ["ip", "netns", "exec", self.name, *command]

    def popen(self, *command, **more):
        log = self.stack.enter_context(open(os.path.join(self.directory, "servers.log"), "ab"))
        process = subprocess.Popen(self.inside(*command), stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, **more)
        self.stack.callback(process.wait, 20)
        self.stack.callback(process.terminate)
        return process

    def make(self):
        guests = os.path.join(ROOT, "build/guest")
        conf = os.path.join(self.directory, "cluster.conf")
        late = os.path.join(self.directory, "late.img")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(CONF)
        with open(late, "wb") as f:
            f.write(b"late" * 1000)
        subprocess.run(["make", "-s", "-C", ROOT, "netboot", f"DIR={self.tree}", f"CONF={conf}",
                        f"MODULES={guests}/vmlinuz-cloud "
                        f"{guests}/initrd-cloud.img {late}"], check=True)

    def build(self):
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.stack.callback(subprocess.run, ["ip", "netns", "del", self.name], check=False)
        self.ip("link", "add", "eth0", "type", "bridge")
        self.ip("address", "add", f"{SERVER}/24", "dev", "eth0")
        self.ip("link", "set", "eth0", "up")
        self.ip("link", "set", "lo", "up")
        self.make()
        os.rename(f"{self.tree}/caisson/late.img", f"{self.directory}/late.away")
        # One of them takes the large files from a web server, as URL= has all do.
        with open(f"{self.tree}/nodes/{MACS['n02'].replace(':', '-')}/boot.cfg", "a",
                  encoding="ascii") as f:
            f.write(f"set base=(http,{SERVER})\n")
        libraries = f"{self.dnsmasq}/usr/lib/x86_64-linux-gnu:{self.dnsmasq}/lib/x86_64-linux-gnu"
        conf = os.path.join(self.directory, "dnsmasq.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(f"conf-file={self.tree}/examples/dnsmasq.conf\n"
                    f"dhcp-mac=set:script,{MACS['stranger']}\n"
                    "dhcp-boot=tag:script,caisson.ipxe\n")
        self.popen(f"{self.dnsmasq}/usr/sbin/dnsmasq", "--keep-in-foreground", "--user=root",
                   "--pid-file=", f"--dhcp-leasefile={self.directory}/leases",
                   f"--conf-file={conf}",
                   env={**os.environ, "LD_LIBRARY_PATH": libraries})
        self.popen(sys.executable, "-m", "http.server", "80", "--bind", SERVER, "--directory",
                   self.tree)

    def boot(self, name, memory=512, uefi=False):
        machine = self.stack.enter_context(Machine(self, name, memory, uefi))
        self.machines[name] = machine
        return machine


@pytest.fixture(scope="module", name="lan")
def lan_with_machines(tmp_path_factory, dnsmasq, hypervisor):
    subprocess.run([os.path.join(ROOT, "tools/mkguest"), "--quiet", "cloud"], check=True)
    with Lan(tmp_path_factory.mktemp("netboot"), dnsmasq) as lan:
        lan.boot("n01")
        lan.boot("n02", uefi=True)
        yield lan


@pytest.mark.parametrize("name", ["n01", "n02"])
def test_a_machine_becomes_the_node_that_its_mac_says(lan, name):
    machine = lan.machines[name]
    machine.wait_log(f"caisson:{name}> ")
    log = machine.log()
    assert f'command line "node={name} mac={MACS[name]} ip=10.0.0.' in log
    assert "degraded" not in log and "] error" not in log
    assert "late.img" not in log  # not its module


def test_guests_meet_on_the_overlay(lan):
    for name in ("n01", "n02"):
        machine = lan.machines[name]
        machine.wait_log("g1: started on core")
        wait_for(lambda: READY in machine.ask("console log g1"), f"{name}/g1 has its shell")
    output, status = lan.machines["n01"].sh("g1", "ping -c 3 -W 30 -w 100 10.1.0.2")
    assert status == 0, output


def test_uefi_has_its_text_on_the_framebuffer(lan):
    machine = lan.machines["n02"]
    log = machine.log()
    assert re.search(r"boot: framebuffer of \d+ by \d+", log)
    assert "acpi: no tables found" not in log and "smp: 2 of 2 cores started" in log
    shown = machine.ask("show boot")
    assert "node n02: ok" in shown and f"over the network by {MACS['n02']} (10.0.0." in shown
    screen = machine.screen()
    for line in shown.splitlines():
        assert line.rstrip() in screen


def test_a_missing_file_is_said_and_tried_again(lan):
    machine = lan.boot("n03", 384)
    machine.wait_log(f"Missing on {SERVER}: *\n? */caisson/late.img")
    machine.wait_log("Once more in 2 s")
    os.rename(f"{lan.directory}/late.away", f"{lan.tree}/caisson/late.img")
    machine.wait_log(r"uplink: 0: address 10\.0\.0\.1\d\d/24")
    assert "] error" not in machine.log()


def test_a_stranger_is_told_its_mac(lan):
    machine = lan.boot("stranger", 256)
    machine.wait_log(r"caisson:\S*> ")
    errors = re.findall(r"\] error (.*)", machine.log())
    assert len(errors) == 1 and "none of its 3 node sections" in errors[0]
    assert MACS["stranger"] in errors[0]
