# SPDX-License-Identifier: BSD-2-Clause
"""The hypervisor comes up: both Multiboot protocols, several machines, and what is
missing is said. Each case is one emulated machine, read until its last line."""

import os
import re
import subprocess
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IMAGE = os.path.join(ROOT, "build/caisson.elf")
ISO = os.path.join(ROOT, "build/caisson.iso")
BOOT_TIMEOUT_S = 300
SVM = ["-cpu", "EPYC,+svm,+npt"]


def boot(log, arguments, until, timeout=BOOT_TIMEOUT_S):
    """Start QEMU with its serial line in the file `log`; the text once `until` appears."""
    log.write_text("")
    command = ["timeout", str(timeout), "qemu-system-x86_64", "-accel", "tcg,thread=multi",
               "-display", "none", "-no-reboot", "-serial", f"file:{log}", *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as machine:
        try:
            while machine.poll() is None and not re.search(until, log.read_text("latin-1")):
                time.sleep(0.1)
        finally:
            machine.terminate()
    text = log.read_text("latin-1")
    assert re.search(until, text), f"no \"{until}\" in:\n{text}"
    return text


def check_machine(text, cores):
    assert f"smp: {cores} of {cores} cores started" in text
    rate = re.search(r"TSC calibrated by the .*: (\d+)\.\d+ MHz", text)
    assert rate and 100 < int(rate.group(1)) < 10000
    functions = re.search(r"pci: (\d+) functions", text)
    assert functions and int(functions.group(1)) >= 4
    assert "***" not in text


@pytest.fixture(scope="module", name="image")
def built_image():
    subprocess.run(["make", "-s", "-C", ROOT, IMAGE.replace(ROOT + "/", "")], check=True)
    return IMAGE


@pytest.fixture(scope="module", name="iso")
def built_iso(image):
    subprocess.run(["make", "-s", "-C", ROOT, "iso"], check=True)
    return ISO if image else None


def test_multiboot1(image, tmp_path):
    text = boot(tmp_path / "serial", [*SVM, "-smp", "4", "-m", "2G", "-kernel", image,
                                      "-append", "quiet words"], r"pci: \d+ functions\n")
    assert "boot: Multiboot 1" in text
    assert "quiet words" in text
    check_machine(text, 4)


def test_multiboot2(iso, tmp_path):
    text = boot(tmp_path / "serial", [*SVM, "-smp", "4", "-m", "2G", "-cdrom", iso],
                r"pci: \d+ functions\n")
    assert "boot: Multiboot 2" in text
    check_machine(text, 4)


def test_memory_above_4g(image, tmp_path):
    text = boot(tmp_path / "serial", [*SVM, "-M", "q35", "-smp", "2", "-m", "5G", "-kernel", image],
                r"pci: \d+ functions\n")
    assert int(re.search(r"memory: (\d+) MiB free", text).group(1)) > 5 * 1024 - 64
    check_machine(text, 2)


def test_modules(image, tmp_path):
    first = tmp_path / "first.bin"
    first.write_bytes(b"a" * 5000)
    second = tmp_path / "second.bin"
    second.write_bytes(b"b")
    text = boot(tmp_path / "serial", [*SVM, "-m", "512M", "-kernel", image,
                                      "-initrd", f"{first} some words,{second}"],
                r"pci: \d+ functions\n")
    assert re.search(r"module first\.bin: 5000 bytes", text)
    assert re.search(r"module second\.bin: 1 bytes", text)


def test_without_acpi_one_core_runs(image, tmp_path):
    text = boot(tmp_path / "serial", [*SVM, "-M", "pc,acpi=off", "-m", "512M", "-kernel", image],
                r"pci: \d+ functions\n")
    assert "warn  acpi: no tables found" in text
    check_machine(text, 1)


def test_too_many_cores_are_left_out(image, tmp_path):
    text = boot(tmp_path / "serial", [*SVM, "-smp", "18", "-m", "512M", "-kernel", image],
                r"pci: \d+ functions\n")
    assert "smp: 2 cores not used: at most 16 are supported" in text
    assert "smp: 16 of 18 cores started" in text


def test_no_long_mode_is_said(image, tmp_path):
    boot(tmp_path / "serial", ["-cpu", "qemu32", "-m", "512M", "-kernel", image],
         r"this one has no long mode\.")
