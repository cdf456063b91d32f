# SPDX-License-Identifier: BSD-2-Clause
"""Debian's installer, as shipped, comes up to its first screen on a guest's serial
line, seen through "console attach". It wants 1 GiB: below that its first screen is
the one about low memory."""

import os
import re
import subprocess

import pytest
from conftest import TOOLS
from labkit.errors import ToolError
from node_console import NodeConsole

CMDLINE = "console=ttyS0 TERM=linux mitigations=off"
LAB = f"""\
machine alpha cores 2 memory 2G nic none boot kernel
caisson 1
node alpha mac 52:54:00:00:00:01
  vm add inst memory 1G core 1 kernel vmlinuz-installer initrd initrd-installer.gz \
cmdline "{CMDLINE}"
"""
UP_S = 900
ANSWER_S = 300


@pytest.fixture(scope="module")
def node(tmp_path_factory, bring_up, hypervisor):
    done = subprocess.run([os.path.join(TOOLS, "mkguest"), "--quiet", "--installer", "amd64"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path = tmp_path_factory.mktemp("installer") / "installer.lab"
    path.write_text(LAB)
    with NodeConsole(bring_up(str(path), "--no-guests"), "alpha") as console:
        yield console


def expect(node, text, timeout):
    try:
        node.port.expect(re.escape(text.encode()), timeout)
    except ToolError as error:
        pytest.fail(f"{text}: {error}\n{node.log()[-2000:]}")


def test_the_first_screens(node):
    node.do("vm start inst")
    node.node.attach("inst")
    expect(node, "Select a language", UP_S)
    expect(node, "activates buttons", ANSWER_S)
    # What is typed arrives: the next screen follows.
    node.port.send(b"\r")
    expect(node, "Select your location", ANSWER_S)
    node.node.detach()


def test_its_kernel_likes_the_machine(node):
    said = node.output("inst")
    assert "x2apic enabled" in said and "Switched to clocksource kvm-clock" in said
    assert "unchecked MSR access" not in said and "Oops" not in said


def test_it_can_be_stopped_there(node):
    node.do("vm stop inst")
    assert node.wait_state("inst", "stopped")["crashes"] == 0
