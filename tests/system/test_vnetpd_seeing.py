# SPDX-License-Identifier: BSD-2-Clause
"""What a node tells about itself: metrics, one frame's way, the conservation sum."""

import json
import os
import subprocess

import nskit
import pytest
from prometheus_client.openmetrics import parser

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

VNETCTL = os.path.join(nskit.ROOT, "build/vnetctl")
STRANGER = "02:00:00:00:00:77"


@pytest.fixture(name="pair", scope="module")
def fixture_pair():
    with nskit.World() as world:
        nodes = {side: world.vnetpd(side, nskit.config(side)) for side in nskit.SIDES}
        assert len(world.ping("a", nskit.OVER["b"])) == 3
        yield nodes


def ctl(node, *arguments):
    return subprocess.run([VNETCTL, "-n", node.socket, *arguments], capture_output=True,
                          text=True, check=False, timeout=60)


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
