# SPDX-License-Identifier: BSD-2-Clause
"""Each example is booted by some test; here are those that have nothing more to show than
what all have to. Their pictures are in their first lines."""

import glob
import os

import examplekit
import nskit
import pytest
from conftest import ROOT

LABS = ["star", "nat", "vxlan", "login"]
# Booted in a smaller form, mixed.lab: a guest of Bochs takes a minute.
TWINS = {"pair-vmx", "pair-mixed"}


@pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))
@pytest.mark.parametrize("name", LABS)
def test_as_every_example(name, bring_up, hypervisor):
    lab = bring_up(f"examples/{name}.lab")
    try:
        examplekit.check(lab)
    finally:
        lab.tool("down")


def test_none_is_forgotten():
    there = {os.path.splitext(os.path.basename(path))[0]
             for path in glob.glob(os.path.join(ROOT, "examples/*.lab"))}
    tests = ""
    for path in glob.glob(os.path.join(ROOT, "tests/system/test_*.py")):
        with open(path, encoding="utf-8") as f:
            text = f.read()
            tests += text if "examplekit.check(" in text else ""
    assert [name for name in sorted(there - TWINS - set(LABS))
            if f'bring_up("examples/{name}.lab")' not in tests] == []
