# SPDX-License-Identifier: BSD-2-Clause
"""A guest whose NIC has a pair of queues for each of its two vCPUs (multiqueue.lab)."""

import json

import pingkit
import pytest

GUEST = "alpha/g1"
PEER = "10.1.0.2"
PINGS = 20
VCPUS = (0, 1)
DRIVER = "/sys/bus/virtio/drivers/virtio_net"


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    return bring_up("tests/system/multiqueue.lab")


def in_guest(lab, command):
    status, output = lab.sh(GUEST, command)
    assert status == 0, output
    return output


def interrupts(lab):
    """Of each receive queue, over all vCPUs."""
    counts = {}
    for line in in_guest(lab, "grep -- -input /proc/interrupts").splitlines():
        words = line.split()
        if words[-1].startswith("virtio1-"):
            counts[int(words[-1].rsplit(".", 1)[1])] = sum(map(int, words[1:1 + len(VCPUS)]))
    return counts


def dispatch(lab):
    return json.loads(lab.ctl("alpha", "show dispatch g1.eth0 json"))["interfaces"][0]


def test_a_pair_for_each_vcpu(lab):
    queues = in_guest(lab, "ls /sys/class/net/eth0/queues").split()
    assert sorted(queues) == ["rx-0", "rx-1", "tx-0", "tx-1"]
    assert dispatch(lab)["tx"]["cores"] == [1, 2]


@pytest.mark.parametrize("vcpu", VCPUS)
def test_answers_come_by_the_queue_that_the_question_took(lab, vcpu):
    before = interrupts(lab)
    # One after the other: answers that come together are told by one interrupt.
    in_guest(lab, f"for n in $(seq {PINGS}); do until taskset {1 << vcpu} /usr/bin/ping -c 1 "
             f"-W 10 {PEER}; do :; done; done")
    after = interrupts(lab)
    came = {queue: after[queue] - before[queue] for queue in VCPUS}
    # ARP has its own flow.
    assert came[vcpu] > PINGS // 2 > came[1 - vcpu]


def test_resets_while_frames_come(lab):
    """The driver goes and comes back; the queues' owners are other cores than its own."""
    device = in_guest(lab, "basename $(readlink /sys/class/net/eth0/device)").strip()
    ping = lab.sh("far", "ping -i 0.01 10.1.0.1 > /dev/null 2>&1 & echo $!")[1].strip()
    for vcpu in VCPUS:
        in_guest(lab, f"taskset {1 << vcpu} sh -c 'echo {device} > {DRIVER}/unbind && "
                      f"echo {device} > {DRIVER}/bind && "
                      "ip address add 10.1.0.1/24 dev eth0 && ip link set eth0 up'")
        pingkit.answered(lab, GUEST, PEER, 3)
    lab.sh("far", f"kill {ping}")


@pytest.mark.parametrize("switch, figure", [("optimistic", "optimistic_irqs"),
                                            ("batch-end", "joined_bursts")])
def test_switches_of_interrupts(lab, switch, figure):
    before = dispatch(lab)[figure]
    lab.ctl("alpha", f"interface set g1.eth0 {switch} on")
    assert f" {switch} on" in lab.ctl("alpha", "show config")
    pingkit.answered(lab, GUEST, PEER, PINGS)
    # Bursts of the uplink's core have nothing to wait for: the queues are on others.
    assert (dispatch(lab)[figure] > before) == (switch == "optimistic")
    lab.ctl("alpha", f"interface set g1.eth0 {switch} off")
    after = dispatch(lab)[figure]
    pingkit.answered(lab, GUEST, PEER, 3)
    assert dispatch(lab)[figure] == after


def test_every_frame_is_accounted_for(lab):
    lab.every_frame_has_an_end("alpha")
