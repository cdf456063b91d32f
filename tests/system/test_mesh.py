# SPDX-License-Identifier: BSD-2-Clause
"""A full mesh out of one line, in an overlay that learns: examples/mesh.lab.

    g1 10.1.0.1 - alpha 10.0.0.1 ======= 10.0.0.2 beta - 10.1.0.3 g1
    g2 10.1.0.2 -/
"""

import json

import examplekit
import pytest

MACS = {"alpha/g1": "02:00:00:00:00:01", "alpha/g2": "02:00:00:00:00:02",
        "beta/g1": "02:00:00:00:00:03"}


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    return bring_up("examples/mesh.lab")


def test_as_every_example(lab):
    examplekit.check(lab)


def test_addresses_are_learned_from_the_link(lab):
    learned = json.loads(lab.ctl("beta", "show learned hpc json"))
    assert {entry["mac"] for entry in learned} == {MACS["alpha/g1"], MACS["alpha/g2"]}
    assert {entry["edge"] for entry in learned} == {"hpc.alpha"}


def test_the_configuration_is_the_flat_form(lab):
    lines = [line.strip() for line in lab.ctl("beta", "show config").splitlines()]
    for line in ("link add hpc.alpha udp remote 10.0.0.1 port 9000 overlay hpc",
                 f"route add src any dst {MACS['alpha/g2']} to edge hpc.alpha",
                 "route add src any dst group to edge hpc.alpha",
                 f"route add src any dst {MACS['beta/g1']} to interface g1.eth0 from edges"):
        assert line in lines


def test_an_overlay_in_use_stays(lab):
    done = lab.tool("ctl", "alpha", "overlay del hpc")
    assert done.returncode == 1
    answer = done.stdout + done.stderr
    for user in ("interface g1.eth0", "interface g2.eth0", "link hpc.beta"):
        assert user in answer
    assert '"hpc"' in lab.ctl("alpha", "show overlay json")


def test_every_frame_is_accounted_for(lab):
    for node in ("alpha", "beta"):
        lab.every_frame_has_an_end(node)
        assert not json.loads(lab.ctl(node, "show node json"))["degraded"]
