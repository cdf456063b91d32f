# SPDX-License-Identifier: BSD-2-Clause
"""One node under QEMU, and the other end of its wire in this program: frames are
built and read here, so that a test decides about every bit that the node gets.

    test -- Wire -- unix datagrams -- QEMU's e1000 -- Node -- serial line -- test
"""

import contextlib
import functools
import json
import logging
import os
import re
import select
import socket
import subprocess
import time

from labkit import iso
from labkit import machine as machines
from labkit import serial
from labkit import state as states
from waitkit import wait_for

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)  # no IPv6 here is no news
from scapy.layers.inet import ICMP, IP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

NODE_MAC = "52:54:00:00:00:01"
NODE_IP = "10.0.0.1"
PEER_IP = "10.0.0.2"
OTHER_IP = "10.0.0.3"
PEERS = {PEER_IP: "52:54:00:00:00:02", OTHER_IP: "52:54:00:00:00:03"}
BROADCAST = "ff:ff:ff:ff:ff:ff"
LINK_PORT = 9000
LINK_SPORT = 0xc123

BOOT_TIMEOUT_S = 300
ANSWER_TIMEOUT_S = 60
LIFE_S = 3600  # no node outlives this, whatever becomes of the tests
FRAME_MAX = 65536
PAUSE_S = 0.05
READ_EVERY = 8  # frames: the sockets' queues are short
ETH_TYPE = slice(12, 14)
ARP_TYPE = b"\x08\x06"


# --- frames ------------------------------------------------------------------

def eth(src=PEER_IP, dst=NODE_MAC, **fields):
    return Ether(src=PEERS.get(src, "52:54:00:00:00:99"), dst=dst, **fields)


def ip(src=PEER_IP, dst=NODE_IP, **fields):
    """Ethernet and IPv4 headers to the node."""
    return eth(src) / IP(src=src, dst=dst, **fields)


def linked(inner, src=PEER_IP, port=LINK_PORT, sport=LINK_SPORT, **fields):
    """An inner frame as a peer sends it over its link, as bytes."""
    return bytes(ip(src, **fields) / UDP(sport=sport, dport=port) / Raw(bytes(inner)))


def datagram(inner, src=PEER_IP, port=LINK_PORT):
    """UDP header and payload as bytes, to be cut into fragments."""
    whole = IP(bytes(IP(src=src, dst=NODE_IP) / UDP(sport=LINK_SPORT, dport=port) /
                     Raw(bytes(inner))))
    return bytes(whole[UDP])


def fragment(data, start, stop, ident, src=PEER_IP, **fields):
    """Bytes start to stop of a datagram; more follow unless they are its last."""
    flags = "MF" if stop < len(data) else ""
    return bytes(ip(src, proto=17, id=ident, frag=start // 8, flags=fields.pop("flags", flags),
                    **fields) / Raw(data[start:stop]))


def fragments(data, ident, size=1480, src=PEER_IP):
    return [fragment(data, at, min(at + size, len(data)), ident, src)
            for at in range(0, len(data), size)]


# --- the wire -----------------------------------------------------------------

