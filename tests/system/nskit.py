# SPDX-License-Identifier: BSD-2-Clause
"""Two network namespaces with a wire between them, and vnetpd in each.

    tap0 -- vnetpd -- va0 ======= vb0 -- vnetpd -- tap0
    10.7.0.1       10.9.0.1     10.9.0.2      10.7.0.2
    `--- namespace a ---'         `--- namespace b ---'
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from labkit.host import Control, why_not  # noqa: E402, F401
from waitkit import wait_for  # noqa: E402

VNETPD = os.path.join(ROOT, "build/vnetpd")
NETLOAD = os.path.join(ROOT, "build/bench/netload")

SIDES = ("a", "b")
UNDER = {"a": "10.9.0.1", "b": "10.9.0.2"}  # the wire's addresses
OVER = {"a": "10.7.0.1", "b": "10.7.0.2"}   # the overlay's
MACS = {"a": "02:00:00:00:00:0a", "b": "02:00:00:00:00:0b"}
OTHER = {"a": "b", "b": "a"}

# ETHTOOL_STXCSUM by SIOCETHTOOL (netdevice(7)): struct ifreq with a pointer to two u32.
NO_TX_CHECKSUMS = """
import ctypes, fcntl, socket, struct, sys
value = ctypes.create_string_buffer(struct.pack("II", 0x17, 0))
request = struct.pack("16sQ16x", sys.argv[1].encode(), ctypes.addressof(value))
fcntl.ioctl(socket.socket(), 0x8946, request)
"""

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60
ANSWER_TIMEOUT_S = 120
RUN_TIMEOUT_S = 300
PATIENT_MS, QUICK_MS = 30000, 1000


class Vnetpd:
    """A vnetpd that runs in a namespace."""

    def __init__(self, world, side, config, *options, wait=True, name=None):
        name = name or side
        self.config = os.path.join(world.directory, f"{name}.conf")
        self.socket = os.path.join(world.directory, f"{name}.sock")
        self.log_path = os.path.join(world.directory, f"{name}.log")
        self.write_config(config)
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = world.popen(side, [VNETPD, "--node", side, "--socket", self.socket,
                                              *options, self.config],
                                       stdout=log, stderr=subprocess.STDOUT)
        if wait:
            wait_for(lambda: "is up" in self.log() or self.process.poll() is not None,
                     "vnetpd's start", START_TIMEOUT_S)
            assert self.process.poll() is None, self.log()

    def write_config(self, text):
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)

    def log(self):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read()

    def ask(self, statement):
        client = Control(self.socket)
        try:
            return client.ask(statement)
        finally:
            client.close()

    def ctl(self, statement):
        status, output = self.ask(statement)
        assert status == "ok", f"{statement}: {status}"
        return output

    def stats(self):
        return json.loads(self.ctl("show stats json"))

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """Its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


class World(contextlib.AbstractContextManager):
    """Both namespaces and all that was started in them."""

    def __init__(self, mtu=1500):
        self.names = {}
        self.directory = tempfile.mkdtemp(prefix="vnetpd-test-")
        os.chmod(self.directory, 0o755)  # for whom vnetpd becomes
        self.processes = []
        try:
            self.build(mtu)
        except BaseException:
            self.__exit__()
            raise

    def add(self, side):
        """One more namespace."""
        self.names[side] = f"vnet{os.getpid()}{side}"
        subprocess.run(["ip", "netns", "add", self.names[side]], check=True)
        # An interface's first IPv6 messages would stand between those of a test.
        self.run(side, ["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"])
        self.ip(side, "link set lo up")

    def build(self, mtu):
        for side in SIDES:
            self.add(side)
        self.ip("a", f"link add va0 mtu {mtu} type veth peer name vb0 mtu {mtu} "
                     f"netns {self.names['b']}")
        for side in SIDES:
            self.ip(side, f"address add {UNDER[side]}/24 dev v{side}0")
            self.ip(side, f"link set v{side}0 up")

    def ip(self, side, words):
        subprocess.run(["ip", "-n", self.names[side], *words.split()], check=True)

    def command(self, side, arguments):
        return ["ip", "netns", "exec", self.names[side], *arguments]

    def run(self, side, arguments, **options):
        return subprocess.run(self.command(side, arguments), capture_output=True, text=True,
                              check=False, timeout=options.pop("timeout", RUN_TIMEOUT_S), **options)

    def popen(self, side, arguments, **options):
        process = subprocess.Popen(self.command(side, arguments), stdin=subprocess.DEVNULL,
                                   **options)
        self.processes.append(process)
        return process

    def no_offloads(self, side, device):
        """The device takes finished frames only, as `ethtool -K device tx off` makes it."""
        done = self.run(side, [sys.executable, "-c", NO_TX_CHECKSUMS, device])
        assert done.returncode == 0, done.stderr

    def vnetpd(self, side, config, *options, **more):
        daemon = Vnetpd(self, side, config, *options, **more)
        if more.get("wait", True):
            self.address(side)
        return daemon

    def address(self, side, device="tap0"):
        """Give the interface its address, unless it has one."""
        self.ip(side, f"address replace {OVER[side]}/24 dev {device}")

    def ping(self, side, address, count=3, wait_ms=PATIENT_MS):
        """Round trips in us; those that were lost are not among them."""
        done = self.run(side, [NETLOAD, "ping", address, str(count), "20000", str(wait_ms)])
        return [float(line) for line in done.stdout.split()]

    def answers(self, side, address, count=1):
        """Whether an echo request is answered within a second: to be asked until it is, or
        where nothing can come."""
        return bool(self.ping(side, address, count, QUICK_MS))

    def stream(self, side, address, seconds, port=5001):
        """Bits a second of a TCP stream from `side` to the other one's address."""
        sink = self.popen(OTHER[side], [NETLOAD, "sink", str(port)], stdout=subprocess.PIPE,
                          text=True)
        assert sink.stdout.readline() == "ready\n"
        done = self.run(side, [NETLOAD, "send", address, str(port), str(seconds)],
                        timeout=seconds + RUN_TIMEOUT_S)
        assert done.returncode == 0, done.stderr
        total, took = sink.stdout.readline().split()
        sink.wait(STOP_TIMEOUT_S)
        return 8 * float(total) / float(took)

    def __exit__(self, *_exception):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


def config(side, kind="udp", options="", interface="", extra=""):
    """A node with one interface and one link to the other side."""
    other = OTHER[side]
    return f"""caisson 1
node {side}
  link add {other} {kind} remote {UNDER[other]} {options}
  interface add tap0 mac {MACS[side]} {interface}
  route add src any dst any to edge {other} from interface tap0
  route add src any dst any to interface tap0 from edge {other}
{extra}"""
