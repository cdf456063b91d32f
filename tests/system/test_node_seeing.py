# SPDX-License-Identifier: BSD-2-Clause
"""What a Caisson node tells about itself over the network: test_vnetpd_seeing.py's statements."""

import json
import os
import subprocess

import pytest
from conftest import ROOT
from prometheus_client.openmetrics import parser
from test_vnetctl_node import free_port
from wirekit import Node

VNETCTL = os.path.join(ROOT, "build/vnetctl")
CONF = """\
  uplink add 0 address 10.0.2.15/24 mtu 1500
  control listen from 10.0.2.0/24
  link add beta udp remote 10.0.2.98
  link add gamma udp remote 10.0.2.99
  route add src any dst any to edge gamma from edge beta
"""


@pytest.fixture(scope="module", name="ctl")
def fixture_ctl(tmp_path_factory, hypervisor):
    port = free_port()
    netdev = f"user,id=net0,hostfwd=udp:127.0.0.1:{port}-10.0.2.15:9901"
    with Node(str(tmp_path_factory.mktemp("seeing")), hypervisor, CONF, netdev) as node:
        assert node.stats()["config_errors"] == 0

        def call(*arguments):
            return subprocess.run([VNETCTL, "-n", f"127.0.0.1:{port}", *arguments], timeout=60,
                                  capture_output=True, text=True, check=False)
        yield call


def test_metrics(ctl):
    done = ctl("metrics")
    assert done.returncode == 0, done.stderr
    told = {family.name: family for family in parser.text_string_to_metric_families(done.stdout)}
    assert {s.labels["port"] for s in told["caisson_port_mtu_bytes"].samples} == {"beta", "gamma"}
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
