# SPDX-License-Identifier: BSD-2-Clause
"""A ring with a way round each of its sides: examples/ring.lab. And a loop in it.

    g1 10.1.0.1 - alpha 10.0.0.1 ======= 10.0.0.2 beta - ov0 10.1.0.2
                        \\\\                 //
                          10.0.0.3 gamma - ov0 10.1.0.3
"""

import json

import examplekit
import nskit
import pytest

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

NODES = ("alpha", "beta", "gamma")
GUEST, BETA = "02:00:00:00:00:01", "02:00:00:00:00:02"
NOBODY = "02:00:00:00:00:77"
STRAYS = 20
HOPS = 64


@pytest.fixture(scope="module", name="lab")
def running_lab(bring_up, hypervisor):
    return bring_up("examples/ring.lab")


def states(lab, node):
    return {link["name"]: link["state"] for link in json.loads(lab.ctl(node, "show link json"))}


def drops(lab, reason):
    return sum(json.loads(lab.ctl(node, "show stats json"))["drops"].get(reason, 0)
               for node in NODES)


def way(lab, src, dst):
    """The links by which alpha's guest's frames go."""
    told = lab.ctl("alpha", f"trace from interface g1.eth0 src {src} dst {dst} json")
    return {out["port"] for out in json.loads(told)["out"]}


def test_as_every_example(lab):
    examplekit.check(lab)


def test_what_a_broken_side_carried_goes_round(lab):
    """Cut in one direction: both ends find it, and one route, one copy of a broadcast."""
    nskit.wait_for(lambda: way(lab, GUEST, BETA) == {"beta"}, "the straight way")
    assert lab.sh("beta", "ip route add blackhole 10.0.0.1")[0] == 0
    nskit.wait_for(lambda: states(lab, "alpha")["beta"] == "unreachable", "the cut")
    nskit.wait_for(lambda: states(lab, "beta")["alpha"] == "unreachable", "the cut")
    # On a busy host another one may be silent, for a moment.
    nskit.wait_for(lambda: states(lab, "alpha")["gamma"] == "up" ==
                   states(lab, "alpha")["beta.by.gamma"], "the others")
    nskit.wait_for(lambda: way(lab, GUEST, BETA) == {"beta.by.gamma"}, "the way round")
    nskit.wait_for(lambda: way(lab, GUEST, "ff:ff:ff:ff:ff:ff") == {"beta.by.gamma", "gamma"},
                   "a broadcast's way")
    members = examplekit.EXAMPLES["ring"][0]
    examplekit.finds_others(lab, "alpha/g1", members)
    examplekit.multicast_is_answered(lab, "beta", members)
    examplekit.tcp_both_ways(lab, members)


def test_it_goes_straight_again(lab):
    assert lab.sh("beta", "ip route del blackhole 10.0.0.1")[0] == 0
    nskit.wait_for(lambda: set(states(lab, "alpha").values()) == {"up"}, "the side")
    nskit.wait_for(lambda: way(lab, GUEST, BETA) == {"beta"}, "the straight way")
    members = examplekit.EXAMPLES["ring"][0]
    examplekit.finds_others(lab, "alpha/g1", members)
    examplekit.every_frame_is_accounted_for(lab)


def test_a_loop_between_nodes_ends_and_is_counted(lab):
    """Two links between alpha and beta, and what comes by one goes back by the other."""
    for node, other in (("alpha", "10.0.0.2"), ("beta", "10.0.0.1")):
        for vni in (201, 202):
            lab.ctl(node, f"link add l{vni} geneve remote {other} vni {vni}")
        for come, go in (("l201", "l202"), ("l202", "l201"), ("gamma", "l201")):
            lab.ctl(node, f"route add src any dst {NOBODY} to edge {go} from edge {come}")
    for node in ("alpha", "beta"):
        nskit.wait_for(lambda node=node: states(lab, node)["l201"] == "up" ==
                       states(lab, node)["l202"], "the loop's links")
    lab.ctl("gamma", f"route add src any dst {NOBODY} to edge alpha from interface ov0")
    before = drops(lab, "loop")
    at_start = {node: json.loads(lab.ctl(node, "show stats json"))["links"] for node in NODES[:2]}
    command = f"ip neigh replace 10.1.0.77 lladdr {NOBODY} dev ov0; " \
        f"for i in $(seq {STRAYS}); do echo stray >/dev/udp/10.1.0.77/9; done"
    assert lab.sh("gamma", f"bash -c '{command}'")[0] == 0
    nskit.wait_for(lambda: drops(lab, "loop") - before == STRAYS, "the ends of all")
    for node in at_start:
        links = json.loads(lab.ctl(node, "show stats json"))["links"]
        sent = sum(links[name]["tx_frames"] - at_start[node][name]["tx_frames"]
                   for name in ("l201", "l202"))
        assert sent <= STRAYS * HOPS / 2, node
    # All of them answer, and carry what is no loop.
    examplekit.finds_others(lab, "alpha/g1", examplekit.EXAMPLES["ring"][0])
    examplekit.every_frame_is_accounted_for(lab)
