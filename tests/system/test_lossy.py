# SPDX-License-Identifier: BSD-2-Clause
"""Streams over a wire that loses, doubles and mixes up frames arrive whole (lossy.lab).

LOSSY_MB is how much goes each way in segments that NIC and node cut and join; a part of it goes
in fragments as well. For a long run: LOSSY_MB=5000 pytest tests/system/test_lossy.py -s"""

import json
import os
import re
import time

import pytest
from waitkit import wait_for

MB = 1 << 20
LOSSY_MB = int(os.environ.get("LOSSY_MB", "4"))
FRAGMENTED_MB = max(1, LOSSY_MB // 8)
# As slow as a machine may be: 100 KB a second.
TIMEOUT_S = 600 + LOSSY_MB * 10
PEER = {"alpha": "10.1.0.2", "beta": "10.1.0.1"}
OTHER = {"alpha": "beta", "beta": "alpha"}
PORT = 5001

# What goes through tee is what is summed. What stays in the background must not keep the
# shell's output open, and nc ends with its input, which is a pipe that nobody writes to.
SERVE = """rm -f /tmp/lossy.*; mkfifo /tmp/lossy.pipe /tmp/lossy.in
{{ sha256sum </tmp/lossy.pipe >/tmp/lossy.sum &
nc -l -p {port} <>/tmp/lossy.in | tee /tmp/lossy.pipe | wc -c >/tmp/lossy.bytes
}} >/dev/null 2>&1 &
until cat /proc/net/tcp* | grep -qi ":{hex_port} 0*:0000 0A"; do sleep 0.1; done"""
SEND = """rm -f /tmp/lossy.*; mkfifo /tmp/lossy.pipe
sha256sum </tmp/lossy.pipe >/tmp/lossy.sum &
head -c {bytes} /dev/urandom | tee /tmp/lossy.pipe | nc {peer} {port}
wait; cut -c1-64 /tmp/lossy.sum"""
RECEIVED = """for i in $(seq 1500); do
[ -s /tmp/lossy.sum ] && [ -s /tmp/lossy.bytes ] && break; sleep 0.2; done
cut -c1-64 /tmp/lossy.sum; cat /tmp/lossy.bytes"""


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    return bring_up("tests/system/lossy.lab")


def stats(lab, node):
    return json.loads(lab.ctl(node, "show stats json"))


def wire_counts(lab):
    with open(os.path.join(lab.directory, "wires", "alpha-beta.json"), encoding="ascii") as f:
        return json.load(f)


def stream(lab, node, megabytes, mtu):
    """So many MB from this node's guest to the other's: equal at both ends."""
    for end in PEER:
        assert lab.sh(f"{end}/g1", f"ip link set eth0 mtu {mtu}")[0] == 0
    assert lab.sh(f"{OTHER[node]}/g1", SERVE.format(port=PORT, hex_port=f"{PORT:04x}"))[0] == 0
    begin = time.monotonic()
    status, output = lab.sh(f"{node}/g1", SEND.format(
        bytes=megabytes * MB, peer=PEER[node], port=PORT), timeout=TIMEOUT_S)
    assert status == 0, output
    took = time.monotonic() - begin
    sent = re.search(r"^[0-9a-f]{64}$", output, re.MULTILINE)
    received = lab.sh(f"{OTHER[node]}/g1", RECEIVED, timeout=600)[1].split()
    assert sent and received == [sent[0], str(megabytes * MB)], (output, received)
    print(f"{node}: {megabytes} MB with an MTU of {mtu} in {took:.0f} s, {sent[0]}")


@pytest.mark.parametrize("node", PEER)
def test_segments_arrive_whole(lab, node):
    before = stats(lab, node)["offload"]
    joined = stats(lab, OTHER[node])["interfaces"]["g1.eth0"]["rx_joined"]
    stream(lab, node, LOSSY_MB, 1458)
    # Long segments went whole to the NIC, and what came in order was joined again.
    assert stats(lab, node)["offload"]["long_in"] > before["long_in"]
    assert stats(lab, OTHER[node])["interfaces"]["g1.eth0"]["rx_joined"] > joined


@pytest.mark.parametrize("node", PEER)
def test_fragments_arrive_whole(lab, node):
    stream(lab, node, FRAGMENTED_MB, 4000)


def test_the_wire_was_bad_and_every_frame_is_accounted_for(lab):
    # They are written now and then.
    wait_for(lambda: wire_counts(lab)["frames"] > LOSSY_MB * 2 * MB / 1500, "the switch's counts")
    counts = wire_counts(lab)
    print(counts)
    for what in ("dropped", "held back", "doubled"):
        assert 0.003 < counts[f"{what} on purpose"] / counts["frames"] < 0.03, counts
    for node in PEER:
        told = stats(lab, node)
        lab.every_frame_has_an_end(node)
        print(node, told["sum"], told["uplink_drops"])
    # A fragment that never came does not keep the others for ever.
    wait_for(lambda: any(stats(lab, node)["uplink_drops"] for node in PEER), "drops")
    assert "on purpose" in lab.tool("status").stdout


def test_guests_and_nodes_go_on(lab):
    status, output = lab.sh("alpha/g1", "ping -q -c 100 -i 0.02 10.1.0.2", timeout=120)
    assert status == 0
    received = int(re.search(r"(\d+) received", output)[1])
    assert 80 <= received < 101 and " errors" not in output
