# SPDX-License-Identifier: BSD-2-Clause
"""A Multiboot 1 guest finds what the specification (0.6.96, 3.2 and 3.3) promises it.
The kernel (tests/guest-bad/multiboot.asm) looks and prints; here it is judged."""

import subprocess

import pytest
from conftest import ROOT
from node_console import NodeConsole

MIB = 1 << 20
MEMORY = 32 * MIB
CMDLINE = "one two=3 'four five'"
MODULE = bytes((7 * i + i // 256) & 0xff for i in range(5000))

LAB = """\
machine alpha cores 2 memory 256M nic none boot kernel
caisson 1
node alpha mac 52:54:00:00:00:01
  vm add bare memory 32M core 1 kernel bad-multiboot.elf
  vm add full memory 32M core 1 kernel bad-multiboot.elf initrd module.bin cmdline "{cmdline}"
  vm start bare
  vm start full
"""

RAM, RESERVED = 1, 2
CR0_PE, CR0_PG = 1 << 0, 1 << 31
EFLAGS_IF, EFLAGS_VM = 1 << 9, 1 << 17
FLAG_MEMORY, FLAG_CMDLINE, FLAG_MODULES, FLAG_MAP = 1 << 0, 1 << 2, 1 << 3, 1 << 6


class Said:
    """NAME: VALUE lines; numbers stand in hexadecimal."""

    def __init__(self, text):
        self.lines = [line.split(": ", 1) for line in text.replace("\r", "").splitlines()
                      if ": " in line]
        self.done = "DONE" in text

    def all(self, name):
        return [value for key, value in self.lines if key == name]

    def number(self, name):
        return int(self.all(name)[0], 16)

    def memory_map(self):
        columns = ([int(value, 16) for value in self.all(f"map_{what}")]
                   for what in ("base", "length", "type"))
        return list(zip(*columns))


@pytest.fixture(scope="module")
def node(tmp_path_factory, bring_up, hypervisor):
    subprocess.run(["make", "-s", "-C", ROOT, "bad-guests"], check=True)
    directory = tmp_path_factory.mktemp("multiboot")
    (directory / "module.bin").write_bytes(MODULE)
    (directory / "multiboot.lab").write_text(LAB.format(cmdline=CMDLINE))
    lab = bring_up(str(directory / "multiboot.lab"), "--no-guests")
    with NodeConsole(lab, "alpha") as console:
        yield console


@pytest.fixture(scope="module", params=["bare", "full"])
def vm(request):
    return request.param


@pytest.fixture(scope="module")
def said(node, vm):
    node.wait_state(vm, "stopped")
    return Said(node.wait(f"{vm} is done", lambda: "DONE" in node.output(vm) and node.output(vm)))


def test_it_ends_by_itself(node, vm, said):
    assert said.done
    assert node.vm(vm)["reason"] == "it switched itself off"


def test_entry_state(said):
    assert said.number("magic") == 0x2badb002
    assert said.number("cr0") & (CR0_PE | CR0_PG) == CR0_PE
    assert said.number("cr4") == 0
    assert not said.number("eflags") & (EFLAGS_IF | EFLAGS_VM)
    assert said.number("cs") != said.number("ds")
    assert len({said.number(name) for name in ("ds", "es", "fs", "gs", "ss")}) == 1


def test_a20_is_on(said):
    assert said.number("a20") == 0x11111111


def test_memory(said):
    assert said.number("flags") & FLAG_MEMORY and said.number("flags") & FLAG_MAP
    assert 600 <= said.number("mem_lower") <= 640
    assert said.number("mem_upper") == (MEMORY - MIB) // 1024


def test_memory_map(said):
    entries = said.memory_map()
    assert sorted(entries) == entries
    for (base, length, _), (following, _, _) in zip(entries, entries[1:]):
        assert length and base + length <= following
    assert (MIB, MEMORY - MIB, RAM) in entries
    assert sum(length for base, length, kind in entries if kind == RAM and base < MIB) == \
        said.number("mem_lower") * 1024
    # The RAM below 1 MiB that holds ACPI's tables is not offered as free.
    assert any(base <= 0xe0000 < base + length and kind == RESERVED
               for base, length, kind in entries)
    # The information itself lies in memory that the map has.
    assert any(base <= said.number("info") < base + length and kind == RAM
               for base, length, kind in entries)


def test_command_line(vm, said):
    assert said.number("flags") & FLAG_CMDLINE
    assert said.all("cmdline") == [CMDLINE if vm == "full" else ""]


def test_modules(vm, said):
    count = said.number("modules") if said.number("flags") & FLAG_MODULES else 0
    assert count == (1 if vm == "full" else 0)
    if not count:
        return
    start, end = said.number("module_start"), said.number("module_end")
    assert start % 4096 == 0 and end - start == len(MODULE) and end <= MEMORY
    assert said.all("module_cmdline") == ["module.bin"]
    assert said.number("module_sum") == \
        sum(place * byte for place, byte in enumerate(MODULE, 1)) & 0xffffffff
