# SPDX-License-Identifier: BSD-2-Clause
"""What a node tells about itself: metrics, one frame's way, the conservation sum,
captures that tshark reads."""

import contextlib
import json
import os
import signal
import subprocess
import time

import ledgerkit
import nskit
import pytest
from prometheus_client.openmetrics import parser

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

VNETCTL = os.path.join(nskit.ROOT, "build/vnetctl")
STRANGER = "02:00:00:00:00:77"
BATCHES = 10  # at most, until one was caught at its work


@pytest.fixture(name="world", scope="module")
def fixture_world():
    with nskit.World() as world:
        yield world


@pytest.fixture(name="pair", scope="module")
def fixture_pair(world):
    nodes = {side: world.vnetpd(side, nskit.config(side)) for side in nskit.SIDES}
    assert len(world.ping("a", nskit.OVER["b"])) == 3
    return nodes


def ctl(node, *arguments):
    return subprocess.run([VNETCTL, "-t", "120", "-n", node.socket, *arguments], text=True,
                          capture_output=True, check=False, timeout=nskit.RUN_TIMEOUT_S)


def families(node):
    done = ctl(node, "metrics")
    assert done.returncode == 0 and done.stdout.endswith("# EOF\n")
    return {family.name: family for family in parser.text_string_to_metric_families(done.stdout)}


def value(family, **labels):
    found = [s.value for s in family.samples if labels.items() <= s.labels.items()]
    assert len(found) == 1, (family.name, labels, found)
    return found[0]


def test_metrics_are_openmetrics_and_true(pair):
    told = families(pair["a"])
    link = pair["a"].stats()["links"]["b"]
    assert value(told["caisson_node"])
    assert value(told["caisson_port_from_core_frames"], port="b", kind="link") >= 3
    assert value(told["caisson_port_from_core_bytes"], port="b") <= link["tx_bytes"]
    assert value(told["caisson_link_state"], link="b", caisson_link_state="up") == 1
    assert value(told["caisson_link_state"], link="b", caisson_link_state="down") == 0
    assert value(told["caisson_balanced"]) == 1
    assert told["caisson_port_to_core_bytes"].unit == "bytes"
    assert all(family.documentation for family in told.values())


def test_counters_of_metrics_only_grow(pair):
    before, after = families(pair["a"]), families(pair["a"])
    for name, family in before.items():
        if family.type == "counter":
            for sample in family.samples:
                assert value(after[name], **sample.labels) >= sample.value


def trace(node, source, destination):
    done = ctl(node, "-j", "trace", "from", "interface", "tap0", "src", source, "dst", destination)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_trace_of_a_frame(pair):
    node = pair["a"]
    before = node.stats()
    told = trace(node, nskit.MACS["a"], nskit.MACS["b"])
    assert [out["port"] for out in told["out"]] == ["b"]
    assert told["cached"] and told["equal_routes"] and "dropped" not in told
    assert node.stats()["cache_misses"] == before["cache_misses"]
    done = ctl(node, "trace", "from", "interface", "tap0", "src", nskit.MACS["a"],
               "dst", nskit.MACS["b"])
    assert "out      edge b" in done.stdout and "cache    hit" in done.stdout
    done = ctl(node, "trace", "from", "edge", "tap0", "src", STRANGER, "dst", STRANGER)
    assert done.returncode == 1 and 'there is no link "tap0"' in done.stderr


def test_the_sum_is_shown_and_judged(pair):
    done = ctl(pair["a"], "show", "stats", "check")
    assert done.returncode == 0 and done.stdout.endswith("\nbalanced\n")
    assert "tap0" in done.stdout and "in flight 0" in done.stdout


# --- captures ----------------------------------------------------------------------

def tshark(path, *fields):
    """A list of the fields' values for each frame."""
    wanted = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", *wanted],
                          capture_output=True, text=True, check=True, timeout=60)
    return [line.split("\t") for line in done.stdout.splitlines()]


