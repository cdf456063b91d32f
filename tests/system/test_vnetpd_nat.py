# SPDX-License-Identifier: BSD-2-Clause
"""A vnetpd behind a NAT, which Linux's own is: r hides b behind its address.

    tap0 -- vnetpd -- va0 ===== ra0 -- NAT -- rb0 ===== vb0 -- vnetpd -- tap0
    10.7.0.1     10.9.0.1     10.9.0.2    192.168.7.1  192.168.7.2     10.7.0.2
    `--- namespace a ---'     `--- namespace r ---'    `--- namespace b ---'
"""

import sys
import time

import nskit
import pytest

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

SECONDS = 250  # of a stream, which is ended before
MEGABYTE = 1 << 20
SILENCE_S = 0.18  # after which a peer is not there, at the earliest
INSIDE = "192.168.7"
OVERLAY_PORT = 5001
# IPCTNL_MSG_CT_DELETE without a tuple (nfnetlink_conntrack.h): the NAT forgets all.
FORGET = """
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 5, 1, 0, socket.AF_INET, 0, 0))
assert struct.unpack_from("=i", s.recv(4096), 16)[0] == 0
"""


class NatWorld(nskit.World):
    """The wire leads through the NAT; a finds no way to b's address."""

    def build(self, mtu):
        for side in (*nskit.SIDES, "r"):
            self.add(side)
        for side, subnet in (("a", "10.9.0"), ("b", INSIDE)):
            self.ip(side, f"link add v{side}0 mtu {mtu} type veth peer name r{side}0 mtu {mtu} "
                          f"netns {self.names['r']}")
            self.ip(side, f"address add {subnet}.{1 if side == 'a' else 2}/24 dev v{side}0")
            self.ip("r", f"address add {subnet}.{2 if side == 'a' else 1}/24 dev r{side}0")
            self.ip(side, f"link set v{side}0 up")
            self.ip("r", f"link set r{side}0 up")
        self.ip("b", f"route add default via {INSIDE}.1")
        self.run("r", ["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"])
        self.hide_behind(40001)

    def hide_behind(self, port):
        """What b sends comes from 10.9.0.2 and that port, from now on."""
        rules = f"""add table ip nat
            flush table ip nat
            add chain ip nat out {{ type nat hook postrouting priority 100; }}
            add rule ip nat out oifname ra0 meta l4proto {{ tcp, udp }} snat to 10.9.0.2:{port}
            """
        done = self.run("r", ["nft", "-f", "-"], input=rules)
        assert done.returncode == 0, done.stderr
        done = self.run("r", [sys.executable, "-c", FORGET])
        assert done.returncode == 0, done.stderr


@pytest.fixture(name="world")
def fixture_world():
    with NatWorld() as world:
        yield world


def both(world, kind):
    """a waits for whoever shows the tag; b dials."""
    here = nskit.config("a", kind, "tag 5").replace(f"remote {nskit.UNDER['b']}", "remote any")
    daemons = {"a": world.vnetpd("a", here),
               "b": world.vnetpd("b", nskit.config("b", kind, "tag 5"))}
    nskit.wait_for(lambda: world.answers("b", nskit.OVER["a"]), "an answer")
    return daemons


def check_sums(daemons):
    for side, daemon in daemons.items():
        found = daemon.stats()
        assert found["sum"]["balanced"], (side, found["sum"])


def arrived(daemon):
    return daemon.stats()["interfaces"]["tap0"]["rx_bytes"]


def rebind_under_traffic(world, daemons, port):
    """The NAT gives b another port while a stream flows; the stream goes on."""
    sink = world.popen("a", [nskit.NETLOAD, "sink", str(OVERLAY_PORT)])
    nskit.wait_for(lambda: f":{OVERLAY_PORT:04X} " in world.run("a", ["cat", "/proc/net/tcp"])
                   .stdout, "the sink")
    stream = world.popen("b", [nskit.NETLOAD, "send", nskit.OVER["a"], str(OVERLAY_PORT),
                               str(SECONDS)])
    before = arrived(daemons["a"])
    nskit.wait_for(lambda: arrived(daemons["a"]) > before + MEGABYTE, "the stream")
    world.hide_behind(port)
    nskit.wait_for(lambda: f"10.9.0.2 port {port}" in daemons["a"].log(), "the move")
    before = arrived(daemons["a"])
    nskit.wait_for(lambda: arrived(daemons["a"]) > before + MEGABYTE, "the stream again")
    stream.kill()
    sink.wait(nskit.ANSWER_TIMEOUT_S)


