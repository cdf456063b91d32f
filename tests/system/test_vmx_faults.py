# SPDX-License-Identifier: BSD-2-Clause
"""Processors under Bochs that cannot run guests, or whose firmware forbids it: the node
says what is missing, does the rest, and stays reachable. And one that can, with guests
that misbehave: VT-x tells of them as SVM does (test_guest_faults.py)."""

import os
import re
import select
import time

import pytest
from labkit import bochs, iso
from node_console import NodeConsole
from test_guest_faults import CRASHES, check_report, report

# What the firmware writes to IA32_FEATURE_CONTROL, on the first processor and (with an
# operand size prefix) on the others: or eax, 5; wrmsr. Bit 0 locks, bit 2 is for VMX.
ALLOWS_VMX = bytes.fromhex("83c8050f30")
LOCKS_VMX_OFF = bytes.fromhex("83c8010f30")
# How the node's entry sets CR4, mov eax, cr4; or eax, 20h (PAE); mov cr4, eax, and what is as
# if VMX had been on before: mov eax, 2020h; nop; mov cr4, eax. (GRUB clears CR4.)
SETS_CR4 = bytes.fromhex("0f20e083c8200f22e0")
LEAVES_VMX_ON = bytes.fromhex("b820200000900f22e0")
# What the model lacks, in the words of the node.
LOCKED = "locked_firmware"
LACKING = {
    "core2_penryn_t9600": "svm: the processor has no SVM; vmx: no EPT",
    "corei5_lynnfield_750": "vmx: no unrestricted guest",
    "p4_prescott_celeron_336": "vmx: the processor has no VT-x",
    LOCKED: "vmx: VT-x is locked off by the firmware (IA32_FEATURE_CONTROL)",
    "turion64_tyler": "svm: SVM has no nested paging; vmx: the processor has no VT-x",
}
NODE = """\
node {name}
  uplink add 0 address 10.0.0.1/24
  vm add g1 memory 16M kernel bad-guest.elf
"""
# The one that can: a neighbour that counts, beside one that misbehaves.
ABLE = """\
machine able backend vmx cores 1 memory 128M wait node
caisson 1
node able
  vm add good memory 16M kernel bad-guest.elf cmdline "count 1"
  vm start good
"""
PATIENCE_S = 600
# Of its optional abilities; Bochs has no posted interrupts.
STATES = {
    "used": ("unrestricted-guest", "vpid", "ept-2m-pages", "preemption-timer",
             "interrupt-delivery", "ack-exit"),
    "unused": ("hold-requests", "vmcs-shadowing"),
    "absent": ("posted-interrupts", "page-log"),
}


def name_of(model):
    return model.replace("_", "-")


def machine_line(model):
    what = "firmware locked.bin" if model == LOCKED else f"model {model}"
    return f"machine {name_of(model)} backend vmx {what} cores 1 memory 64M wait node\n"


@pytest.fixture(scope="module", name="lab")
def running_lab(tmp_path_factory, bring_up, hypervisor):
    path = tmp_path_factory.mktemp("vmx-lacking") / "vmx-lacking.lab"
    with open(bochs.FIRMWARE, "rb") as f:
        image = f.read()
    assert image.count(ALLOWS_VMX) == 2
    (path.parent / "locked.bin").write_bytes(image.replace(ALLOWS_VMX, LOCKS_VMX_OFF))
    path.write_text("".join(machine_line(model) for model in LACKING) + ABLE
                    + "".join(NODE.format(name=name_of(model)) for model in LACKING))
    return bring_up(str(path))


@pytest.mark.parametrize("model, why", LACKING.items())
def test_the_node_says_what_its_processor_lacks(lab, model, why):
    node = name_of(model)
    shown = lab.ctl(node, "show node").splitlines()
    assert re.match(rf"{node}: DEGRADED, 2 errors; the first: this processor cannot run guests: ",
                    shown[0]) and why in shown[0]
    log = lab.ctl(node, "show log")
    assert len(re.findall(r"\] error ", log)) == 2
    assert "this node cannot run guests (see the log)" in log
    assert "10.0.0.1" in lab.ctl(node, "show uplink")


def test_vmx_that_is_on_already_is_told(tmp_path, hypervisor):
    with open(hypervisor, "rb") as f:
        image = f.read()
    assert image.count(SETS_CR4) == 1
    (tmp_path / "on.elf").write_bytes(image.replace(SETS_CR4, LEAVES_VMX_ON))
    (tmp_path / "node.conf").write_text("caisson 1\n")
    iso.caisson(str(tmp_path), str(tmp_path / "on.elf"), "",
                [("node.conf", str(tmp_path / "node.conf"))])
    machine = bochs.Bochs(str(tmp_path), bochs.MODELS["vmx"], memory=64)
    said, end = b"", time.monotonic() + PATIENCE_S
    try:
        while b"ready in" not in said and machine.tend() and time.monotonic() < end:
            if select.select([machine.serial], [], [], 0.5)[0]:
                said += os.read(machine.serial, 65536)
    finally:
        machine.stop()
    assert b"vmx: VMX is on already: what started this node left it so (CR4.VMXE)" in said, said


@pytest.fixture(name="node")
def console(lab):
    with NodeConsole(lab, "able") as node:
        yield node


@pytest.mark.parametrize("case", CRASHES)
def test_a_crash_under_vtx_is_reported_and_the_neighbour_goes_on(node, case):
    before = node.vm("good")["exits"]
    node.do(f'vm add bad memory 16M kernel bad-guest.elf cmdline "{case}"')
    node.do("vm start bad")
    node.wait(f"{case} is over", lambda: node.vm("bad")["crashes"], PATIENCE_S)
    assert re.search(CRASHES[case], node.vm("bad")["reason"])
    check_report(report(node), CRASHES[case])
    node.do("vm del bad force")
    node.wait("the neighbour goes on", lambda: node.vm("good")["exits"] > before, PATIENCE_S)
    assert (node.vm("good")["state"], node.vm("good")["crashes"]) == ("running", 0)


def test_show_node_tells_used_unused_and_absent_apart(node):
    shown = node.show_node()
    assert shown["backend"] == "vmx" and "i7-4770" in shown["cpu"]["brand"]
    features = {feature["name"]: feature for feature in shown["features"]}
    table = node.ask("show node")
    for state, names in STATES.items():
        for name in names:
            assert features[name]["state"] == state, features[name]
            assert (features[name]["note"] == "") == (state == "used"), features[name]
            assert re.search(rf"^  {name} +{state}\b", table, re.MULTILINE)
