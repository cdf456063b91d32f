# SPDX-License-Identifier: BSD-2-Clause
"""What the system tests share. State and logs of each lab stay in build/test/LAB."""

import importlib
import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = os.path.join(ROOT, "tools")
sys.path.insert(0, TOOLS)
sys.dont_write_bytecode = True

IMAGE = os.path.join(ROOT, "build/caisson.elf")
UP_TIMEOUT_S = 900
ANSWER_TIMEOUT_S = 120


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
        done = self.tool("sh", "--timeout", str(timeout), target, command, timeout=timeout)
        return done.returncode, done.stdout + done.stderr

    def ctl(self, node, command):
        done = self.tool("ctl", "--timeout", str(ANSWER_TIMEOUT_S), node, command,
                         timeout=ANSWER_TIMEOUT_S)
        assert done.returncode == 0, f"{node}: {command}: {done.stdout}{done.stderr}"
        return done.stdout

    def serial_log(self, machine):
        with open(os.path.join(self.directory, machine, "serial.log"), encoding="utf-8",
                  errors="replace") as f:
            return f.read()

    def capture(self, wire):
        """A scapy packet list of what crossed a wire."""
        # Loaded here: the layers make a second's start-up, and few tests need them.
        importlib.import_module("scapy.layers.inet")
        scapy = importlib.import_module("scapy.utils")
        path = os.path.join(self.directory, f"{wire}.copy.pcap")
        done = self.tool("wire", wire, path)
        assert done.returncode == 0, done.stderr
        return scapy.rdpcap(path)


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