@pytest.mark.parametrize("kind", ["geneve", "tcp"])
def test_a_node_behind_a_nat(world, kind):
    daemons = both(world, kind)
    assert len(world.ping("a", nskit.OVER["b"], 5)) == 5
    assert "b: its peer is at 10.9.0.2 port 40001" in daemons["a"].log()
    rebind_under_traffic(world, daemons, 40002)
    nskit.wait_for(lambda: len(world.ping("a", nskit.OVER["b"], 3)) == 3, "answers again")
    assert daemons["a"].stats()["links"]["b"]["state"] == "up"
    check_sums(daemons)


def test_geneve_follows_within_a_hello(world):
    """The link is never down: the peer's next hello says where it is now."""
    daemons = both(world, "geneve")
    nskit.wait_for(lambda: daemons["a"].stats()["links"]["b"]["state"] == "up", "the link")
    for port in range(40002, 40006):
        world.hide_behind(port)
        hidden = time.monotonic()
        nskit.wait_for(lambda port=port: f"10.9.0.2 port {port}" in daemons["a"].log(), "the move")
        # On a host where all else came in time, too.
        if time.monotonic() - hidden < SILENCE_S / 2:
            assert daemons["a"].stats()["links"]["b"]["state"] == "up"
    nskit.wait_for(lambda: daemons["a"].stats()["links"]["b"]["state"] == "up", "the link")
    check_sums(daemons)


def test_tcp_and_who_shows_no_tag(world):
    """Strangers are cut off, with a reason; the peer's connection goes on."""
    daemons = both(world, "tcp")
    wrong = (b"tg\x04\0\0\0" + bytes(3) + b"\x06", b"et\x3c\0\0\0" + bytes(60), b"\xff" * 10)
    for first in wrong:
        script = ("import socket; s = socket.create_connection(('10.9.0.1', 9000)); "
                  f"s.settimeout(60); s.sendall({first!r}); print(len(s.recv(1)))")
        done = world.run("a", [sys.executable, "-c", script])
        assert done.stdout == "0\n" or "reset" in done.stderr, (done.stdout, done.stderr)
    nskit.wait_for(lambda: "no tcp link from 10.9.0.1 to port 9000" in daemons["a"].log(),
                   "the message")
    assert world.ping("b", nskit.OVER["a"], 3)
    check_sums(daemons)


def test_tcp_and_many_who_say_nothing(world):
    """Of those that never show a tag only few stay; the peer is there all the same."""
    daemons = both(world, "tcp")
    script = ("import socket; many = [socket.create_connection(('10.9.0.1', 9000)) "
              "for _ in range(40)]; print('ready', flush=True); many[0].recv(1)")
    crowd = world.popen("a", [sys.executable, "-c", script], stdout=-1, text=True)
    crowd.stdout.readline()
    nskit.wait_for(lambda: "too many have yet to show a tag" in daemons["a"].log(), "the limit")
    assert len(world.ping("b", nskit.OVER["a"], 3)) == 3
    free = {pool["name"]: pool["free"] for pool in daemons["a"].stats()["pools"]}
    assert free["messages"] > 40
    check_sums(daemons)


@pytest.mark.parametrize("line, words", [
    ("link add x tcp remote any", "known by its tag"),
    ("link add x udp remote any", "udp link has none"),
])
def test_anywhere_takes_a_tag(world, line, words):
    daemon = world.vnetpd("a", nskit.config("a", "geneve", "tag 5"))
    status, _ = daemon.ask(line)
    assert words in status
