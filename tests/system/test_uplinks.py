# SPDX-License-Identifier: BSD-2-Clause
"""Three uplinks in one node, each by another driver, and the overlay over each of them:
examples/uplinks.lab.

                      /- e1000      10.0.0.1 ==== 10.0.0.2 -\\
    g1 10.1.N.1 - alpha  e1000e     10.0.1.1 ==== 10.0.1.2  beta - 10.1.N.2 g1
                      \\- virtio-net 10.0.2.1 ==== 10.0.2.2 -/
"""

import json
import os

import examplekit
import pingkit
import pytest
from wirekit import qmp, wait_for

# Driver and how it interrupts, in the emulated machine.
NICS = [("e1000", "INTx"), ("e1000e", "MSI-X"), ("virtio-net", "MSI-X")]
EACH = range(len(NICS))


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    running = bring_up("examples/uplinks.lab")
    for node, last in (("alpha", 1), ("beta", 2)):
        for n in EACH:
            if n:
                assert running.sh(f"{node}/g1", f"ip addr add 10.1.{n}.{last}/24 dev eth{n} && "
                                  f"ip link set eth{n} up")[0] == 0
    return running


def uplinks(lab, node="alpha"):
    return json.loads(lab.ctl(node, "show uplink json"))


def counters(lab, node="alpha"):
    stats = json.loads(lab.ctl(node, "show stats json"))
    return [stats["uplink"], *stats["more_uplinks"]]


def ping_once(lab, n):
    return lab.sh("alpha/g1", f"ping -c 1 -W 1 10.1.{n}.2")[0]


def ping(lab, n, count=5, options=""):
    return pingkit.answered(lab, "alpha/g1", f"10.1.{n}.2", count, options, interval=0.2)


def test_as_every_example(lab):
    examplekit.check(lab)


def test_what_the_node_says_of_them(lab):
    found = uplinks(lab)
    assert [(up["driver"], up["interrupts"]) for up in found] == NICS
    assert [up["address"] for up in found] == [f"10.0.{n}.1" for n in EACH]
    assert all(up["link"] and up["in_use"] and not up["polled"] for up in found)
    text = lab.ctl("alpha", "show uplink")
    for n, (driver, interrupts) in enumerate(NICS):
        assert f"{n}: {driver} " in text and f"interrupts by {interrupts}" in text
    assert "virtio-net" not in lab.ctl("alpha", "show uplink 1")
    told = lab.ctl("alpha", "show metrics")
    for n in EACH:
        assert f'caisson_uplink_received_frames_total{{uplink="{n}"}}' in told
    config = lab.ctl("alpha", "show config")
    assert "link add beta1 udp remote 10.0.1.2 port 9000\n" in config
    assert "link add beta2 udp remote 10.0.2.2 port 9000 uplink 2\n" in config


@pytest.mark.parametrize("n", EACH)
def test_each_link_goes_over_its_own(lab, n):
    before = counters(lab)
    assert not pingkit.lost(ping(lab, n))
    assert not pingkit.lost(ping(lab, n, 3, "-s 8000"))  # in fragments
    after = counters(lab)
    for key in ("rx_frames", "tx_frames"):
        more = [a[key] - b[key] for a, b in zip(after, before)]
        assert more[n] >= 5 + 3 * 6
        assert all(few < 15 for m, few in enumerate(more) if m != n), more
    assert after[n]["irqs"] > before[n]["irqs"]
    assert not any(up["resets"] or up["tx_bad"] for up in after)


@pytest.mark.parametrize("n", EACH)
def test_a_stream_over_each(lab, n):
    output = examplekit.sh(lab, "alpha/g1", f"nuttcp -n 512k 10.1.{n}.2 && "
                           f"nuttcp -r -n 512k 10.1.{n}.2")
    assert output.count("Mbps") == 2
    lab.every_frame_has_an_end("alpha")


def test_one_without_its_cable_leaves_the_others_alone(lab):
    alpha = os.path.join(lab.directory, "alpha")
    qmp(alpha, "set_link", name="net1", up=False)
    try:
        wait_for(lambda: not uplinks(lab)[1]["link"], "the node notices")
        wait_for(lambda: "uplink: 1: link is down" in lab.ctl("alpha", "show log"), "it is told")
        assert [up["link"] for up in uplinks(lab)] == [True, False, True]
        for n in (0, 2):
            ping(lab, n)
        assert ping_once(lab, 1) != 0
    finally:
        qmp(alpha, "set_link", name="net1", up=True)
    wait_for(lambda: uplinks(lab)[1]["link"], "the node notices")
    wait_for(lambda: ping_once(lab, 1) == 0, "it works again")


@pytest.mark.parametrize("statement, message", [
    ("uplink add 3 address 10.0.3.1/24", "this machine has 3 NICs with a driver"),
    ("uplink add 4 address 10.0.3.1/24", "a node uses up to 4 uplinks: 0 to 3"),
    ("uplink add 1 address 10.0.3.1/24", "uplink 1 is there already"),
    ("uplink del 1", "1 links use it; delete them first"),
    ("link add x udp remote 10.9.9.9 port 7 uplink 3", "uplink 3 is not in use; add it first"),
    ("link add x udp remote 10.9.9.9 port 7 uplink 4", "4"),
])
def test_what_cannot_be(lab, statement, message):
    done = lab.tool("ctl", "alpha", statement)
    assert done.returncode == 1 and message in done.stdout + done.stderr


def test_taken_out_of_use_and_into_use_again(lab):
    """The same port and VNI on another uplink is another link."""
    lab.ctl("alpha", "link add other udp remote 10.0.1.2 port 9000 uplink 2")
    lab.ctl("alpha", "link del other")
    for n in (1, 2):
        lab.ctl("alpha", f"link del beta{n} force")
        lab.ctl("alpha", f"uplink del {n}")
    assert [up["in_use"] for up in uplinks(lab)] == [True, False, False]
    ping(lab, 0)
    done = lab.tool("ctl", "alpha", "uplink add 1 address 10.0.1.1/24 queues 2")
    assert done.returncode == 1
    assert "this NIC (e1000e, MSI-X) has 1 queue here" in done.stdout + done.stderr
    for n in (1, 2):
        lab.ctl("alpha", f"uplink add {n} address 10.0.{n}.1/24")
        lab.ctl("alpha", f"link add beta{n} udp remote 10.0.{n}.2 port 9000")
        lab.ctl("alpha", f"route add src any dst any to edge beta{n} from interface g1.eth{n}")
        lab.ctl("alpha", f"route add src any dst any to interface g1.eth{n} from edge beta{n}")
        ping(lab, n)
    lab.every_frame_has_an_end("alpha")
