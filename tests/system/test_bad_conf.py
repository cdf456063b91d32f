# SPDX-License-Identifier: BSD-2-Clause
"""examples/bad.conf: each mistake is told with its line, and what is right still works."""

import os
import re

import pytest
from conftest import ROOT

EXAMPLE = "examples/bad.conf"


def mistakes():
    """Line numbers with a mistake: those with a remark, and what follows from them."""
    with open(os.path.join(ROOT, EXAMPLE), encoding="utf-8") as f:
        lines = f.read().splitlines()
    section = next(at for at, line in enumerate(lines) if line.startswith("node "))
    return [number for number, line in enumerate(lines, 1) if number > section + 1
            and (" # " in line or "a quote" in line or re.match(r"  vm start g[239]", line))]


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    return bring_up(EXAMPLE, "--no-guests")


@pytest.fixture(scope="module")
def told(lab):
    log = lab.serial_log("alpha")
    return {int(number): text for number, text in
            re.findall(r"error config: node\.conf:(\d+):(.*)", log.replace("\r", ""))}


def test_every_mistake_is_told_and_nothing_else(told):
    assert sorted(told) == mistakes()


@pytest.mark.parametrize("text", [
    'unknown word "adress" (did you mean "address"?)', '"10.0.0.300"', '"no-such-module"',
    "memory", "no bzImage", "core 63", "quote", '"delta"',
    'unknown word "rout" (did you mean "route"?)'])
def test_the_message_names_the_thing(told, text):
    assert any(text in message for message in told.values())


def test_the_node_is_degraded_and_says_so(lab):
    assert "degraded" in lab.ctl("alpha", "show node").splitlines()[0].lower()


def test_the_right_guest_comes_up(lab):
    # The ready line can be long in coming; the shell answers when it is there.
    for _ in range(10):
        status, output = lab.sh("alpha/g1", "hostname")
        if status == 0:
            break
    assert (status, output) == (0, "g1\n")
