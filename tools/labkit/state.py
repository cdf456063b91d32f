# SPDX-License-Identifier: BSD-2-Clause
"""The state directory of a running lab: state.json, and a directory for each
machine with its sockets, logs and captures.

A process counts as ours only while its id, its start time and its command line
are those noted when it was started: ids are used again."""

import contextlib
import fcntl
import json
import os
import signal
import time

from labkit import host
from labkit.errors import ToolError, usage_error

STATE = "state.json"
TERM_WAIT_S = 20.0
EXEC_WAIT_S = 10.0


def process_start(pid):
    """Start time of a live process in clock ticks since boot; None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    # proc(5): field 3 is the state, field 22 the start time; Z has ended already.
    return None if fields[0] in "ZX" else int(fields[19])


def process_command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def process_alive(entry):
    """Whether what was noted of a process is running still."""
    pid = entry.get("pid")
    return bool(pid) and process_start(pid) == entry["start"] and \
        entry["tag"] in process_command(pid)


def end_process(entry, how):
    try:
        os.kill(entry["pid"], how)
    except PermissionError:
        raise ToolError("this lab is another user's (sudo?)") from None


class State:
    """`data` is what state.json holds; save() after changing it."""

    def __init__(self, directory):
        self.directory = os.path.abspath(directory)
        self.data = {"name": os.path.basename(self.directory), "machines": {}, "wires": {},
                     "switches": {}}

    @property
    def machines(self):
        return self.data["machines"]

    @property
    def switches(self):
        """Processes behind wires, by the wire's name."""
        return self.data["switches"]

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def save(self):
        with open(self.path(STATE + ".new"), "w", encoding="utf-8") as f:
            json.dump(self.data, f, indent=1)
        os.replace(self.path(STATE + ".new"), self.path(STATE))

    def load(self):
        try:
            with open(self.path(STATE), encoding="utf-8") as f:
                self.data = json.load(f)
        except FileNotFoundError:
            raise usage_error(f"no lab is up in {os.path.relpath(self.directory)}") from None
        return self

    def exists(self):
        return os.path.exists(self.path(STATE))

    def alive(self, name):
        machine = self.machines[name]
        if "netns" in machine and "pid" not in machine:
            return host.exists(machine["netns"])
        return process_alive(machine)

    def anything_alive(self):
        return any(self.alive(name) for name in self.machines) or \
            any(process_alive(entry) for entry in self.switches.values())

    def note_process(self, entry, pid, tag):
        """Call right after the start: until then nobody knows of the process."""
        entry.update(pid=pid, start=process_start(pid), tag=tag)
        self.save()
        # A program's command line can be read a moment after it was started.
        deadline = time.monotonic() + EXEC_WAIT_S
        while process_start(pid) and not process_alive(entry) and time.monotonic() < deadline:
            time.sleep(0.001)

    def stop(self):
        """Ends what is running of this lab, gently first. Gives the machines ended."""
        ended = [name for name in self.machines if self.alive(name)]
        entries = {**self.machines, **{f"wire {name}": e for name, e in self.switches.items()}}
        running = {name: entry for name, entry in entries.items() if process_alive(entry)}
        for how in (signal.SIGTERM, signal.SIGKILL):
            for entry in running.values():
                if process_alive(entry):
                    with contextlib.suppress(ProcessLookupError):
                        end_process(entry, how)
            deadline = time.monotonic() + TERM_WAIT_S
            while any(map(process_alive, running.values())) and time.monotonic() < deadline:
                reap()
                time.sleep(0.02)
        left = [name for name, entry in running.items() if process_alive(entry)]
        if left:
            raise ToolError(f"still running after SIGKILL: {', '.join(left)}")
        for machine in self.machines.values():
            if "netns" in machine:
                host.delete(machine["netns"])
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(STATE))
        return ended

    @contextlib.contextmanager
    def locked(self, name, timeout, what):
        """One user at a time of a machine's serial line; others queue up."""
        deadline = time.monotonic() + timeout
        with open(self.path(name, "serial.lock"), "w", encoding="ascii") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise ToolError(f"{what}: somebody else has kept the serial line of "
                                        f"{name} for {timeout:.0f} s") from None
                    time.sleep(0.05)
            yield


def reap():
    """Collects children that have ended, so that they do not stay as zombies."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def find(root, directory=None):
    """The state of the lab that a command is about: the one in `directory`, or
    the only one below `root`."""
    if directory:
        return State(directory).load()
    found = []
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(root)):
            state = State(os.path.join(root, name))
            if state.exists():
                found.append(state)
    if not found:
        raise usage_error("no lab is up (tools/lab up FILE starts one)")
    if len(found) > 1:
        shown = ", ".join(os.path.relpath(state.directory) for state in found)
        raise usage_error(f"several labs are up; say which with --dir: {shown}")
    return found[0].load()


def tail(path, lines=30):
    """The last lines of a log file."""
    try:
        with open(path, "rb") as f:
            f.seek(0, os.SEEK_END)
            f.seek(max(0, f.tell() - 200 * lines))
            return last_lines(f.read(), lines)
    except OSError:
        return ""


def last_lines(data, lines=30):
    """The last lines of what came over a serial line, fit to be shown."""
    text = data.decode(errors="replace").replace("\r", "").replace("\x1b", "")
    return "\n".join(text.rstrip().split("\n")[-lines:])
