# SPDX-License-Identifier: BSD-2-Clause
"""What the system tests share. State and logs of each lab stay in build/test/LAB."""

import importlib
import importlib.machinery
import importlib.util
import json
import os
import signal
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = os.path.join(ROOT, "tools")
sys.path.insert(0, TOOLS)
sys.dont_write_bytecode = True

from labkit import pcap  # noqa: E402
from labkit import state as states  # noqa: E402
from labkit.errors import ToolError  # noqa: E402
from waitkit import wait_for  # noqa: E402

# What a shell runs in the background ignores it, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

IMAGE = os.path.join(ROOT, "build/caisson.elf")
UP_TIMEOUT_S = 900
ANSWER_TIMEOUT_S = 120


def load_tool(name):
    """One of tools/ as a module: what is asked for a thousand times needs no process each time."""
    loader = importlib.machinery.SourceFileLoader(f"{name}_tool", os.path.join(TOOLS, name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


lab_tool = load_tool("lab")


class RunningLab:
    """A lab that is up. Everything goes through tools/lab, as a user would do it."""

    def __init__(self, directory):
        self.directory = directory

    def tool(self, *arguments, timeout=60):
        return subprocess.run([os.path.join(TOOLS, "lab"), *arguments[:1], "--dir", self.directory,
                               *arguments[1:]], capture_output=True, text=True, check=False,
                              timeout=timeout + 30, stdin=subprocess.DEVNULL)

    def sh(self, target, command, timeout=60):
        """(exit status, output) of a command in a guest."""
        try:
            return lab_tool.run_shell(self.state(), target, command, timeout)
        except ToolError as error:
            said = getattr(error, "output", "")
            return error.status, f"{said}lab: {error}\n{self._what_became_of(target)}"

    def _what_became_of(self, target):
        """What the node says of a guest that did not do as it was told."""
        node, _, guest = target.partition("/")
        try:
            return self.ctl(node, f"show vm {guest}") if guest else ""
        except AssertionError as error:
            return f"{error}\n"

    def ctl(self, node, command):
        try:
            status, answer = lab_tool.ask_node(self.state(), node, command, ANSWER_TIMEOUT_S)
        except ToolError as error:
            status, answer = error.status, f"lab: {error}\n"
        assert status == 0, f"{node}: {command}: {answer}"
        return answer

    def every_frame_has_an_end(self, *nodes):
        """Received, it was delivered or dropped: once no core of the node is in the middle of
        one, whose counters another core reads."""
        for node in nodes:
            wait_for(lambda node=node: json.loads(self.ctl(node, "show stats json"))
                     ["sum"]["balanced"], f"{node}: every frame has an end")

    def state(self):
        return states.State(self.directory).load()

    def serial_log(self, machine):
        with open(os.path.join(self.directory, machine, "serial.log"), encoding="utf-8",
                  errors="replace") as f:
            return f.read()

    def capture(self, wire, mark=b""):
        """Scapy's packets of what crossed a wire with these bytes in it."""
        # Loaded here: the layers make a second's start-up, and few tests need them.
        importlib.import_module("scapy.layers.inet")
        ether = importlib.import_module("scapy.layers.l2").Ether
        path = os.path.join(self.directory, f"{wire}.copy.pcap")
        done = self.tool("wire", wire, path)
        assert done.returncode == 0, done.stderr
        with open(path, "rb") as f:
            data = f.read()
        frames = (data[start + pcap.RECORD.size:end] for start, end in pcap.records(data))
        return [ether(frame) for frame in frames if mark in frame]


@pytest.fixture(scope="session")
def guest_images():
    subprocess.run([os.path.join(TOOLS, "mkguest"), "--quiet"], check=True)


@pytest.fixture(scope="session")
def hypervisor():
    if not os.path.exists(IMAGE):
        pytest.fail("there is no build/caisson.elf: run make first")
    return IMAGE


@pytest.fixture(scope="module")
def bring_up(guest_images):
    """bring_up(FILE, OPTION...) starts a lab; all are ended when the module's tests are done."""
    labs = []

    def up(path, *options):
        name = os.path.splitext(os.path.basename(path))[0]
        lab = RunningLab(os.path.join(ROOT, "build/test", name))
        lab.tool("down")  # of a run that was killed
        labs.append(lab)
        done = lab.tool("up", "--timeout", str(UP_TIMEOUT_S), *options,
                        os.path.join(ROOT, path), timeout=2 * UP_TIMEOUT_S)
        assert done.returncode == 0, done.stdout + done.stderr
        return lab

    yield up
    for lab in labs:
        lab.tool("down")
