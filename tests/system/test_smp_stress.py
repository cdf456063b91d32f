# SPDX-License-Identifier: BSD-2-Clause
"""A guest of two virtual CPUs under load, whose processors come and go meanwhile, on two
nodes, each beside a guest with a single one: smp-stress.lab. Work is counted, not timed.

    g1 10.1.0.1 (cores 1, 2) - alpha ===== beta - 10.1.0.3 g1 (cores 1, 2)
    g2 10.1.0.2 (core 0)     -/                \\- 10.1.0.4 g2 (core 0)
"""

import json
import os
import re
import subprocess
import time

import pingkit
import pytest

from conftest import TOOLS

MEMBERS = {"alpha/g1": "10.1.0.1", "alpha/g2": "10.1.0.2", "beta/g1": "10.1.0.3",
           "beta/g2": "10.1.0.4"}
# What Linux says of processors that are not treated well.
COMPLAINTS = "unsynchronized|unstable|lockup|stall|WARNING|BUG:|failed to come"
CYCLES = 200
HOTPLUGS = 5
PATIENCE_S = 900
# So many operations each; --verify has memory compared with what was written. Timers at a
# rate that an emulated machine keeps: at stress-ng's own, 1 MHz, their signals are all it does.
STRESS = ("stress-ng --verify --timeout 0 --cpu 2 --cpu-ops 20 --switch 2 --switch-ops 2000"
          " --vm 1 --vm-bytes 8M --vm-ops 500 --timer 2 --timer-ops 500 --timer-freq 1000")
# The second processor goes and comes back under a stream each way and stress-ng.
STORM = f"""
{STRESS} >/tmp/stress 2>&1 & stress=$!
nuttcp -fparse -n 1m 10.1.0.3 >/tmp/there 2>&1 & there=$!
nuttcp -fparse -r -n 1m 10.1.0.4 >/tmp/back 2>&1 & back=$!
for i in $(seq {HOTPLUGS}); do
  echo 0 >/sys/devices/system/cpu/cpu1/online || echo no off
  nproc
  echo 1 >/sys/devices/system/cpu/cpu1/online || echo no on
  nproc
done
wait $stress && wait $there && wait $back || cat /tmp/stress
cat /tmp/there /tmp/back
"""


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    subprocess.run([os.path.join(TOOLS, "mkguest"), "--quiet", "--set", "stress", "cloud"],
                   check=True)
    return bring_up("tests/system/smp-stress.lab")


def sh(lab, guest, command):
    status, output = lab.sh(guest, command, timeout=PATIENCE_S)
    assert status == 0, f"{guest}: {output}"
    return output


def vm(lab, node, name):
    (guest,) = [guest for guest in json.loads(lab.ctl(node, f"show vm {name} json"))
                if guest["name"] == name]
    return guest


def test_everybody_reaches_everybody(lab):
    for guest, own in MEMBERS.items():
        for address in MEMBERS.values():
            if address != own:
                pingkit.answered(lab, guest, address, 1)


def test_processors_come_and_go_under_load(lab):
    before = vm(lab, "alpha", "g1")["vcpus"][1]["starts"]
    output = sh(lab, "alpha/g1", STORM)
    assert output.startswith("1\n2\n" * HOTPLUGS), output
    assert output.count("rate_Mbps") == 2 and "stress-ng" not in output, output
    assert vm(lab, "alpha", "g1")["vcpus"][1]["starts"] == before + HOTPLUGS


def test_timers_of_both_processors_fire(lab):
    """cyclictest: a thread on each of them, which sleeps that often."""
    output = sh(lab, "alpha/g1", f"cyclictest -q -a -t 2 -i 2000 -d 0 -l {CYCLES}")
    cycles = re.findall(r"^T: (\d).* C: +(\d+) ", output, re.MULTILINE)
    assert [thread for thread, _ in cycles] == ["0", "1"], output
    # The first thread to be done ends the run.
    assert max(int(count) for _, count in cycles) >= CYCLES
    assert min(int(count) for _, count in cycles) > 0, output


def test_the_neighbours_got_their_share(lab):
    """Load on two cores of alpha and a guest that goes on beside it."""
    sh(lab, "alpha/g1", f"({STRESS} >/tmp/stress 2>&1; echo $? >/tmp/status) &")
    pingkit.none_lost(lab, "alpha/g2", "10.1.0.4")
    assert sh(lab, "alpha/g1", "while ! test -s /tmp/status; do sleep 0.1; done;"
              " cat /tmp/status /tmp/stress").startswith("0\n")


@pytest.mark.parametrize("guest", MEMBERS)
def test_linux_has_no_complaint(lab, guest):
    assert lab.sh(guest, f"dmesg | grep -E '{COMPLAINTS}'") == (1, "")


def every_frame_is_accounted_for(lab):
    for node in ("alpha", "beta"):
        lab.every_frame_has_an_end(node)


def test_every_frame_is_accounted_for(lab):
    every_frame_is_accounted_for(lab)


def test_resets_in_the_middle_of_two_streams(lab):
    """A pair of queues each, on two cores; who sent to it goes on, and so does the node."""
    free = json.loads(lab.ctl("beta", "show node json"))["free_bytes"]
    assert lab.sh("beta/g1", "nuttcp -S -P 5002 -p 5102")[0] == 0
    sh(lab, "alpha/g1", "for n in 1 2; do taskset $n nuttcp -T 900 -p 510$n -P 500$n 10.1.0.3"
       " >/dev/null 2>&1 & done; while test $(cat /sys/class/net/eth0/statistics/tx_packets)"
       " -lt 2000; do sleep 0.1; done")
    before = vm(lab, "beta", "g1")
    lab.ctl("beta", "vm reset g1")
    end = time.monotonic() + PATIENCE_S
    while vm(lab, "beta", "g1")["starts"] == before["starts"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    lab.ctl("beta", "vm stop g1")
    while vm(lab, "beta", "g1")["state"] != "stopped":
        assert time.monotonic() < end
        time.sleep(0.1)
    sh(lab, "alpha/g1", "killall nuttcp")
    pingkit.answered(lab, "alpha/g1", "10.1.0.4", 1)
    assert vm(lab, "beta", "g1")["crashes"] == 0
    while json.loads(lab.ctl("beta", "show node json"))["free_bytes"] < free:
        assert time.monotonic() < end
    every_frame_is_accounted_for(lab)
