# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces whose only way out is a TAP, and a switch in this program between
their TAPs and a node under QEMU:

    namespace -- TAP --.
                        switch (here) -- unix datagrams -- QEMU's e1000 -- node
    namespace -- TAP --'
"""

import contextlib
import os
import select
import subprocess
import sys
import threading

from labkit import host
from wirekit import FRAME_MAX, Wire

GROUP_BIT = 1
QUICK_S, PATIENCE_S = 2, 60


def run(*command, timeout=300):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


class Namespace:
    """With tap0, whose other end is ours."""

    def __init__(self, side):
        self.name = f"vxk{os.getpid()}{side}"
        run("ip", "netns", "add", self.name)
        self.tap = host.open_tap(self.name, "tap0")

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    def sh(self, *command, timeout=300):
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
            self.wire.send(frame)


class QuietWire(Wire):
    """Whose answers the switch reads."""

    def take_in(self, timeout):
        pass


# Echo requests: address, count, bytes, TOS, patience; prints how many were answered, each whole.
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
    end = time.monotonic() + float(sys.argv[5])
    while select.select([s], [], [], max(0, end - time.monotonic()))[0]:
        got = s.recv(65536)[20:]
        if got[0] == 0 and got[4:] == body:
            answered += 1
            break
print(answered)
"""


def ping(namespace, address, count, size=56, tos=0):
    """How many echo requests were answered. A single one is asked again when none comes."""
    patience = QUICK_S if count == 1 else PATIENCE_S
    return int(namespace.sh(sys.executable, "-c", PING, address, str(count), str(size), str(tos),
                            str(patience), timeout=PATIENCE_S * count))


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
    c = socket.create_connection((sys.argv[2], 5001), timeout=240)
    c.sendall(data)
    print(hashlib.sha256(data).hexdigest())
"""


def transfer(one, other, address):
    """Two megabytes from one namespace to another's address arrive as they were sent."""
    server = other.popen(sys.executable, "-c", TRANSFER, "serve", address)
    try:
        assert server.stdout.readline() == "ready\n"
        sent = one.sh(sys.executable, "-c", TRANSFER, "send", address)
        assert server.stdout.readline() == sent
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
