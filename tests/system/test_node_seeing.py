# SPDX-License-Identifier: BSD-2-Clause
"""What a Caisson node tells about itself over the network: test_vnetpd_seeing.py's statements."""

import json
import os
import signal
import socket
import subprocess

import pytest
from conftest import ROOT
from prometheus_client.openmetrics import parser
from test_vnetctl_node import free_port
from wirekit import ICMP, IP, Ether, Node, wait_for

VNETCTL = os.path.join(ROOT, "build/vnetctl")
CONF = """\
  uplink add 0 address 10.0.2.15/24 mtu 1500
  control listen from 10.0.2.0/24
  link add beta udp remote 10.0.2.98
  link add gamma udp remote 10.0.2.99
  link add gen geneve remote 10.0.2.2 vni 7 keepalive off
  link add vx vxlan remote 10.0.2.2 vni 9
  link add bare udp remote 10.0.2.2 port 9009
  route add src any dst any to edge gamma from edge beta
  route add src any dst any to edge vx from edge gen
  route add src any dst any to edge bare from edge gen
"""
GUEST = "02:00:00:00:00:05"


@pytest.fixture(scope="module", name="geneve")
def fixture_geneve():
    return free_port()


@pytest.fixture(scope="module", name="ctl")
def fixture_ctl(tmp_path_factory, hypervisor, geneve):
    port = free_port()
    netdev = (f"user,id=net0,hostfwd=udp:127.0.0.1:{port}-10.0.2.15:9901,"
              f"hostfwd=udp:127.0.0.1:{geneve}-10.0.2.15:6081")
    with Node(str(tmp_path_factory.mktemp("seeing")), hypervisor, CONF, netdev) as node:
        assert node.stats()["config_errors"] == 0

        def call(*arguments):
            return subprocess.run([*call.command, *arguments], timeout=300,
                                  capture_output=True, text=True, check=False)
        call.command = [VNETCTL, "-t", "120", "-n", f"127.0.0.1:{port}"]
        yield call


def test_metrics(ctl):
    done = ctl("metrics")
    assert done.returncode == 0, done.stderr
    told = {family.name: family for family in parser.text_string_to_metric_families(done.stdout)}
    ports = {s.labels["port"] for s in told["caisson_port_mtu_bytes"].samples}
    assert ports == {"beta", "gamma", "gen", "vx", "bare"}
    assert told["caisson_uplink_received_bytes"].samples[0].value > 0
    assert told["caisson_balanced"].samples[0].value == 1


def test_trace_and_sum(ctl):
    done = ctl("-j", "trace", "from", "edge", "beta", "src", "02:00:00:00:00:01",
               "dst", "02:00:00:00:00:02")
    assert done.returncode == 0, done.stderr
    assert [out["port"] for out in json.loads(done.stdout)["out"]] == ["gamma"]
    assert ctl("show", "stats", "check").stdout.endswith("\nbalanced\n")


def test_capture_and_matrix(ctl):
    assert ctl("capture", "start", "beta").returncode == 0
    assert " lost 0" in ctl("capture", "read").stdout
    assert ctl("capture", "stop").returncode == 0
    assert ctl("capture", "read").returncode == 1
    assert ctl("matrix", "on").returncode == 0
    assert json.loads(ctl("-j", "show", "matrix").stdout)["pairs"] == []
    assert ctl("matrix", "off").returncode == 0


def tshark(path, *fields):
    wanted = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(["tshark", "-n", "-r", path, "-d", "udp.port==9009,eth",
                           "-T", "fields", *wanted], capture_output=True, text=True, check=True,
                          timeout=300)
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_both_sides_of_links(ctl, geneve, tmp_path):
    """A frame that comes in by a geneve link and goes out by two others, inside and outside."""
    frame = bytes(Ether(src=GUEST, dst="02:00:00:00:00:06") / IP(src="10.1.0.5", dst="10.1.0.6") /
                  ICMP())
    path = str(tmp_path / "sides.pcapng")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, open(path, "wb") as out:
        peer.connect(("127.0.0.1", geneve))
        with subprocess.Popen([*ctl.command, "-c", "6", "capture", "side", "both", "mac", GUEST],
                              stdout=out) as process:
            wait_for(lambda: os.path.getsize(path), "the capture's begin")

            def done():
                peer.send(bytes.fromhex("0000655800000700") + frame)
                return process.poll() is not None
            try:
                wait_for(done, "six frames")
            finally:
                process.send_signal(signal.SIGINT)
        assert process.returncode == 0
    told = {line[0]: line for line in tshark(path, "frame.interface_name", "ip.src", "eth.src",
                                             "geneve.vni", "vxlan.vni")}
    assert set(told) == {f"edge {name}{side}" for name in ("gen", "vx", "bare")
                         for side in ("", " outer")}
    for name, sender in (("gen", "10.0.2.2"), ("vx", "10.0.2.15"), ("bare", "10.0.2.15")):
        assert told[f"edge {name}"][1:3] == ["10.1.0.5", GUEST]
        assert told[f"edge {name} outer"][1].split(",") == [sender, "10.1.0.5"]
        assert told[f"edge {name} outer"][2].split(",")[0] != "00:00:00:00:00:00"
    assert told["edge gen outer"][3] == "0x000007" and told["edge vx outer"][4] == "9"
    done = ctl("capture", "start", "nothing", "side", "outer")
    assert done.returncode == 1 and "no interface or link" in done.stderr
