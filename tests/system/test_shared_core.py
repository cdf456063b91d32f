# SPDX-License-Identifier: BSD-2-Clause
"""Two Linux guests that take turns on the only core of a node, which also has the NIC.

    g1 10.1.0.1 - alpha 10.0.0.1 ======= 10.0.0.2 beta - 10.1.0.3 g3
    g2 10.1.0.2 -/
"""

import os
import re

import pingkit
import pytest

from conftest import ROOT


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor, tmp_path_factory):
    """examples/two-guests.lab with one core on alpha."""
    with open(os.path.join(ROOT, "examples/two-guests.lab"), encoding="utf-8") as f:
        text = f.read()
    text, machines = re.subn(r"(?m)^(machine alpha) cores \d+", r"\1 cores 1", text)
    text, guests = re.subn(r"(?m)^(  vm add g[12] .*?) core \d+", r"\1 core 0", text)
    assert (machines, guests) == (1, 2)
    path = tmp_path_factory.mktemp("shared") / "shared-core.lab"
    path.write_text(text, encoding="utf-8")
    return bring_up(str(path))


@pytest.mark.parametrize("peer", ["10.1.0.2", "10.1.0.3"])
def test_pings(lab, peer):
    pingkit.none_lost(lab, "alpha/g1", peer, 50, interval=0.02)


def test_a_guest_that_never_halts_leaves_the_other_its_turns(lab):
    spin = "(while :; do :; done) >/dev/null 2>&1 </dev/null & echo $! >/tmp/spin"
    assert lab.sh("alpha/g1", spin)[0] == 0
    try:
        pingkit.none_lost(lab, "alpha/g2", "10.1.0.3", 50, interval=0.02)
    finally:
        lab.sh("alpha/g1", "kill $(cat /tmp/spin)")


def test_a_stream_between_the_two(lab):
    status, output = lab.sh("alpha/g1", "nuttcp -fparse -T 3 10.1.0.2")
    assert status == 0 and "rate_Mbps" in output, output


def test_no_guest_lost_its_time(lab):
    for guest in ("g1", "g2"):
        _, output = lab.sh(f"alpha/{guest}", "dmesg | grep -ciE 'lockup|stall|unstable'")
        assert output.strip() == "0"


def test_every_frame_is_accounted_for(lab):
    lab.every_frame_has_an_end("alpha")
