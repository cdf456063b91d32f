# SPDX-License-Identifier: BSD-2-Clause
"""Programs that tools/run-tests runs, in several threads, and their end."""

import os
import re
import signal
import subprocess
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KILL_AFTER_S = 20


class Interrupted(Exception):
    """A signal asked for the end."""


def clean_environment():
    """Ours without make's job server, which reaches no grandchild of make."""
    environment = dict(os.environ)
    flags = environment.get("MAKEFLAGS", "")
    environment["MAKEFLAGS"] = re.sub(r"(^|\s)-j\d*(?=\s|$)|--jobserver\S+", " ", flags).strip()
    environment.pop("MFLAGS", None)
    environment.pop("MAKELEVEL", None)
    return environment


class Process:
    """A program with the processes it starts. All are ended when it is done."""

    running = set()
    no_more = False  # an interrupt: nothing is started any more
    lock = threading.Lock()

    def __init__(self, arguments, environment=None):
        with self.lock:
            if self.no_more:
                raise Interrupted()
            self.start(arguments, environment)
            self.running.add(self)

    @classmethod
    def end_all(cls):
        """Those of all threads; pytest then ends its labs."""
        with cls.lock:
            cls.no_more = True
            for process in cls.running:
                process.end(signal.SIGINT)

    def start(self, arguments, environment):
        self.child = subprocess.Popen(
            arguments, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
            env={**clean_environment(), **(environment or {})})
        self.timed_out = False

    def end(self, how):
        try:
            os.killpg(self.child.pid, how)
        except ProcessLookupError:
            pass

    def on_timeout(self):
        self.timed_out = True
        self.end(signal.SIGINT)  # pytest then ends its labs
        self.killer = threading.Timer(KILL_AFTER_S, self.end, [signal.SIGKILL])
        self.killer.daemon = True
        self.killer.start()

    def run(self, timeout, each_line=None):
        """(exit status, output); the status is None when its time was up."""
        lines = []
        timer = threading.Timer(timeout, self.on_timeout)
        timer.daemon = True
        timer.start()
        try:
            for line in self.child.stdout:
                lines.append(line)
                if each_line:
                    each_line(line.rstrip("\n"))
            status = self.child.wait()
        except BaseException:
            self.end(signal.SIGINT)
            try:
                self.child.wait(KILL_AFTER_S)
            except subprocess.TimeoutExpired:
                pass
            raise
        finally:
            timer.cancel()
            self.end(signal.SIGKILL)
            with self.lock:
                self.running.discard(self)
        return (None if self.timed_out else status), "".join(lines)


def why(status, timeout):
    if status is None:
        return f"no end after {timeout} s"
    return f"ended by signal {-status}" if status < 0 else f"exit status {status}"
