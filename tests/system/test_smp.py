# SPDX-License-Identifier: BSD-2-Clause
"""A Linux guest with two virtual CPUs beside one with a single one: examples/smp.lab.

    g1 10.1.0.1 (cores 1, 2) - alpha - 10.1.0.2 g2 (core 0)
"""

import json
import time

import examplekit
import pingkit
import pytest

COMPLAINTS = "unsynchronized|unstable|lockup|stall|WARNING|BUG:"
STATE_S = 300


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    return bring_up("examples/smp.lab")


def show_vm(lab, name):
    (guest,) = [vm for vm in json.loads(lab.ctl("alpha", f"show vm {name} json"))
                if vm["name"] == name]
    return guest


def wait_for_state(lab, name, state):
    end = time.monotonic() + STATE_S
    while show_vm(lab, name)["state"] != state:
        assert time.monotonic() < end, show_vm(lab, name)
        time.sleep(0.1)


def wait_for_shell(lab, guest, online):
    for _ in range(10):
        if lab.sh(guest, "nproc") == (0, f"{online}\n"):
            return
    raise AssertionError(lab.sh(guest, "nproc"))


def test_as_every_example(lab):
    examplekit.check(lab)


def test_both_work(lab):
    assert lab.sh("alpha/g1", "nproc") == (0, "2\n")
    guest = show_vm(lab, "g1")
    assert [vcpu["core"] for vcpu in guest["vcpus"]] == [1, 2]
    assert all(vcpu["exits"] > 0 and vcpu["ipis"] > 0 for vcpu in guest["vcpus"])
    assert guest["vcpus"][1]["starts"] == 1


def test_off_and_on_again(lab):
    again = ("cd /sys/devices/system/cpu/cpu1; for i in 1 2 3 4 5; do"
             " echo 0 >online; nproc; echo 1 >online; nproc; done")
    assert lab.sh("alpha/g1", again) == (0, "1\n2\n" * 5)
    assert show_vm(lab, "g1")["vcpus"][1]["starts"] == 6


def test_frames_from_both(lab):
    stream = "taskset 1 nuttcp -fparse -T 2 10.1.0.2 >/tmp/stream 2>&1 </dev/null &"
    pingkit.none_lost(lab, "alpha/g1", "10.1.0.2", 100, interval=0.02,
                      ping=f"{stream} taskset 2 /usr/bin/ping")
    examplekit.sh(lab, "alpha/g1", "until grep rate_Mbps /tmp/stream; do sleep 0.2; done")
    lab.every_frame_has_an_end("alpha")


def test_linux_has_no_complaint(lab):
    assert lab.sh("alpha/g1", f"dmesg | grep -cE '{COMPLAINTS}'")[1] == "0\n"
    assert lab.sh("alpha/g1", "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"
                  )[1] == "tsc\n"


def test_resets_itself_and_goes_off(lab):
    lab.sh("alpha/g1", "(sleep 1; reboot -f) >/dev/null 2>&1 &")
    end = time.monotonic() + STATE_S
    while show_vm(lab, "g1")["starts"] < 2:
        assert time.monotonic() < end
        time.sleep(0.2)
    wait_for_shell(lab, "alpha/g1", 2)
    lab.sh("alpha/g1", "(sleep 1; poweroff -f) >/dev/null 2>&1 &")
    wait_for_state(lab, "g1", "stopped")
    assert "switched itself off" in show_vm(lab, "g1")["reason"]


def test_stopped_at_any_moment(lab):
    """Also while the second one is about to start; nothing stays behind."""
    for pause in (0, 0.01, 0.1, 0.5, 1, 1.5):
        lab.ctl("alpha", "vm start g1")
        wait_for_state(lab, "g1", "running")
        time.sleep(pause)
        lab.ctl("alpha", "vm stop g1")
        wait_for_state(lab, "g1", "stopped")
    assert {vcpu["state"] for vcpu in show_vm(lab, "g1")["vcpus"]} == {"off"}
    assert lab.sh("alpha/g2", "hostname") == (0, "g2\n")
