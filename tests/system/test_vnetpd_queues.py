# SPDX-License-Identifier: BSD-2-Clause
"""vnetpd with threads beside its first one, and interfaces with several queues."""

import nskit
import pytest

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

SECONDS = 1
STREAMS = 4
CORES = ("--cores", "3")


@pytest.fixture(name="world")
def fixture_world():
    with nskit.World() as world:
        yield world


def both(world, queues, *options, kind="udp"):
    return {side: world.vnetpd(side, nskit.config(side, kind, interface=f"queues {queues}"),
                               *options) for side in nskit.SIDES}


def streams_both_ways(world):
    """Several flows at once, in both directions; bytes that arrived."""
    sinks, sends = [], []
    for number in range(STREAMS):
        to = nskit.SIDES[number % 2]
        port = str(5001 + number)
        sink = world.popen(to, [nskit.NETLOAD, "sink", port], stdout=-1, text=True)
        assert sink.stdout.readline() == "ready\n"
        sinks.append(sink)
        sends.append(world.popen(nskit.OTHER[to], [nskit.NETLOAD, "send", nskit.OVER[to], port,
                                                   str(SECONDS)]))
    arrived = [int(sink.stdout.readline().split()[0]) for sink in sinks]
    for process in sinks + sends:
        assert process.wait(nskit.ANSWER_TIMEOUT_S) == 0
    return arrived


def check(daemons):
    """Once nothing is on its way, every frame's end is known, and every packet is back."""
    for daemon in daemons.values():
        nskit.wait_for(lambda d=daemon: d.stats()["sum"]["balanced"], "the sum")
        # Some are kept to receive into.
        nskit.wait_for(lambda d=daemon: all(pool["free"] >= pool["count"] - 40
                                            for pool in d.stats()["pools"]), "the packets")


@pytest.mark.parametrize("queues, options", [(1, CORES), (2, CORES), (8, ("--cores", "2")),
                                             (2, ())])
def test_streams_both_ways(world, queues, options):
    daemons = both(world, queues, *options)
    assert len(world.ping("a", nskit.OVER["b"], 5)) == 5
    assert min(streams_both_ways(world)) > 0
    assert len(world.ping("b", nskit.OVER["a"], 5)) == 5
    check(daemons)
    stats = daemons["a"].stats()
    assert stats["cores"] == int(options[1] if options else 1)
    shown = world.run("a", ["ip", "-d", "link", "show", "tap0"]).stdout
    assert ("multi_queue" in shown) == (queues > 1)


def test_interfaces_come_and_go_under_traffic(world):
    """Threads let go of queues that are deleted, whatever is on its way to them."""
    daemons = both(world, 2, *CORES)
    world.popen("b", [nskit.NETLOAD, "ping", nskit.OVER["a"], "300", "5000"])
    send = world.popen("b", [nskit.NETLOAD, "send", nskit.OVER["a"], "5001", "2"])
    config = nskit.config("a", interface="queues 2").splitlines()
    add = [line.strip() for line in config if "interface add" in line or "route add" in line]
    for _ in range(5):
        daemons["a"].ctl("interface del tap0 force")
        assert "tap0" not in world.run("a", ["ip", "link"]).stdout
        for line in add:
            daemons["a"].ctl(line)
        world.address("a")
        nskit.wait_for(lambda: world.answers("a", nskit.OVER["b"]), "an answer")
    send.kill()  # it may be waiting to be let in
    check(daemons)


def test_the_device_goes(world):
    daemons = both(world, 3, *CORES)
    world.ip("a", "link del tap0")
    nskit.wait_for(lambda: "tap0: its device is gone" in daemons["a"].log(), "the loss")
    assert daemons["a"].stats()["interfaces"]["tap0"]["state"] == "down"
    assert not world.answers("b", nskit.OVER["a"])
    daemons["a"].ctl("interface del tap0 force")
    check(daemons)


def test_threads_keep_no_privilege(world):
    daemon = both(world, 2, *CORES)["a"]
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as f:
        assert "Threads:\t3" in f.read()
    for line, value in (("CapPrm", 0), ("CapEff", 0), ("NoNewPrivs", 1)):
        done = world.run("a", ["sh", "-c", f"grep -h {line} /proc/{daemon.process.pid}/task/*/"
                                           "status"])
        found = [int(word.split()[1], 16) for word in done.stdout.splitlines()]
        assert found.count(value) >= 2, done.stdout
    done = world.run("a", ["sh", "-c", f"grep -h Uid /proc/{daemon.process.pid}/task/*/status"])
    assert all(line.split()[1] != "0" for line in done.stdout.splitlines())


def test_wrong_numbers(world):
    daemon = world.vnetpd("a", nskit.config("a"))
    for queues in ("0", "9"):
        status, _ = daemon.ask(f"interface add tap9 mac 02:00:00:00:00:99 queues {queues}")
        assert status.startswith("error") and "queues" in status or "1 to 8" in status
    for cores in ("0", "17", "x"):
        done = world.run("a", [nskit.VNETPD, "--cores", cores, "/nonexistent"])
        assert done.returncode == 2
