# SPDX-License-Identifier: BSD-2-Clause
"""Debian's kernels as shipped boot to their shell, and find nothing odd about the
machine: no line in their log that tells of a fault of ours."""

import os
import re
import subprocess

import pytest
from conftest import TOOLS

FLAVOURS = ["amd64", "cloud"]
BOOT = "console=ttyS0 mitigations=off panic=1 caisson.name={0} caisson.ip=10.1.0.1/24"

# One node, a guest of each flavour on a core of its own.
LAB = """\
machine alpha cores 3 memory 1G nic none boot kernel
caisson 1
node alpha mac 52:54:00:00:00:01
""" + "".join(f"""\
  vm add {name} memory 256M core {core} kernel vmlinuz-{name} initrd initrd-{name}.img \
cmdline "{BOOT.format(name)}"
  interface add {name}.eth0 mac 02:00:00:00:00:0{core}
  vm start {name}
""" for core, name in enumerate(FLAVOURS, 1))

# What must not stand in the log. Its own remarks about hardware that is not there are fine.
ODD = re.compile(r"""unchecked\ MSR\ access | WARNING:\ CPU | \bBUG:\  | \bOops\b | Call\ Trace
                     | [Ss]purious | nobody\ cared | unexpected\ IRQ | [Uu]nknown\ NMI
                     | LAPIC.*(?:fail|error|bogus|pending) | APIC\ (?:error|calibration)
                     | ACPI\ (?:BIOS\ )?(?:Error|Warning) | Firmware\ [BW] | lockup | stall
                     | TSC.*(?:unstable|warp|skew) | clocksource:\ .*(?:unstable|delay)
                     | virtio.*(?:fail|broken|error) | PCI:\ Fatal | can't\ claim | conflict
                     | segfault | general\ protection""", re.VERBOSE)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, bring_up, hypervisor):
    subprocess.run([os.path.join(TOOLS, "mkguest"), "--quiet", *FLAVOURS], check=True)
    path = tmp_path_factory.mktemp("linux") / "linux.lab"
    path.write_text(LAB)
    return bring_up(str(path))


@pytest.fixture(scope="module", params=FLAVOURS)
def guest(request):
    return f"alpha/{request.param}"


@pytest.fixture(scope="module")
def dmesg(lab, guest):
    status, log = lab.sh(guest, "dmesg")
    assert status == 0 and len(log) > 1000, log
    return log


def test_nothing_odd_is_logged(dmesg):
    assert not [line for line in dmesg.splitlines() if ODD.search(line)]


def test_apic_and_clock(lab, guest, dmesg):
    assert "Hypervisor detected: KVM" in dmesg and "x2apic enabled" in dmesg
    clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    assert lab.sh(guest, f"cat {clock}")[1].strip() in ("kvm-clock", "tsc")


def test_time_passes_as_it_should(lab, guest):
    """Two clocks of the guest, over three seconds of its timer."""
    status, said = lab.sh(guest, "cut -d' ' -f1 /proc/uptime; date +%s; sleep 3; "
                                 "cut -d' ' -f1 /proc/uptime; date +%s")
    assert status == 0, said
    up, now, up_after, now_after = (float(word) for word in said.split())
    assert 3 <= up_after - up < 6
    assert abs((up_after - up) - (now_after - now)) <= 1.1


def test_interrupts_by_msix_and_the_local_timer(lab, guest):
    status, said = lab.sh(guest, "cat /proc/interrupts")
    assert status == 0
    assert re.search(r"PCI-MSI.*virtio\d-", said)
    for name, most in (("LOC", None), ("SPU", 0), ("ERR", 0), ("MIS", 0), ("NMI", 0)):
        count = int(re.search(rf"^ *{name}: +(\d+)", said, re.MULTILINE)[1])
        assert (count > 0) if most is None else count <= most, said


def test_it_switches_itself_off(lab, guest):
    """Last: ACPI's S5 by the guest's own shell."""
    name = guest.split("/")[1]
    lab.sh(guest, "(sleep 1; poweroff -f) >/dev/null 2>&1 &")
    for _ in range(40):
        shown = lab.ctl("alpha", f"show vm {name} json")
        if '"state":"stopped"' in shown:
            break
    assert '"reason":"it switched itself off"' in shown, shown