class Wire:
    """Our end. `hosts` are those that we are, IPv4 address to MAC: ARP requests for
    them are answered whenever frames are taken in. Frames are kept as bytes."""

    def __init__(self, directory, hosts):
        self.directory = str(directory)
        self.hosts = dict(hosts)
        self.received = []
        self.asked = 0  # ARP requests that we answered
        self.ours = os.path.join(directory, "peer.sock")
        self.nodes = os.path.join(directory, "node.sock")
        self.socket = self._open()
        self.socket.setblocking(False)

    def _open(self):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.bind(self.ours)
        return end

    def close(self):
        self.socket.close()

    def netdev(self):
        """QEMU's option for the node's end."""
        return (f"dgram,id=net0,local.type=unix,local.path={self.nodes},"
                f"remote.type=unix,remote.path={self.ours}")

    def send(self, *frames, timeout=300):
        """Sends frames (bytes or packets), and takes in what comes meanwhile."""
        deadline = time.monotonic() + timeout
        for number, frame in enumerate(frames):
            while not self._try_send(bytes(frame)):
                assert time.monotonic() < deadline, f"QEMU took {number} of {len(frames)} frames"
                self.take_in(0)
                select.select([], [self.socket], [], PAUSE_S)
            if number % READ_EVERY == 0:
                self.take_in(0)

    def _try_send(self, data):
        try:
            self.socket.sendto(data, self.nodes)
        except BlockingIOError:
            return False
        return True

    def take_in(self, timeout):
        """Adds to `received` what arrives, waiting for the first at most so long."""
        select.select([self.socket], [], [], max(0, timeout))
        with contextlib.suppress(BlockingIOError):
            while True:
                frame = self.socket.recv(FRAME_MAX)
                if frame[ETH_TYPE] != ARP_TYPE or not self._answer_arp(Ether(frame)):
                    self.received.append(frame)

    def _answer_arp(self, ask):
        mac = self.hosts.get(ask[ARP].pdst)
        if ask[ARP].op != 1 or not mac or ask[ARP].psrc == ask[ARP].pdst:
            return False
        answer = ARP(op=2, hwsrc=mac, psrc=ask.pdst, hwdst=ask.hwsrc, pdst=ask.psrc)
        wait_for(lambda: self._try_send(bytes(Ether(src=mac, dst=ask.hwsrc) / answer)),
                 "QEMU takes a frame")
        self.asked += 1
        return True

    def take_all(self):
        """The packets that have arrived until now."""
        self.take_in(0)
        taken, self.received = self.received, []
        return [Ether(frame) for frame in taken]

    def until(self, matches, timeout=ANSWER_TIMEOUT_S):
        """Waits for a frame (bytes) that matches; gives those before it, and it."""
        deadline = time.monotonic() + timeout
        at = 0
        while True:
            for at in range(at, len(self.received)):
                if matches(self.received[at]):
                    before, found = self.received[:at], self.received[at]
                    del self.received[:at + 1]
                    return before, found
            at = len(self.received)
            left = deadline - time.monotonic()
            assert left > 0, (f"no such frame within {timeout} s; of {at} the last ones: "
                              f"{[Ether(f).summary() for f in self.received[-10:]]}")
            self.take_in(left)

    def expect(self, matches, timeout=ANSWER_TIMEOUT_S):
        """The first frame, as a packet, for which matches(packet) is true; what came
        before it is forgotten."""
        return Ether(self.until(lambda frame: matches(Ether(frame)), timeout)[1])

    def echo(self, src=PEER_IP, data=b"caisson", timeout=ANSWER_TIMEOUT_S, **fields):
        """The node's answer to an echo request, with what it sent before that. It
        takes frames in order: all that were sent before have been dealt with."""
        ident = os.urandom(2)
        request = ICMP(id=int.from_bytes(ident, "big"))
        self.send(ip(src, **fields) / request / Raw(data))
        before, answer = self.until(lambda f: f[ETH_TYPE] == b"\x08\x00" and f[23] == 1 and
                                    f[34] == 0 and f[38:40] == ident, timeout)
        return Ether(answer), before

    def settle(self):
        """All that was sent has been dealt with; gives the packets that the node sent.
        (Twice: the first answer may overtake what frames of the same burst lead to.)"""
        frames = self.echo()[1] + self.echo()[1]
        return [Ether(frame) for frame in frames]


# --- the emulator ---------------------------------------------------------------

