# SPDX-License-Identifier: BSD-2-Clause
"""Debian's kernels as shipped boot to their shell, and find nothing odd about the
machine: no line in their log that tells of a fault of ours."""

import hashlib
import json
import os
import re
import subprocess
import time

import pytest
from conftest import ROOT, TOOLS

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
  disk add {name}.disk0 module vmlinuz-amd64 overlay 1M
  disk add {name}.disk1 module vmlinuz-amd64
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
    """Two clocks of the guest, over three seconds of its timer. One is asked before and after
    the other, which goes by whole seconds."""
    both = "cut -d' ' -f1 /proc/uptime; date +%s; cut -d' ' -f1 /proc/uptime"
    begin = time.monotonic()
    status, said = lab.sh(guest, f"{both}; sleep 3; {both}")
    passed = time.monotonic() - begin
    assert status == 0, said
    before, now, begun, done, later, after = (float(word) for word in said.split())
    assert 3 <= done - begun and after - before < 1.1 * passed + 1
    assert done - begun - 1 <= later - now <= after - before + 1


def test_interrupts_by_msix_and_the_local_timer(lab, guest):
    status, said = lab.sh(guest, "cat /proc/interrupts")
    assert status == 0
    assert re.search(r"PCI-MSI.*virtio\d-", said)
    for name, most in (("LOC", None), ("SPU", 0), ("ERR", 0), ("MIS", 0), ("NMI", 0)):
        count = int(re.search(rf"^ *{name}: +(\d+)", said, re.MULTILINE)[1])
        assert (count > 0) if most is None else count <= most, said


def image():
    """What is on the disks, with the hash of it."""
    with open(os.path.join(ROOT, "build/guest/vmlinuz-amd64"), "rb") as f:
        data = f.read()
    return len(data), hashlib.sha256(data).hexdigest()


def disk(lab, name):
    shown, = json.loads(lab.ctl("alpha", f"show disk {name} json"))
    return shown


def test_disks_hold_the_module(lab, guest):
    size, digest = image()
    name = guest.split("/")[1]
    for device, number in (("vda", 0), ("vdb", 1)):
        status, said = lab.sh(guest, f"cd /sys/block/{device}; echo $(cat serial) $(cat size ro); "
                                     f"head -c {size} /dev/{device} | sha256sum")
        assert status == 0, said
        assert said.split()[:4] == [f"{name}.disk{number}", str(-(-size // 512)), str(number),
                                    digest]


def test_what_is_written_stays_in_memory(lab, guest):
    """4 KiB blocks, until the overlay's megabyte is full; the module stays as it is."""
    name = f"{guest.split('/')[1]}.disk0"
    write = "dd if=/tmp/data of=/dev/vda bs=4k conv=notrunc,fsync"
    status, said = lab.sh(guest, "head -c 256k /dev/urandom >/tmp/data; "
                                 f"{write} seek=10 2>/dev/null && "
                                 "echo 3 >/proc/sys/vm/drop_caches && "
                                 "dd if=/dev/vda bs=4k skip=10 count=64 2>/dev/null | "
                                 "cmp - /tmp/data && echo same")
    assert (status, said) == (0, "same\n")
    shown = disk(lab, name)
    assert (shown["overlay_used_bytes"], shown["written_bytes"]) == (2 ** 18, 2 ** 18)
    for at in (100, 200, 300, 400):
        status, said = lab.sh(guest, f"{write} seek={at}")
    assert status != 0 and "rror" in said
    shown = disk(lab, name)
    assert shown["overlay_used_bytes"] == 2 ** 20 and shown["refused"]["overlay-full"] > 0
    status, said = lab.sh(guest, "dd if=/tmp/data of=/dev/vdb bs=4k count=1")
    assert status != 0 and not disk(lab, name[:-1] + "1")["writes"]
    size, digest = image()
    assert lab.sh(guest, f"head -c {size} /dev/vdb | sha256sum")[1].split()[0] == digest


def test_random_numbers(lab, guest):
    """More than a second's worth at once, so that some of it has to wait."""
    status, said = lab.sh(guest, "cat /sys/class/misc/hw_random/rng_current; "
                                 "head -c 100000 /dev/hwrng >/tmp/random; wc -c </tmp/random; "
                                 "gzip -c /tmp/random | wc -c")
    assert status == 0, said
    source, count, packed = said.split()
    assert source.startswith("virtio_rng") and count == "100000" and int(packed) > 100000
    assert re.search(r"random bytes \d{6,}, waited", lab.ctl("alpha", f"show vm {guest[6:]}"))


def test_it_switches_itself_off(lab, guest):
    """Last: ACPI's S5 by the guest's own shell."""
    name = guest.split("/")[1]
    lab.sh(guest, "(sleep 1; poweroff -f) >/dev/null 2>&1 &")
    await_state(lab, name, "stopped")
    shown = lab.ctl("alpha", f"show vm {name} json")
    assert '"reason":"it switched itself off"' in shown, shown


def await_state(lab, name, state):
    for _ in range(1200):
        vm, = json.loads(lab.ctl("alpha", f"show vm {name} json"))
        if vm["state"] == state:
            return
        time.sleep(0.1)
    pytest.fail(f"{name} is {vm['state']}, not {state}")


def test_a_new_start_forgets_what_was_written(lab, guest):
    name = guest.split("/")[1]
    await_state(lab, name, "stopped")
    assert disk(lab, f"{name}.disk0")["overlay_used_bytes"]
    said = lab.ctl("alpha", "show config")
    assert f"  disk add {name}.disk0 module vmlinuz-amd64 overlay 1M\n" in said
    assert "belongs to it" in lab.tool("ctl", "alpha", f"vm del {name}").stdout
    lab.ctl("alpha", f"disk del {name}.disk1")
    lab.ctl("alpha", f"vm start {name}")
    await_state(lab, name, "running")
    assert not disk(lab, f"{name}.disk0")["overlay_used_bytes"]
    lab.ctl("alpha", f"vm stop {name}")
