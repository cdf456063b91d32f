# SPDX-License-Identifier: BSD-2-Clause
"""The Linux kernel's own VXLAN at both ends of a node under QEMU, which knows them as
two links with different VNIs.

    namespace a                                                      namespace b
    vx0 10.8.0.1 -- VXLAN 42 -- tap --.              .-- tap -- VXLAN 43 -- vx0 10.8.0.2
                   10.0.0.2            switch (here)       10.0.0.3
                                          |
                                     alpha 10.0.0.1
"""

import contextlib
import ctypes
import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import threading

import nskit
import pytest
from wirekit import FRAME_MAX, NODE_IP, Node, Wire, wait_for

SIDES = {"a": ("10.0.0.2", "10.8.0.1", 42), "b": ("10.0.0.3", "10.8.0.2", 43)}
VXLAN_PORT = 4789
CONF = f"""\
  uplink add 0 address {NODE_IP}/24 mtu 1500
  link add a vxlan remote {SIDES["a"][0]} vni 42
  link add b vxlan remote {SIDES["b"][0]} vni 43 checksum on dscp copy
  route add src any dst any to edge b from edge a
  route add src any dst any to edge a from edge b
"""
CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454ca
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
GROUP_BIT = 1

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))


def run(*command, timeout=60):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Namespace:
    """With a TAP whose other end is ours, and a VXLAN device on it."""

    def __init__(self, side):
        self.name = f"vxk{os.getpid()}{side}"
        self.address, self.inner, vni = SIDES[side]
        run("ip", "netns", "add", self.name)
        self.tap = self._open_tap()
        self.ip("addr", "add", f"{self.address}/24", "dev", "tap0")
        self.ip("link", "set", "tap0", "up")
        self.ip("link", "add", "vx0", "type", "vxlan", "id", str(vni), "remote", NODE_IP,
                "dstport", str(VXLAN_PORT), "dev", "tap0",
                "udpcsum" if side == "a" else "noudpcsum")
        self.ip("addr", "add", f"{self.inner}/24", "dev", "vx0")
        self.ip("link", "set", "vx0", "mtu", "1450", "up")

    def _open_tap(self):
        """Made by a thread that is in the namespace for that long."""
        result = []

        def work():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/run/netns/{self.name}", "rb") as ns:
                if libc.setns(ns.fileno(), CLONE_NEWNET):
                    return
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"tap0", IFF_TAP | IFF_NO_PI))
            result.append(fd)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert result, f"no TAP in {self.name}"
        return result[0]

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    def sh(self, *command, timeout=60):
        return run("ip", "netns", "exec", self.name, *command, timeout=timeout)

    def popen(self, *command):
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def close(self):
        os.close(self.tap)
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


class Switch(threading.Thread):
    """Frames between the node and the TAPs, by the addresses that were seen."""

    def __init__(self, wire, taps):
        super().__init__(daemon=True)
        self.wire, self.taps = wire, taps
        self.seen = {}
        self.outer = []  # headers of the node's VXLAN packets
        self.end = threading.Event()

    def run(self):
        ports = [self.wire.socket, *self.taps]
        while not self.end.is_set():
            for port in select.select(ports, [], [], 0.05)[0]:
                with contextlib.suppress(BlockingIOError):
                    self.forward(port, port.recv(FRAME_MAX) if port is self.wire.socket
                                 else os.read(port, FRAME_MAX))

    def forward(self, port, frame):
        self.seen[frame[6:12]] = port
        if port is self.wire.socket and frame[23:24] == b"\x11":
            self.outer.append(frame[:50])
        if frame[0] & GROUP_BIT or frame[:6] not in self.seen:
            for other in [self.wire.socket, *self.taps]:
                if other is not port:
                    self.give(other, frame)
        else:
            self.give(self.seen[frame[:6]], frame)

    def give(self, port, frame):
        if port is not self.wire.socket:
            with contextlib.suppress(BlockingIOError, OSError):
                os.write(port, frame)
            return
        with contextlib.suppress(OSError):
            self.wire.send(frame, timeout=5)


