# SPDX-License-Identifier: BSD-2-Clause
"""vnetpd when Linux does not do as it is told: what is lost is counted, what is wrong is
said once, and it goes on when it can."""

import subprocess
import sys

import nskit
import pytest

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

FIREWALL = """add table inet wall
add chain inet wall out { type filter hook output priority 0; }
add rule inet wall out udp dport 9000 drop
"""


@pytest.fixture(name="world")
def fixture_world():
    with nskit.World() as world:
        yield world


@pytest.fixture(name="pair")
def fixture_pair(world):
    daemons = {side: world.vnetpd(side, nskit.config(side)) for side in nskit.SIDES}
    assert world.ping("a", nskit.OVER["b"], 1)
    return daemons


def nft(world, side, rules):
    done = world.run(side, ["nft", "-f", "-"], input=rules)
    assert done.returncode == 0, done.stderr


def cpu_ticks(daemon):
    """Of user and system time, proc(5)."""
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def recovers(world, daemons):
    nskit.wait_for(lambda: world.answers("a", nskit.OVER["b"]), "an answer again")
    for daemon in daemons.values():
        assert daemon.stats()["sum"]["balanced"]


def test_a_firewall_on_the_way_out(world, pair):
    """sendmsg() ends with EPERM."""
    nft(world, "a", FIREWALL)
    assert not world.answers("a", nskit.OVER["b"], 3)
    nskit.wait_for(lambda: pair["a"].stats()["sockets"]["drops"]["unreachable"] >= 3, "the count")
    said = "the kernel takes no datagram to 10.9.0.2: Operation not permitted (a firewall"
    assert said in pair["a"].log()
    nft(world, "a", "flush ruleset\n")
    recovers(world, pair)


def test_a_network_that_is_down(world, pair):
    """No route at all, then one again."""
    world.ip("a", "link set va0 down")
    assert not world.answers("a", nskit.OVER["b"])
    assert pair["a"].stats()["sockets"]["drops"]["unreachable"] > 0
    assert "Network is unreachable" in pair["a"].log()
    world.ip("a", "link set va0 up")
    recovers(world, pair)


def test_an_interface_that_linux_switched_off(world, pair):
    """Writing ends with EIO; nobody waits for it in a circle."""
    world.ip("a", "link set tap0 down")
    world.ip("b", f"neigh replace {nskit.OVER['a']} lladdr {nskit.MACS['a']} dev tap0")
    before = cpu_ticks(pair["a"])
    assert not world.answers("b", nskit.OVER["a"], 2)
    assert cpu_ticks(pair["a"]) - before < 20
    assert pair["a"].stats()["interfaces"]["tap0"]["drops"]["no-buffer"] >= 2
    world.ip("a", "link set tap0 up")
    world.address("a")
    recovers(world, pair)


def test_an_interface_in_another_namespace(world, pair):
    """It carries frames there; its MTU is not vnetpd's to set any more, which is said once."""
    world.add("c")
    world.ip("a", f"link set tap0 netns {world.names['c']}")
    world.ip("c", f"address add {nskit.OVER['a']}/24 dev tap0")
    world.ip("c", "link set tap0 up")
    nskit.wait_for(lambda: world.answers("c", nskit.OVER["b"]), "an answer")
    world.ip("a", "link set va0 mtu 1400")
    said = "tap0: tap0 does not take an MTU of 1358"
    nskit.wait_for(lambda: said in pair["a"].log(), "the message")
    ticks = pair["a"].stats()["syscalls"]
    nskit.wait_for(lambda: world.ping("c", nskit.OVER["b"], 100) and
                   pair["a"].stats()["syscalls"] > ticks, "more of the same")
    assert pair["a"].log().count(said) == 1


@pytest.mark.parametrize("statement, words", [
    ("link add x udp remote fe80::2", "expected: an IPv4 address"),
    ("link add x geneve remote fe80::2%va0", "expected: an IPv4 address"),
    ("link add x udp remote 224.0.0.1", "no single machine's address"),
    ("interface add va0 mac 02:00:00:00:00:55", "device of another kind"),
    ("interface add taken mac 02:00:00:00:00:55 device tap9", "another process has it"),
])
def test_what_linux_does_not_allow(world, pair, statement, words):
    other = nskit.config("a").replace("tap0", "tap9").replace("udp remote", "udp port 9009 remote")
    nskit.Vnetpd(world, "a", other, name="other")
    status, _ = pair["a"].ask(statement)
    assert status.startswith("error") and words in status
    recovers(world, pair)


DEAF_PORT, DEAF_MAC, DEAF_ADDRESS = 9002, "02:00:00:00:00:99", "10.7.0.99"
DEAF = f"""
import socket, time
listener = socket.create_server(("{nskit.UNDER['b']}", {DEAF_PORT}))
print("ready", flush=True)
peer = listener.accept()[0]
time.sleep(600)
"""
FLOOD = f"""
import socket
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    out.sendto(bytes(1400), ("{DEAF_ADDRESS}", 9))
"""


def resident(daemon):
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def test_a_peer_that_takes_nothing(world, pair):
    """Its TCP window closes for ever: frames for it are dropped and counted, memory is bounded,
    and what goes by other links goes on."""
    deaf = world.popen("b", [sys.executable, "-c", DEAF], stdout=subprocess.PIPE, text=True)
    assert deaf.stdout.readline() == "ready\n"
    pair["a"].ctl(f"link add deaf tcp remote {nskit.UNDER['b']} port {DEAF_PORT}")
    pair["a"].ctl(f"route add src any dst {DEAF_MAC} to edge deaf from interface tap0")
    world.ip("a", f"neigh replace {DEAF_ADDRESS} lladdr {DEAF_MAC} dev tap0")
    nskit.wait_for(lambda: pair["a"].stats()["links"]["deaf"]["state"] == "up", "the connection")
    flood = world.popen("a", [sys.executable, "-c", FLOOD])
    nskit.wait_for(lambda: pair["a"].stats()["links"]["deaf"]["drops"].get("tx-full", 0) > 100,
                   "drops")
    before = resident(pair["a"])
    # Linux' queue of the interface is full of the flood: not every request gets into it.
    for _ in range(3):
        nskit.wait_for(lambda: world.answers("a", nskit.OVER["b"]), "an answer")
    assert flood.poll() is None
    flood.kill()
    assert resident(pair["a"]) - before < 4096  # KiB
    recovers(world, pair)
