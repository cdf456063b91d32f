# SPDX-License-Identifier: BSD-2-Clause
"""Guests with an MTU of 65000 over a wire of 1500: large.lab. Then alpha's link does
not fragment any more, and its guest is told what fits. At last a wire of 9000.

    g1 10.1.0.1 - alpha 10.0.0.1 ======= 10.0.0.2 beta - 10.1.0.2 g1
"""

import json
import os
import re

import pingkit
import pytest
from labkit import measure

PEER_IP = "10.1.0.2"
STREAM_S = int(os.environ.get("STREAM_S", "3"))
FITS = 1458


@pytest.fixture(scope="module", name="lab")
def running_lab(bring_up, hypervisor):
    return bring_up("tests/system/large.lab")


def large(lab, size, count):
    """None is lost, but where a machine stood still for longer than fragments are waited for."""
    pingkit.lost_only_for(lab, ("alpha", "beta"), ["fragment-timeout"], pingkit.answered(
        lab, "alpha/g1", PEER_IP, count, f"-M do -s {size}", interval=0.1))


def test_the_guest_has_the_mtu(lab):
    assert lab.sh("alpha/g1", "cat /sys/class/net/eth0/mtu") == (0, "65000\n")


@pytest.mark.parametrize("size", [9000, 28000, 64972])
def test_large_packets_arrive_whole(lab, size):
    large(lab, size, 10)


def test_the_guest_is_told_what_fits(lab):
    for statement in ("link del beta force", "link add beta udp remote 10.0.0.2 fragment off",
                      "route add src any dst any to edge beta from interface g1.eth0",
                      "route add src any dst any to interface g1.eth0 from edge beta"):
        lab.ctl("alpha", statement)
    output = lab.sh("alpha/g1", f"ping -M do -c 3 -i 0.3 -s 5000 {PEER_IP}")[1]
    assert re.search(rf"Frag needed .*mtu = {FITS}", output), output
    assert " 0 received" in output
    # It cuts them itself now; they come back as one, from a link that fragments.
    pingkit.answered(lab, "alpha/g1", PEER_IP, 5, "-M want -s 5000")
    link, = json.loads(lab.ctl("alpha", "show link beta json"))
    assert link["answers"] >= 1 and link["path_mtu"] == 1500


def test_tcp_goes_on_with_smaller_segments(lab):
    status, output = lab.sh("alpha/g1", f"nuttcp -fparse -T {STREAM_S} {PEER_IP}",
                            timeout=STREAM_S + 300)
    assert status == 0 and measure.parse_nuttcp(output) > 0, output
    lab.every_frame_has_an_end("alpha", "beta")


def test_over_a_wire_of_9000(lab):
    for node, peer, own, remote in (("alpha", "beta", "10.0.0.1", "10.0.0.2"),
                                    ("beta", "alpha", "10.0.0.2", "10.0.0.1")):
        for statement in (f"link del {peer} force", "uplink del 0",
                          f"uplink add 0 address {own}/24 mtu 9000",
                          f"link add {peer} udp remote {remote} fragment on",
                          f"route add src any dst any to edge {peer} from interface g1.eth0",
                          f"route add src any dst any to interface g1.eth0 from edge {peer}"):
            lab.ctl(node, statement)
    # It was told of a narrower path above.
    lab.sh("alpha/g1", "ip route flush cache")
    large(lab, 60000, 10)
    link, = json.loads(lab.ctl("alpha", "show link beta json"))
    assert link["path_mtu"] == 9000
    lab.every_frame_has_an_end("alpha", "beta")