class QuietWire(Wire):
    """Whose answers the switch reads."""

    def take_in(self, timeout):
        pass


@pytest.fixture(scope="module", name="sides")
def two_namespaces():
    made = {}
    try:
        for side in SIDES:
            try:
                made[side] = Namespace(side)
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


# Echo requests: address, count, bytes, TOS; prints how many were answered, each whole.
PING = """
import os, select, socket, struct, sys, time
address, count, size, tos = sys.argv[1], *map(int, sys.argv[2:5])
def checksum(data):
    data += b"\\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
answered = 0
for seq in range(count):
    body = struct.pack(">HH", os.getpid() & 0xffff, seq) + os.urandom(size)
    sum_ = struct.pack(">H", checksum(b"\\x08\\0\\0\\0" + body))
    s.sendto(b"\\x08\\0" + sum_ + body, (address, 0))
    end = time.monotonic() + 5
    while select.select([s], [], [], max(0, end - time.monotonic()))[0]:
        got = s.recv(65536)[20:]
        if got[0] == 0 and got[4:] == body:
            answered += 1
            break
print(answered)
"""


def ping(sides, one, other, count, size=56, tos=0):
    """How many echo requests were answered."""
    return int(sides[one].sh(sys.executable, "-c", PING, SIDES[other][1], str(count), str(size),
                             str(tos)))


def test_ping_through_the_kernels_vxlan(node, sides, switch):
    wait_for(lambda: ping(sides, "a", "b", 1), "the first answer", 30)
    assert ping(sides, "a", "b", 50) == 50
    assert ping(sides, "b", "a", 50) == 50
    links = {link["name"]: link for link in json.loads(node.ctl("show link json"))}
    assert links["a"]["to_core"] >= 100 and links["b"]["to_core"] >= 100
    vnis = {int.from_bytes(frame[46:49], "big") for frame in switch.outer}
    assert vnis == {42, 43}


@pytest.mark.parametrize("size", [1422, 1423, 8000])
def test_the_largest_packets_pass_and_longer_ones_are_cut_inside(node, sides, size):
    assert node.stats()["config_errors"] == 0
    assert ping(sides, "a", "b", 5, size) == 5


TRANSFER = """
import hashlib, os, socket, sys
data = os.urandom(65536) * 32
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
if sys.argv[1] == "serve":
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(socket.getaddrinfo(sys.argv[2], 5001, family)[0][4])
    s.listen()
    print("ready", flush=True)
    c, _ = s.accept()
    got = hashlib.sha256()
    while piece := c.recv(65536):
        got.update(piece)
    print(got.hexdigest(), flush=True)
else:
    c = socket.create_connection((sys.argv[2], 5001), timeout=20)
    c.sendall(data)
    print(hashlib.sha256(data).hexdigest())
"""


def transfer(sides, one, other, address):
    server = sides[other].popen(sys.executable, "-c", TRANSFER, "serve", address)
    try:
        assert server.stdout.readline() == "ready\n"
        sent = sides[one].sh(sys.executable, "-c", TRANSFER, "send", address, timeout=120)
        assert server.stdout.readline() == sent
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.mark.parametrize("one, other", [("a", "b"), ("b", "a")])
def test_tcp_arrives_whole(node, sides, one, other):
    assert node.stats()["config_errors"] == 0
    transfer(sides, one, other, SIDES[other][1])


def test_ipv6_and_its_neighbour_discovery(node, sides):
    """Which needs multicast."""
    assert node.stats()["config_errors"] == 0
    addresses = json.loads(sides["b"].ip("-j", "-6", "addr", "show", "dev", "vx0"))
    transfer(sides, "a", "b", f"{addresses[0]['addr_info'][0]['local']}%vx0")


def test_checksums_as_configured_and_congestion_bits(node, sides, switch):
    """To b with the outer checksum and the inner TOS, to a without; the kernel takes both."""
    switch.outer.clear()
    assert ping(sides, "a", "b", 5, tos=0xba) == 5
    assert ping(sides, "b", "a", 5, tos=0xba) == 5
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
