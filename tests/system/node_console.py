# SPDX-License-Identifier: BSD-2-Clause
"""A node's console kept open for many commands, and guests as it shows them."""

import contextlib
import json
import os
import re
import time

from labkit import serial

POLL_S = 0.05
WAIT_S = 120


class NodeConsole:
    """The serial line of `node` in a lab that is up; use it in a with statement."""

    def __init__(self, lab, node):
        self.lab = lab
        self.name = node
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        path = os.path.join(self.lab.directory, self.name, "serial.sock")
        self.port = self.stack.enter_context(serial.Port(path, self.name))
        self.node = serial.Node(self.port, self.name)
        return self

    def __exit__(self, *_):
        self.stack.close()

    def ask(self, command):
        """What the node prints, also when it rejects the command."""
        return self.node.command(command, WAIT_S)

    def do(self, command):
        """For commands that print something only when they fail."""
        said = self.ask(command)
        assert not said.strip(), f"{command}: {said}"

    def vm(self, name):
        return json.loads(self.ask(f"show vm {name} json"))[0]

    def show_node(self):
        return json.loads(self.ask("show node json"))

    def output(self, vm):
        """What a guest has printed so far."""
        return self.ask(f"console log {vm}")

    def log(self):
        return self.lab.serial_log(self.name).replace("\r", "")

    def listen(self, seconds):
        """Passes the time, reading: a serial line that nobody empties loses output."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.port.receive(deadline - time.monotonic())

    def wait(self, what, condition, timeout=WAIT_S):
        """The first true value of condition(), with the log's tail if there is none."""
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                tail = "\n".join(self.log().splitlines()[-30:])
                raise AssertionError(f"not within {timeout} s: {what}\n{tail}")
            self.listen(POLL_S)

    def wait_state(self, vm, *states, timeout=WAIT_S):
        return self.wait(f"{vm} is {' or '.join(states)}",
                         lambda: (lambda now: now if now["state"] in states else None)(self.vm(vm)),
                         timeout)

    def wait_output(self, vm, pattern, timeout=WAIT_S):
        return self.wait(f"{vm} prints {pattern}",
                         lambda: re.search(pattern, self.output(vm)), timeout)