def qmp(directory, command, **arguments):
    """Gives the monitor of the QEMU of that directory a command."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(ANSWER_TIMEOUT_S)
        monitor.connect(os.path.join(directory, "qmp.sock"))
        lines = monitor.makefile("rw")
        lines.readline()  # the greeting
        for asked in ({"execute": "qmp_capabilities"},
                      {"execute": command, "arguments": arguments}):
            lines.write(json.dumps(asked) + "\n")
            lines.flush()
            answer = json.loads(lines.readline())
            while "event" in answer:
                answer = json.loads(lines.readline())
            assert "return" in answer, answer
        return answer["return"]


# --- the node -----------------------------------------------------------------

class Node:
    """A node and its console. `conf` is what its section of node.conf says, `modules`
    are further files, `nic` what QEMU calls its NIC, with its properties. With `grub`,
    commands for it, GRUB boots the node after it has obeyed them. `inside` stands in front
    of QEMU's command, `options` are further ones. Use it with `with`: then it ends."""

    def __init__(self, directory, image, conf, netdev, *, modules=(), grub=None, plugged=True,
                 nic="e1000", cores=1, inside=(), options=()):
        self.directory = str(directory)
        self.name = "alpha"
        self.netdev = netdev
        self.plugged = plugged
        self.nic = nic
        self.cores = cores
        self.inside = inside
        self.options = options
        self.process = None
        self.port = None
        path = os.path.join(self.directory, "node.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"caisson 1\nnode {self.name} mac {NODE_MAC}\n{conf}")
        if grub:
            self.boot = ["-boot", "d", "-cdrom",
                         iso.caisson(self.directory, image, f"node={self.name}",
                                     [("node.conf", path)], grub)]
        else:
            self.boot = ["-kernel", image, "-append", f"node={self.name}",
                         "-initrd", ",".join([path, *modules])]

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.port:
            self.port.socket.close()
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(ANSWER_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def start(self):
        command = [*self.inside, "timeout", "-k", "5", str(LIFE_S), "qemu-system-x86_64",
                   "-accel", "tcg,thread=multi", "-cpu", machines.CPU["svm"],
                   "-machine", "pc", "-nodefaults", "-display", "none", "-no-reboot",
                   "-smp", str(self.cores), "-m", "256", "-S",
                   "-chardev", "socket,id=com1,path=serial.sock,server=on,wait=off,"
                   "logfile=serial.log", "-serial", "chardev:com1",
                   "-qmp", "unix:qmp.sock,server=on,wait=off",
                   "-netdev", self.netdev,
                   "-device", f"{self.nic},netdev=net0,romfile=,mac={NODE_MAC}",
                   *self.options, *self.boot]
        with open(os.path.join(self.directory, "qemu.log"), "wb") as log:
            self.process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        wait_for(lambda: os.path.exists(os.path.join(self.directory, "qmp.sock")), "QEMU starts")
        if not self.plugged:
            self.set_cable(False)
        self.qmp("cont")
        self.wait_log(f"caisson:{self.name}> ", BOOT_TIMEOUT_S)
        self.port = serial.Port(os.path.join(self.directory, "serial.sock"), self.name)

    def log(self):
        """All that it said on its serial line."""
        try:
            with open(os.path.join(self.directory, "serial.log"), encoding="utf-8",
                      errors="replace") as f:
                return f.read().replace("\r", "")
        except FileNotFoundError:
            return ""

    def log_tail(self):
        lines = states.tail(os.path.join(self.directory, "serial.log"), 40).splitlines()
        return "\n".join(line[:200] for line in lines)

    def wait_log(self, pattern, timeout=ANSWER_TIMEOUT_S, start=0):
        """Waits for a match behind the first `start` characters of the log."""
        def look():
            found = re.search(pattern, self.log()[start:])
            assert found or self.process.poll() is None, \
                f"the node ended; its last lines:\n{self.log_tail()}"
            return found
        return wait_for(look, f"\"{pattern}\" in the node's log", timeout)

    def ctl(self, command):
        """What the node's console answers."""
        try:
            answer = serial.Node(self.port, self.name).command(command, ANSWER_TIMEOUT_S)
        except serial.Timeout as error:
            raise AssertionError(f"{command}: {error}; it said {self.port.received}") from None
        assert not serial.REJECTED.search(answer), f"{command}: {answer}"
        return answer

    def stats(self):
        return json.loads(self.ctl("show stats json"))

    def drops(self):
        """Drops by reason, those of the host stack as "uplink NAME", that are not 0."""
        stats = self.stats()
        named = {**stats["drops"],
                 **{f"uplink {name}": n for name, n in stats["uplink_drops"].items()}}
        return {name: n for name, n in named.items() if n}

    def pools(self):
        """Free packets by pool."""
        return {(p["name"], p["core"]): p["free"] for p in self.stats()["pools"]}

    def set_cable(self, plugged):
        self.qmp("set_link", name="net0", up=plugged)

    def qmp(self, command, **arguments):
        """Gives QEMU's monitor a command; what that returns."""
        return qmp(self.directory, command, **arguments)


@contextlib.contextmanager
def dropping(node, wire, **expected):
    """Within, exactly these drops are counted: uplink_ip_bad=2 for "uplink ip-bad"."""
    expected = {re.sub("^uplink-", "uplink ", name.replace("_", "-")): count
                for name, count in expected.items()}
    wire.settle()
    before = node.drops()

    def counted():
        now = node.drops()
        return {name: now[name] - before.get(name, 0) for name in now
                if now[name] != before.get(name, 0)}

    yield
    wire.settle()
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    while counted() != expected and time.monotonic() < deadline:
        time.sleep(PAUSE_S)
    assert counted() == expected


def patient(test):
    """Runs the test again where fragments timed out in a run that failed: they are waited
    for 0.1 s only, and this machine may have stood still for longer."""
    @functools.wraps(test)
    def run(**case):
        for last in (False, False, True):
            before = case["node"].drops().get("uplink fragment-timeout")
            try:
                return test(**case)
            except AssertionError:
                if last or case["node"].drops().get("uplink fragment-timeout") == before:
                    raise
        return None
    return run
