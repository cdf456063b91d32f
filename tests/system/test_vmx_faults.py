# SPDX-License-Identifier: BSD-2-Clause
"""Processors under Bochs that cannot run guests, or whose firmware forbids it: the node
says what is missing, does the rest, and stays reachable."""

import re

import pytest
from labkit import bochs

# What the firmware writes to IA32_FEATURE_CONTROL, on the first processor and (with an
# operand size prefix) on the others: or eax, 5; wrmsr. Bit 0 locks, bit 2 is for VMX.
ALLOWS_VMX = bytes.fromhex("83c8050f30")
LOCKS_VMX_OFF = bytes.fromhex("83c8010f30")
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
    path.write_text("".join(machine_line(model) for model in LACKING) + "caisson 1\n"
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
