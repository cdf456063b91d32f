# SPDX-License-Identifier: BSD-2-Clause
"""What every example has to show, in whichever test it is booted: ARP, IPv6 neighbour
discovery, a multicast ping, TCP, each link's format as tshark reads it, a running
configuration that is the file's, and no frame unaccounted for."""

import contextlib
import hashlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading

from conftest import ROOT
from labkit import host

VNETCTL = os.path.join(ROOT, "build/vnetctl")
# For each example: who is on its overlay, with device and address, and what tshark has to
# find between the wire's IPv4 and the guests' frames.
EXAMPLES = {
    "direct": ({"alpha/g1": ("eth0", "10.0.0.11"), "p1": ("eth0", "10.0.0.9")}, []),
    "dispatch": ({"alpha/g1": ("eth0", "10.1.0.1"), "alpha/g2": ("eth0", "10.1.0.2")}, []),
    "hpc": ({"alpha/n1": ("eth0", "10.1.0.1"), "beta/n2": ("eth0", "10.1.0.2")}, ["udp"]),
    "jumbo": ({"alpha/g1": ("eth0", "10.1.0.1"), "beta/g1": ("eth0", "10.1.0.2")}, ["udp"]),
    "login": ({"n01/g1": ("eth0", "10.1.0.1"), "n02/g1": ("eth0", "10.1.0.2"),
               "login": ("hpc0", "10.1.0.100")}, ["udp:geneve"]),
    "mesh": ({"alpha/g1": ("eth0", "10.1.0.1"), "alpha/g2": ("eth0", "10.1.0.2"),
              "beta/g1": ("eth0", "10.1.0.3")}, ["udp"]),
    "nat": ({"a": ("ov0", "10.1.0.1"), "b": ("ov0", "10.1.0.2")}, ["udp:geneve"]),
    "pair": ({"alpha/g1": ("eth0", "10.1.0.1"), "beta/g1": ("eth0", "10.1.0.2")}, ["udp"]),
    "plain": ({"p1": ("eth0", "10.2.0.1"), "p2": ("eth0", "10.2.0.2")}, []),
    "ring": ({"alpha/g1": ("eth0", "10.1.0.1"), "beta": ("ov0", "10.1.0.2"),
              "gamma": ("ov0", "10.1.0.3")}, ["udp:geneve"]),
    "smp": ({"alpha/g1": ("eth0", "10.1.0.1"), "alpha/g2": ("eth0", "10.1.0.2")}, []),
    "star": ({"s1": ("ov0", "10.1.0.1"), "s2": ("ov0", "10.1.0.2"), "s3": ("ov0", "10.1.0.3")},
             ["udp", "udp:vxlan", "udp:geneve"]),
    "uplinks": ({"alpha/g1": ("eth0", "10.1.0.1"), "beta/g1": ("eth0", "10.1.0.2")}, ["udp"]),
    "two-guests": ({"alpha/g1": ("eth0", "10.1.0.1"), "alpha/g2": ("eth0", "10.1.0.2"),
                    "beta/g3": ("eth0", "10.1.0.3")}, ["udp"]),
    "vxlan": ({"alpha/g1": ("eth0", "10.1.0.1"), "old1": ("vx0", "10.1.0.11"),
               "old2": ("vx0", "10.1.0.12")}, ["udp:vxlan"]),
}
BARE = ["-d", "udp.port==9000,eth"]  # that it is a frame no header says
TRIES = 20
PATIENCE_S = 300
PORT = 5055
LINES = 50000  # of what TCP carries: their numbers