@contextlib.contextmanager
def capture(node, path, *arguments):
    """The pcapng that vnetctl makes of what happens meanwhile; ended as Ctrl-C does."""
    with open(path, "wb") as out:
        with subprocess.Popen([VNETCTL, "-n", node.socket, "capture", *arguments], stdout=out,
                              stderr=subprocess.PIPE, text=True) as process:
            nskit.wait_for(lambda: os.path.getsize(path), "the capture's begin")
            yield process
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=nskit.ANSWER_TIMEOUT_S)[1]
    assert (process.returncode, said) == (0, "")


def test_capture_of_a_link(world, pair, tmp_path):
    path = str(tmp_path / "link.pcapng")
    began = time.time()
    with capture(pair["a"], path, "b"):
        assert len(world.ping("a", nskit.OVER["b"])) == 3
    told = tshark(path, "frame.time_epoch", "icmp.type", "ip.src", "frame.interface_name")
    pings = sorted((line[1], line[2]) for line in told if line[1])
    assert pings == [("0", nskit.OVER["b"])] * 3 + [("8", nskit.OVER["a"])] * 3
    assert {line[3] for line in told} == {"edge b"}
    assert all(began - 2 < float(line[0]) < time.time() + 2 for line in told)
    assert "no capture" in pair["a"].ask("capture read")[0]


def test_capture_of_all_ports_by_address(world, pair, tmp_path):
    path = str(tmp_path / "all.pcapng")
    with capture(pair["a"], path, "mac", nskit.MACS["b"], "snap", "40"):
        assert len(world.ping("a", nskit.OVER["b"])) == 3
    told = tshark(path, "frame.interface_name", "frame.cap_len", "eth.src", "eth.dst")
    assert {line[0] for line in told} == {"interface tap0", "edge b"}
    assert all(line[1] == "40" and nskit.MACS["b"] in line[2:] for line in told)
    with capture(pair["a"], path, "mac", STRANGER):
        assert len(world.ping("a", nskit.OVER["b"])) == 3
    assert not tshark(path, "eth.src")


@pytest.mark.parametrize("kind, marks", (("udp port 9001", ()), ("vxlan vni 77", ("vxlan.vni",)),
                                         ("geneve vni 78 keepalive off", ("geneve.vni",))),
                         ids=("udp", "vxlan", "geneve"))
def test_both_sides_of_a_link(world, pair, tmp_path, kind, marks):
    """What carries a ping, as the sockets tell it, and the ping."""
    name, path = kind.split(maxsplit=1)[0], str(tmp_path / "sides.pcapng")
    for side in nskit.SIDES:
        peer = nskit.OTHER[side]
        rest = kind.split(maxsplit=1)[1]
        pair[side].ctl(f"link add new {name} remote {nskit.UNDER[peer]} {rest}")
        pair[side].ctl(f"route add src {nskit.MACS[side]} dst {nskit.MACS[peer]} to edge new")
        pair[side].ctl(f"route add src {nskit.MACS[peer]} dst {nskit.MACS[side]} "
                       f"to interface tap0 from edge new")
    try:
        with capture(pair["a"], path, "new", "side", "both", "mac", nskit.MACS["b"]):
            assert len(world.ping("a", nskit.OVER["b"])) == 3
    finally:
        for side in nskit.SIDES:
            pair[side].ctl("link del new force")
    told = tshark(path, "frame.interface_name", "ip.src", "udp.length", *marks)
    inner = [line for line in told if line[0] == "edge new"]
    outer = [line for line in told if line[0] == "edge new outer"]
    assert len(inner) == len(outer) >= 6 and len(told) == len(inner) + len(outer)
    # ARP, which may ask again meanwhile, has no address of IPv4 inside.
    for side in nskit.SIDES:
        assert sum(line[1].split(",")[0] == nskit.UNDER[side] for line in outer) >= 3
        assert sum(line[1] == nskit.OVER[side] for line in inner) == 3
    assert not marks or all(line[1].split(",")[1:] == [inside[1]][:bool(inside[1])] and line[3]
                            for line, inside in zip(outer, inner))


def test_a_tcp_link_s_other_side_is_the_kernel_s(pair):
    pair["a"].ctl(f"link add stream tcp remote {nskit.UNDER['b']} port 9777")
    done = ctl(pair["a"], "capture", "stream", "side", "outer")
    pair["a"].ctl("link del stream")
    assert done.returncode == 1
    assert f"tcpdump -i any -w FILE tcp port 9777 and host {nskit.UNDER['b']}" in done.stderr


