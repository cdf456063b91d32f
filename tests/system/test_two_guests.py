# SPDX-License-Identifier: BSD-2-Clause
"""Two guests on one node and one on the far node: examples/two-guests.lab.

    g1 10.1.0.1 - alpha 10.0.0.1 ======= 10.0.0.2 beta - 10.1.0.3 g3
    g2 10.1.0.2 -/
"""

import itertools
import json

import examplekit
import pingkit
import pytest

GUESTS = {"alpha/g1": "10.1.0.1", "alpha/g2": "10.1.0.2", "beta/g3": "10.1.0.3"}
PAIRS = [(one, other) for one, other in itertools.permutations(GUESTS, 2)]


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    return bring_up("examples/two-guests.lab")


def test_as_every_example(lab):
    examplekit.check(lab)


@pytest.mark.parametrize("one, other", PAIRS)
def test_everybody_reaches_everybody(lab, one, other):
    pingkit.none_lost(lab, one, GUESTS[other], 10)


def test_local_frames_do_not_touch_the_wire(lab):
    pingkit.none_lost(lab, "alpha/g1", "10.1.0.2", 3, "-p beef")
    assert not lab.capture("alpha-beta", b"\xbe\xef" * 4)


def test_every_frame_is_accounted_for(lab):
    for node in ("alpha", "beta"):
        lab.every_frame_has_an_end(node)


def test_a_core_is_quiet_while_others_have_traffic(lab):
    """The NIC's interrupts are core 0's, g1's frames core 1's: g2 computes undisturbed, but
    for what is for itself (its neighbours' multicasts)."""
    def frames_for_g2():
        return next(nic["from_core"] for nic in json.loads(lab.ctl("alpha", "show interface json"))
                    if nic["name"] == "g2.eth0")

    assert lab.sh("alpha/g2", "while :; do :; done >/dev/null 2>&1 </dev/null & "
                  "echo $! >/tmp/spin")[0] == 0
    # Before and after: what comes for it between two questions is in both figures.
    own = frames_for_g2()
    lab.ctl("alpha", "core set 2 assert quiet")
    before = json.loads(lab.ctl("alpha", "show noise json"))
    status, output = lab.sh("beta/g3", "nuttcp -fparse -T 2 10.1.0.1")
    assert status == 0 and "rate_Mbps" in output, output
    pingkit.answered(lab, "beta/g3", "10.1.0.1", 50, interval=0.01)
    noise = json.loads(lab.ctl("alpha", "show noise json"))
    lab.ctl("alpha", "core set 2 assert nothing")
    own = frames_for_g2() - own
    lab.sh("alpha/g2", "kill $(cat /tmp/spin)")
    # g1's core had its frames and g2's its own tick: the figures are of these seconds.
    assert noise[1]["causes"]["frames"] > before[1]["causes"]["frames"]
    assert noise[2]["causes"]["own-timer"] > 0
    assert noise[2]["broken"] <= min(own, noise[2]["causes"]["frames"]) < 10, (own, noise[2])


def test_a_guest_that_is_stopped_leaves_the_others_alone(lab):
    lab.ctl("alpha", "vm stop g2")
    pingkit.none_lost(lab, "alpha/g1", "10.1.0.3", 5)
    lab.ctl("alpha", "vm start g2")
    for _ in range(10):
        if lab.sh("alpha/g2", "hostname") == (0, "g2\n"):
            break
    pingkit.answered(lab, "alpha/g1", "10.1.0.2", 3)
