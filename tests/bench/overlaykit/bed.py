# SPDX-License-Identifier: BSD-2-Clause
"""The lab with all ways, and what is asked of it. Machines that are not being measured are
stopped, clocks and all, so that they take nothing from the others."""

import contextlib
import json
import os
import re
import subprocess
import time

from labkit import machine as machines
from labkit import qmp, serial, state as states
from labkit.errors import ToolError
from overlaykit import nested

LOCK_TIMEOUT_S = 60
NODE_TIMEOUT_S = 120
SHELL_TRIES = 3
REACH_S = 60


class Bed:
    """`directory` keeps the lab's state and logs."""

    def __init__(self, root, directory, image, timeout):
        self.root = root
        self.directory = directory
        self.image = image
        self.timeout = timeout
        self.state = None
        self.running = None
        self.mtus = {}
        self.hosts = set()  # machines with a guest of Linux' KVM

    def _lab(self, command, *arguments):
        done = subprocess.run([os.path.join(self.root, "tools/lab"), command, "--dir",
                               self.directory, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolError(f"lab {command}: exit status {done.returncode}\n"
                            f"{done.stdout}{done.stderr}".rstrip())
        return done.stdout

    def _boot(self, path, say):
        """`lab up`, whose progress is told as it comes."""
        command = [os.path.join(self.root, "tools/lab"), "up", "--dir", self.directory,
                   "--timeout", str(self.timeout), "--image", self.image, path]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as process:
            lines = []
            for line in process.stdout:
                lines.append(line)
                told = re.match(r"lab: +[\d.]+ s  (\S+: (?:shell|node up).*)", line)
                if told:
                    say(told[1])
        if process.returncode:
            raise ToolError(f"lab up: exit status {process.returncode}\n{''.join(lines)}".rstrip())

    def up(self, text, say):
        """Boots what a .lab file's text says; then everything is stopped."""
        with contextlib.suppress(ToolError):
            self._lab("down")  # of a run that was killed
        path = self.directory + ".lab"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        self._boot(path, say)
        self.state = states.State(self.directory).load()
        self.running = set(self.state.machines)
        self.only(())

    def down(self):
        self.state = None
        self._lab("down")

    def only(self, names):
        """These machines run, all others stand still. One that has ended is no way's business
        but its own."""
        wanted = set(names)
        for word, which in (("stop", self.running - wanted), ("cont", wanted - self.running)):
            for name in filter(self.state.alive, which):
                qmp.command(self.state.path(name, machines.QMP_SOCKET), name, word)
        self.running = wanted

    @contextlib.contextmanager
    def _port(self, name, what):
        if not self.state.alive(name):
            raise ToolError(f"{name} is not running any more; last lines of its log:\n"
                            + states.tail(self.state.path(name, machines.SERIAL_LOG)))
        with self.state.locked(name, LOCK_TIMEOUT_S, what), \
                serial.Port(self.state.path(name, machines.SERIAL_SOCKET), name) as port:
            yield port

    def sh(self, target, command, timeout=120):
        """(output, exit status) of a command on a plain machine or in a guest. A shell that
        is slow to answer is asked again; a command that has begun is not begun again."""
        name, _, guest = target.partition("/")
        for attempt in range(1, SHELL_TRIES + 1):
            try:
                with self._port(name, "sh") as port, contextlib.ExitStack() as stack:
                    if guest:
                        console = nested.Host(port, name) if name in self.hosts else \
                            serial.Node(port, name)
                        console.attach(guest)
                        stack.callback(console.detach)
                    return serial.Shell(port, target).run(command, timeout)
            except serial.Timeout as error:
                if attempt == SHELL_TRIES or error.status == serial.ENDED_BY_TIMEOUT:
                    raise
        return None

    def check(self, target, command, timeout=120):
        """Its output; it must succeed."""
        output, status = self.sh(target, command, timeout)
        if status:
            raise ToolError(f"{target}: {command}: exit status {status}\n{output.strip()}")
        return output

    def clock(self, target):
        """(this host's clock, that one's) in seconds. Linux measures its TSC when it boots, and
        on a busy host an emulated one may be measured wrongly, by far."""
        told = float(self.check(target, "cat /proc/uptime").split()[0])
        return time.monotonic(), told

    def ctl(self, node, statement):
        with self._port(node, "ctl") as port:
            answer = serial.Node(port, node).command(statement, NODE_TIMEOUT_S)
        if serial.REJECTED.search(answer):
            raise ToolError(f"{node}: {statement}: {answer.strip()}")
        return answer

    def show(self, node, what):
        """A node's `show WHAT json`."""
        answer = self.ctl(node, f"show {what} json")
        try:
            return json.loads(answer)
        except ValueError as error:
            raise ToolError(f"{node}: show {what} json gave no JSON ({error}): "
                            f"{answer[:200]}") from None

    def begin(self, way):
        """Lets a way's machines run, and only those, with its overlay or dispatch mode."""
        self.only(way.machines)
        for host in way.machines if way.nested else ():
            self.check(host, f"nested way {way.nested}")
        if way.mode:
            for node in way.nodes:
                self.ctl(node, f"interface set g1.eth0 mode {way.mode}")

    def set_mtu(self, way, mtu):
        """At both ends; a NIC may lose its link over it. Gives what it is now."""
        mtu = min(mtu, way.mtu_most)
        if self.mtus.get(way.machines) != mtu:
            for host in way.machines if way.nested else ():
                self.check(host, f"nested mtu {mtu}")
            for end in way.ends:
                self.check(end, f"ip link set eth0 mtu {mtu}")
            self.reach(way)
            self.mtus[way.machines] = mtu
        return mtu

    def reach(self, way):
        self.check(way.ends[0], f"i=0; until ping -q -c 1 -W 1 {way.peer} >/dev/null; do "
                   f"i=$((i+1)); [ $i -lt {REACH_S} ] || exit 1; done", REACH_S * 3)

    def start_nested(self, way):
        """Starts the guests of Linux' KVM at both ends, and waits for them."""
        self.only(way.machines)
        self.hosts |= set(way.machines)
        for number, host in enumerate(way.machines, 1):
            other = f"{nested.underlay(way.peer)}.{3 - number}"
            self.check(host, f"nested up {other} {nested.overlay(way.peer)}.{number}/24 {number}")
        self.await_nested(way)

    def await_nested(self, way):
        deadline = time.monotonic() + self.timeout
        for end in way.ends:
            while True:
                try:
                    self.check(end, "true")
                    break
                except ToolError:
                    # It boots still, or it has ended, which fails.
                    self.check(end.partition("/")[0], "nested status")
                    if time.monotonic() > deadline:
                        raise

    def restart_nested(self, way):
        """After a guest has died: both anew. KVM's guests die at times on an emulated SVM."""
        for host in way.machines:
            self.check(host, "nested restart")
        self.mtus.pop(way.machines, None)
        self.await_nested(way)

    def well(self, way):
        """Whether both ends answer, and one reaches the other."""
        try:
            self.check(way.ends[1], "true")
            self.check(way.ends[0], f"ping -q -c 5 -W 5 {way.peer}")
        except ToolError:
            return False
        return True

    def unbalanced(self, way):
        """Nodes whose frames do not add up, with what they say."""
        found = []
        for node in way.nodes:
            total = self.show(node, "stats")["sum"]
            if not total["balanced"]:
                found.append(f"{node}: frames are not accounted for: {total}")
        return found