def test_capture_ends_by_itself(world, pair, tmp_path):
    path = tmp_path / "few.pcapng"
    with open(path, "wb") as out:
        with subprocess.Popen([VNETCTL, "-n", pair["a"].socket, "-c", "2", "capture", "tap0"],
                              stdout=out) as process:
            nskit.wait_for(lambda: os.path.getsize(path), "the capture's begin")
            assert len(world.ping("a", nskit.OVER["b"])) == 3
            assert process.wait(nskit.ANSWER_TIMEOUT_S) == 0
    assert len(tshark(str(path), "eth.src")) == 2


def test_captures_that_are_refused(pair):
    for arguments, says in ((["nobody"], 'no interface or link "nobody"'),
                            (["tap0", "snap", "0"], "snap"),
                            (["tap0", "side", "outer"], "no outer side")):
        done = ctl(pair["a"], "capture", *arguments)
        assert done.returncode == 1 and says in done.stderr and not done.stdout
    assert pair["a"].ask("capture start")[0] == "ok"
    done = ctl(pair["a"], "capture")
    assert done.returncode == 1 and "a capture already" in done.stderr
    assert ctl(pair["a"], "capture", "stop").returncode == 0


def test_frames_pass_while_a_long_batch_is_carried_out(world, pair):
    """... and undone; meanwhile nobody else changes anything."""
    before = pair["a"].ctl("show config")
    lines = [f"route add src any dst 02:00:00:02:{i >> 8:02x}:{i & 255:02x} to edge b"
             for i in range(8000)] + ["route del 4000000000"]
    refused = pinged = 0
    for _ in range(BATCHES):
        with subprocess.Popen([VNETCTL, "-n", pair["a"].socket, "-t", "120", "batch", "-"],
                              stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as batch:
            batch.stdin.write("\n".join(lines) + "\n")
            batch.stdin.close()
            while batch.poll() is None:
                refused += "a batch is being carried out" in pair["a"].ask("link set b state up")[0]
                pinged += world.answers("a", nskit.OVER["b"])
            assert batch.returncode == 1 and "batch:8001:11" in batch.stderr.read()
        if refused and pinged:
            break
    assert refused and pinged
    assert pair["a"].ctl("show config") == before


def test_the_traffic_matrix(world, pair):
    done = ctl(pair["a"], "show", "matrix")
    assert done.returncode == 1 and "nothing is counted" in done.stderr
    assert ctl(pair["a"], "matrix", "on").returncode == 0
    assert ctl(pair["a"], "matrix", "on").returncode == 1
    assert len(world.ping("a", nskit.OVER["b"])) == 3
    done = ctl(pair["a"], "-j", "show", "matrix")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    frames = {(row["src"], row["dst"]): row["frames"] for row in told["pairs"]}
    assert frames[nskit.MACS["a"], nskit.MACS["b"]] >= 3
    assert frames[nskit.MACS["b"], nskit.MACS["a"]] >= 3
    assert told["other_frames"] == 0
    assert nskit.MACS["a"] in ctl(pair["a"], "show", "matrix", "top", "1").stdout
    assert ctl(pair["a"], "matrix", "off").returncode == 0


def test_the_ledger(world, pair):
    assert "never on" in ctl(pair["a"], "show", "ledger").stdout
    assert ctl(pair["a"], "ledger", "on").returncode == 0
    assert len(world.ping("a", nskit.OVER["b"], 50)) == 50
    assert ctl(pair["a"], "ledger", "off").returncode == 0
    told = json.loads(ctl(pair["a"], "-j", "show", "ledger").stdout)
    ledgerkit.check(told)
    for direction, names in (("tx", ("dequeue", "route", "encapsulate", "doorbell")),
                             ("rx", ("receive", "decapsulate", "route", "copy"))):
        assert told["directions"][direction]["packets"] >= 3
        for name in names:
            assert ledgerkit.stage(told, direction, name)["cycles"] > 0, (direction, name)
    assert told["halted_cycles"] > 0 and told["exits"] == 0
    assert 'stage="encapsulate"' in ctl(pair["a"], "show", "metrics").stdout