# Here is no ping: echo requests to an address (a multicast one with %DEVICE) until so many
# hosts have answered; prints who did.
PING = """
import os, select, socket, struct, sys, time
address, wanted = sys.argv[1], int(sys.argv[2])
family, proto, ask, told = ((socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129) if ":" in address
                            else (socket.AF_INET, socket.IPPROTO_ICMP, 8, 0))
s = socket.socket(family, socket.SOCK_RAW, proto)
to = socket.getaddrinfo(address, None, family, socket.SOCK_RAW)[0][4]
if family == socket.AF_INET6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
body = struct.pack(">HH", os.getpid() & 0xffff, 1) + b"caisson"
request = struct.pack(">BBH", ask, 0, 0) + body
if family == socket.AF_INET:
    total = sum(struct.unpack(">8H", request + bytes(16 - len(request))))
    total = (total >> 16) + (total & 0xffff)
    request = struct.pack(">BBH", ask, 0, ~(total + (total >> 16)) & 0xffff) + body
found = set()
for _ in range(60):
    s.sendto(request, to)
    end = time.monotonic() + 1
    while len(found) < wanted and select.select([s], [], [], max(0, end - time.monotonic()))[0]:
        data, who = s.recvfrom(2048)
        data = data[20:] if family == socket.AF_INET else data
        if data[0] == told and data[4:] == body:
            found.add(who[0].partition("%")[0])
    if len(found) >= wanted:
        break
print(*sorted(found))
"""

# Gives back to each of so many peers what it sent.
ECHO = """
import socket, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
for _ in range(int(sys.argv[3])):
    c = s.accept()[0]
    c.settimeout(240)
    data = b""
    while piece := c.recv(65536):
        data += piece
    c.sendall(data)
    c.close()
"""

# Sends numbered lines; prints the digest of what comes back.
SEND = """
import hashlib, socket, sys
data = "".join(f"{n}\\n" for n in range(1, int(sys.argv[3]) + 1)).encode()
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=240)
c.sendall(data)
c.shutdown(socket.SHUT_WR)
got = hashlib.sha256()
while piece := c.recv(65536):
    got.update(piece)
print(got.hexdigest())
"""


def python(script, *arguments):
    """The shell's words that run a script here."""
    return shlex.join([sys.executable, "-c", script, *map(str, arguments)])


def state(lab):
    with open(os.path.join(lab.directory, "state.json"), encoding="utf-8") as f:
        return json.load(f)


def on_host(lab, target):
    return "host" in state(lab)["machines"][target.partition("/")[0]]


def sh(lab, target, command):
    status, output = lab.sh(target, command, timeout=PATIENCE_S)
    assert status == 0, f"{target}: {command[-200:]}: {output}"
    return output


# --- who is there --------------------------------------------------------------------

def ping_command(lab, target, address):
    if on_host(lab, target):
        return python(PING, address, 1)
    return f"until ping -c 1 -W 5 {address}; do sleep 0.2; done"


def finds_others(lab, target, members):
    """By ARP, as nothing is known before."""
    device, own = members[target]
    sh(lab, target, f"ip neigh flush dev {device}")
    for _, address in members.values():
        if address != own:
            output = sh(lab, target, ping_command(lab, target, address))
            assert address in output, f"{target}: {output}"


def wait_for_link_local(lab, target, device):
    """Until its IPv6 address is its own: a tentative one sends nothing (RFC 4862 5.4), and how
    long nobody objects is measured from when the machine was up, not from when we look."""
    own = f"^fe80.* 80 +{device}$"  # of the flags only IFA_F_PERMANENT
    sh(lab, target, f"until grep -Eq '{own}' /proc/net/if_inet6; do sleep 0.2; done")


def multicast_is_answered(lab, target, members):
    """Each other member answers, once, and has to find the asker by neighbour discovery."""
    device = members[target][0]
    wait_for_link_local(lab, target, device)
    others = len(members) - 1
    if on_host(lab, target):
        answers = sh(lab, target, python(PING, f"ff02::1%{device}", others)).split()
        assert len(answers) == others, f"{target}: {answers}"
        return
    for _ in range(TRIES):
        output = sh(lab, target, f"ping -c 2 -i 1 ff02::1%{device}")
        answers = re.findall(rf"from (fe80:[0-9a-f:]+)%{device}: icmp_seq=1 ", output)
        assert len(answers) == len(set(answers)) <= others + 1, f"{target}: {output}"
        if len(answers) == others + 1:  # it hears itself, too
            return
    raise AssertionError(f"{target}: {output}")


# --- TCP -----------------------------------------------------------------------------

