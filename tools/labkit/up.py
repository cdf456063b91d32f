# SPDX-License-Identifier: BSD-2-Clause
"""Bringing a lab up: all of it, or nothing of it stays."""

import contextlib
import os
import re
import shutil
import signal
import time

from labkit import bochs, host
from labkit import machine as machines
from labkit import serial
from labkit import state as states
from labkit.errors import ToolError, usage_error

READY = re.compile(rb"caisson-guest: (\S+) ready")
POLL_S = 0.1
QUIET_S = 15.0


class Interrupted(Exception):
    pass


class Signals:
    """Turns the signals that end a program into Interrupted, except within hold()."""

    def __init__(self):
        self.held = False
        self.pending = False

    def __enter__(self):
        self.before = {number: signal.signal(number, self._arrived)
                       for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        return self

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _arrived(self, *_):
        if self.held:
            self.pending = True
        else:
            raise Interrupted()

    @contextlib.contextmanager
    def hold(self):
        self.held = True
        try:
            yield
        finally:
            self.held = False
        if self.pending:
            self.pending = False
            raise Interrupted()


class GuestWatcher:
    """Waits for a guest's ready line on the node's serial line: attached, so that each
    byte of its boot passes once (the scroll-back is printed for what came before)."""

    def __init__(self, state, node, guest):
        self.state = state
        self.node = node
        self.guest = guest
        self.stack = contextlib.ExitStack()
        self.port = None
        self.attached = False
        self.heard = 0.0

    def ready(self):
        """True once the line was seen; then the watcher is done, and detached."""
        try:
            if not self.port:
                self._open()
            seen = self._listen() if self.attached else self._look_back()
        except ToolError:
            return False  # busy, or just ended: the caller's loop tells which
        if seen:
            self.stack.close()
        return seen

    def _open(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.state.locked(self.node, 1, "up"))
            self.port = stack.enter_context(
                serial.Port(self.state.path(self.node, machines.SERIAL_SOCKET), self.node))
            self.stack = stack.pop_all()

    def _look_back(self):
        console = serial.Node(self.port, self.node)
        if READY.search(console.command(f"console log {self.guest}").encode()):
            return True
        console.attach(self.guest)
        self.attached = True
        self.heard = time.monotonic()
        return False

    def _listen(self):
        before = len(self.port.received)
        self.port.receive_more()
        if READY.search(self.port.received):
            serial.Node(self.port, self.node).detach()
            return True
        if len(self.port.received) > before:
            self.heard = time.monotonic()
        elif time.monotonic() - self.heard > QUIET_S:
            # Perhaps the line came just before the attachment: look back again.
            self.attached = False
        return False


class Up:
    """One run of `lab up`. `say` gets the progress lines, `warn` the warnings."""

    def __init__(self, lab, state, options, say, warn):
        self.lab = lab
        self.state = state
        self.image = options.image
        self.vnetpd = os.path.join(os.path.dirname(options.image), "vnetpd")
        self.guest_dir = options.guest_dir
        self.timeout = options.timeout
        self.no_guests = options.no_guests
        self.say = say
        self.warn = warn
        self.processes = {}  # of emulators, by machine
        self.switches = {}   # by wire
        self.daemons = {}    # vnetpds, by machine
        self.started = {}
        self.watchers = {}

    def run(self):
        self._prepare()
        with Signals() as signals:
            try:
                # Those that are wired together start together; others after them,
                # so that boot times of separate set-ups do not disturb each other.
                for island in self.lab.islands():
                    self._island(island, signals)
            except BaseException:
                with signals.hold():
                    self.state.stop()
                raise

    def _prepare(self):
        if self.state.exists() and self.state.load().anything_alive():
            raise usage_error(f"the lab {self.state.data['name']} is up already "
                              "(tools/lab down ends it)")
        why_not = any(m.on_host for m in self.lab.machines.values()) and host.why_not()
        if why_not:
            names = ", ".join(m.name for m in self.lab.machines.values() if m.on_host)
            raise ToolError(f"{names}: machines with \"backend host\" cannot be had: {why_not}")
        if self.state.exists():
            self.state.stop()  # what a host that went down left
        shutil.rmtree(self.state.directory, ignore_errors=True)
        os.makedirs(self.state.path("wires"))
        self.state.data = {
            "name": os.path.basename(self.state.directory), "file": self.lab.path,
            "wires": {wire.name: list(wire.ends) for wire in self.lab.wires.values()},
            "machines": {}, "switches": {}}
        for machine in self.lab.machines.values():
            os.makedirs(self.state.path(machine.name))
            node = self.lab.nodes.get(machine.name)
            wanted = node.guests if node else []
            if machine.wait == "node" or self.no_guests:
                wanted = []
            self.state.machines[machine.name] = {
                "plain": machine.plain, "guests": {name: None for name in wanted}}
            if machine.on_host:
                self.state.machines[machine.name].update(
                    host="vnetpd" if node else "linux",
                    netns=host.name_of(self.state.directory, machine.name))
        self.state.save()

    def _island(self, island, signals):
        emulated = [machine for machine in island if not machine.on_host]
        boots = {m.name: machines.boot_arguments(self.lab, m, self.state.path(m.name), self.image,
                                                 self.guest_dir, self.warn) for m in emulated}
        with signals.hold():
            self._start_host(island)
        for machine in emulated:
            with signals.hold():
                self.processes[machine.name] = machines.start(self.state, self.lab, machine,
                                                              boots[machine.name])
            self.started[machine.name] = time.monotonic()
        self._wait(emulated)

    def _start_host(self, island):
        """What runs on this host: namespaces, the switches with their devices, vnetpds."""
        here = [machine for machine in island if machine.on_host]
        for machine in here:
            host.create(self.state.machines[machine.name]["netns"])
        for wire in self.lab.wires.values():
            if self.lab.machines[wire.ends[0]] in island and self.lab.is_switched(wire):
                self.switches[wire.name] = machines.start_switch(self.state, self.lab, wire)
        for machine in here:
            self._start_machine_here(machine)

    def _start_machine_here(self, machine):
        note = self.state.machines[machine.name]
        node = self.lab.nodes.get(machine.name)
        macs = [self.lab.mac_of(machine, at) for at, _ in enumerate(self.lab.wires_of(machine))]
        begin = time.monotonic()
        host.wire_up(machine.name, note["netns"], macs, node.address if node else "")
        if node:
            conf = self.state.path(machine.name, "node.conf")
            with open(conf, "w", encoding="utf-8") as f:
                f.write(self.lab.conf)
            process = host.start_vnetpd(self.vnetpd, self.state.path(machine.name), note["netns"],
                                        machine.name, conf)
            self.state.note_process(note, process.pid, conf)
            self._wait_vnetpd(machine.name, process, begin)
        if machine.setup:
            host.set_up(machine.name, note["netns"], machine.setup)
        note["up_s"] = round(time.monotonic() - begin, 2)
        self.say(f"{machine.name}: {note['host']} up {note['up_s']:.1f} s")

    def _wait_vnetpd(self, name, process, begin):
        path = self.state.path(name, host.CONTROL_SOCKET)
        while not host.answers(path, self.timeout):
            if process.poll() is not None or time.monotonic() > begin + self.timeout:
                raise ToolError(f"{name}: its vnetpd did not start:\n"
                                + states.tail(self.state.path(name, host.LOG)))
            time.sleep(POLL_S / 10)
        self.daemons[name] = process

    def _wait(self, waiting):
        deadline = time.monotonic() + self.timeout
        while waiting:
            self._check_alive()
            if time.monotonic() > deadline:
                raise ToolError(self._why(waiting[0].name, "did not come up within "
                                          f"{self.timeout:.0f} s"))
            waiting = [m for m in waiting if not self._ready(m)]
            time.sleep(POLL_S)

    def _check_alive(self):
        for name, process in self.daemons.items():
            if process.poll() is not None:
                raise ToolError(f"{name}: its vnetpd ended:\n"
                                + states.tail(self.state.path(name, host.LOG)))
        for name, process in self.switches.items():
            if process.poll() is not None:
                raise ToolError(f"the wire {name}: its switch ended:\n"
                                + states.tail(self.state.path("wires", f"{name}.log")))
        for name, process in self.processes.items():
            emulator = machines.emulator_of(self.lab.machines[name])
            if process.poll() is not None:
                raise ToolError(self._why(name, f"ended (exit status of {emulator}: "
                                          f"{process.returncode})"))

    def _why(self, name, what):
        """What went wrong, with the last lines of everything that may tell why."""
        parts = [f"{name}: {what}", f"--- {name}: last lines of its serial log ---",
                 states.tail(self.state.path(name, machines.SERIAL_LOG))]
        emulator = machines.emulator_of(self.lab.machines[name])
        first, *others = machines.LOGS[emulator]
        errors = [line for line in states.tail(self.state.path(name, first)).splitlines()[1:]
                  if "warning: TCG doesn't support" not in line]
        for log in others:
            errors += bochs.log_tail(self.state.path(name, log)).splitlines()
        if errors:
            parts += [f"--- {name}: {emulator} ---", *errors]
        return "\n".join(parts)

    def _elapsed(self, name):
        return time.monotonic() - self.started[name]

    def _ready(self, machine):
        note = self.state.machines[machine.name]
        if machine.plain:
            if not READY.search(self._serial_log(machine.name)):
                return False
            note["shell_s"] = round(self._elapsed(machine.name), 2)
            self.say(f"{machine.name}: shell after {note['shell_s']:.1f} s")
        elif "up_s" not in note:
            if f"caisson:{machine.name}> ".encode() not in self._serial_log(machine.name):
                return False
            note["up_s"] = round(self._elapsed(machine.name), 2)
            self.say(f"{machine.name}: node up {note['up_s']:.1f} s")
            return not note["guests"]
        elif not self._guests_ready(machine.name, note):
            return False
        self.state.save()
        return True

    def _guests_ready(self, name, note):
        for guest, ready in note["guests"].items():
            if ready is not None:
                continue
            if (name, guest) not in self.watchers:
                self.watchers[name, guest] = GuestWatcher(self.state, name, guest)
            if not self.watchers[name, guest].ready():
                return False
            note["guests"][guest] = round(self._elapsed(name), 2)
            self.say(f"{name}/{guest}: shell after {note['guests'][guest]:.1f} s")
        return True

    def _serial_log(self, name):
        try:
            with open(self.state.path(name, machines.SERIAL_LOG), "rb") as f:
                return f.read()
        except OSError:
            return b""
