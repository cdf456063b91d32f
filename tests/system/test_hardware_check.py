# SPDX-License-Identifier: BSD-2-Clause
"""The image of `make hardware-check`, booted by UEFI: the guest tests run on the machine, and
the report with what they said stands on the serial line, on the screen in pages, and in what
the console answers."""

import os
import re
import subprocess

import pytest
from conftest import ROOT
from labkit import machine as machines
from labkit import serial
from screenkit import QmpMachine

REPORT = re.compile(r"=== hardware report of Caisson .*?=== end of the hardware report", re.DOTALL)
TIMEOUT_S = 900


@pytest.fixture(scope="module", name="machine")
def booted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("hardware")
    subprocess.run(["make", "-s", "-C", ROOT, "hardware-check"], check=True,
                   stdout=subprocess.DEVNULL)
    with QmpMachine(directory, [
            "-accel", "tcg,thread=multi", "-cpu", machines.CPU["svm"], "-machine", "q35",
            "-device", "intel-iommu", "-vga", "std", "-smp", "2", "-m", "1024",
            "-nic", "user,model=e1000", "-nic", "user,model=rtl8139",
            "-cdrom", os.path.join(ROOT, "build/hardware-check.iso")], uefi=True) as machine:
        yield machine


@pytest.fixture(scope="module", name="report")
def written(machine):
    return machine.wait_log(REPORT, TIMEOUT_S)[0]


def test_the_guest_tests_ran_and_what_they_said_is_there(report):
    done = re.search(r"^DONE (\d+) passed, (\d+) failed, (\d+) skipped", report, re.M)
    failed = re.findall(r"^CASE \S+: FAIL.*", report, re.M)
    assert done and int(done[1]) > 150 and not failed, (failed, report[-3000:])
    # All were counted, and the costs of exits are there.
    cases = re.findall(r"^CASE (\S+): (?:PASS|SKIP)", report, re.M)
    assert len(set(cases)) == int(done[1]) + int(done[3])
    assert re.search(r"^COST cpuid:", report, re.M)


@pytest.mark.parametrize("words", [
    "UEFI, Multiboot 2", "report=tests", "family 23 model 1", "gib-pages",
    "the whole VMCB is loaded at each entry", r"TSC \d+\.\d+ MHz, not invariant",
    r"odd: \d+ KiB of RAM are in \d+ pieces",
    r"VT-d at fed90000h: off", r"8086:100e .* e1000;", r"10ec:8139 .* no driver here",
    r"framebuffer of \d+ by \d+, (24|32) bits a pixel", r"RAM \d+ MiB, up to [0-9a-f]+h",
    r"uplink 0 +e1000 .*, 10\.0\.2\.15/24", "guest +tests: stopped"])
def test_the_report_says(report, words):
    assert re.search(words, report), report


def test_the_console_tells_it_again(machine, report):
    with serial.Port(machine.path("serial.sock"), "node") as port:
        assert "=== end" in serial.Node(port, "node").command("show report")
    assert report


def test_it_is_on_the_screen_page_by_page(machine, report):
    assert report
    first = machine.wait_screen(r"-- page (\d+)")
    machine.wait_screen(rf"-- page (?!{first[1]}\b)\d+")