@contextlib.contextmanager
def echo_server(lab, target, address, peers):
    netns = state(lab)["machines"][target]["netns"]
    with subprocess.Popen(host.command(netns, [sys.executable, "-c", ECHO, address, str(PORT),
                                               str(peers)]),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline() == "ready\n"
            yield
        finally:
            server.kill()


def tcp_both_ways(lab, members):
    """All with one of them: a machine on this host gives back what it gets; between guests
    nuttcp does it."""
    server = next((target for target in members if on_host(lab, target)), None)
    if not server:
        one, other = list(members)[0], members[list(members)[-1]][1]
        for way in ("", "-r"):
            assert "Mbps" in sh(lab, one, f"nuttcp {way} -n 512k {other}")
        return
    address = members[server][1]
    expected = hashlib.sha256("".join(f"{n}\n" for n in range(1, LINES + 1)).encode()).hexdigest()
    with echo_server(lab, server, address, len(members) - 1):
        for target in members:
            if target == server:
                continue
            command = python(SEND, address, PORT, LINES) if on_host(lab, target) else \
                f"seq 1 {LINES} >/tmp/lines; nc {address} {PORT} </tmp/lines | sha256sum"
            assert sh(lab, target, command).split()[0] == expected


# --- what is on the wire, what the node says -------------------------------------------

def formats_are_decoded(lab, formats):
    seen = set()
    for wire in state(lab)["wires"]:
        path = os.path.join(lab.directory, f"{wire}.copy.pcap")
        assert lab.tool("wire", wire, path).returncode == 0
        done = subprocess.run(["tshark", "-n", "-r", path, *BARE, "-Y", "icmp", "-T", "fields",
                               "-e", "frame.protocols"], capture_output=True, text=True,
                              check=True, timeout=PATIENCE_S)
        seen |= set(done.stdout.split())
    for name in formats:
        wanted = f"eth:ethertype:ip:{name}:eth:ethertype:ip:icmp"
        assert any(found.startswith(wanted) for found in seen), (wanted, seen)


class Relay(threading.Thread):
    """A vnetpd's control socket, behind which is a node's console: for vnetctl."""

    def __init__(self, lab, node, path):
        super().__init__(daemon=True)
        self.lab, self.node = lab, node
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()

    def run(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                with self.listener.accept()[0] as client, client.makefile("rwb") as lines:
                    for line in lines:
                        answer = self.lab.ctl(self.node, line.decode().strip())
                        lines.write(answer.encode() + b"= ok\n")
                        lines.flush()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def vnetctl(*arguments):
    done = subprocess.run([VNETCTL, "-t", "120", *arguments], capture_output=True, text=True,
                          check=False, timeout=300)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    assert done.stdout == "", done.stdout


def configuration_is_the_files(lab, node):
    """What it prints is right, leads back to itself, and to the file that it has read."""
    where = os.path.join(lab.directory, node)
    shown = os.path.join(where, "shown.conf")
    with open(shown, "w", encoding="utf-8") as f:
        f.write(lab.ctl(node, "show config"))
    vnetctl("check", shown)
    path = os.path.join(where, host.CONTROL_SOCKET)
    with contextlib.ExitStack() as stack:
        if not on_host(lab, node):
            path = os.path.join(where, "relay.sock")
            relay = Relay(lab, node, path)
            relay.start()
            stack.callback(relay.close)
        vnetctl("-n", path, "diff", shown)
        vnetctl("-n", path, "diff", os.path.join(where, "node.conf"))


def nodes(lab):
    return [name for name, machine in state(lab)["machines"].items()
            if not machine["plain"] and machine.get("host") != "linux"]


def every_frame_is_accounted_for(lab):
    for node in nodes(lab):
        lab.every_frame_has_an_end(node)


def check(lab):
    members, formats = EXAMPLES[os.path.basename(lab.directory)]
    for target, (device, _) in members.items():
        wait_for_link_local(lab, target, device)
    for target in members:
        finds_others(lab, target, members)
        multicast_is_answered(lab, target, members)
    tcp_both_ways(lab, members)
    formats_are_decoded(lab, formats)
    for node in nodes(lab):
        configuration_is_the_files(lab, node)
    every_frame_is_accounted_for(lab)
