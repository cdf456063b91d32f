# SPDX-License-Identifier: BSD-2-Clause
"""Talking to a machine over its serial line: a node's console (prompt
"caisson:NAME> ") and a guest's shell, also through a node's "console attach".

Other output can come at any time: a node's log lines, a guest's leftovers. So
each request carries a mark made up for it, and only what stands behind the
mark's echo counts as the answer."""

import base64
import os
import re
import secrets
import select
import socket
import time

from labkit.errors import ToolError

DETACH = b"\x1d"  # Ctrl-]
KILL_LINE = b"\x15"  # Ctrl-U
INTERRUPT = b"\x03"  # Ctrl-C
SYNC_WAIT_S = 3.0
# A shell, or a node, may be busy, or have a busy host.
SHELL_WAITS_S = (SYNC_WAIT_S, 10.0, 30.0)
RUN_WAIT_S = 60.0
CONSOLE_WAIT_S = 60.0
ENDED_BY_TIMEOUT = 124  # as timeout(1) has it

# A node's log line: "[    1.234567] warn  e1000: link is down". It may stand in
# the middle of another line.
LOG_LINE = re.compile(rb"(?:\r?\n)?\[ *\d+\.\d{6}\] (?:(?:error|warn|debug) +)?[\w./-]+: "
                      rb"[^\r\n]*\r?\n")
ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
# What a node answers to a command that it rejects; the number is a column.
REJECTED = re.compile(r"^console:(\d+:)? ", re.MULTILINE)
# What a base64 line may hold below the shells' line limits.
CHUNK = 700
# Pieces taken in one go, so that a machine that never stops talking is bounded.
MORE_PIECES = 256


class Timeout(ToolError):
    pass


class Port:
    """A serial line as a byte stream; `received` is what no one has consumed."""

    def __init__(self, path, name):
        self.name = name
        self.received = b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Through a descriptor of its directory: socket paths are limited to 107 bytes.
        directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
        try:
            self.socket.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        except OSError as error:
            self.socket.close()
            raise ToolError(f"{name}: its serial line cannot be reached "
                            f"({error.strerror}); is it running?") from None
        finally:
            os.close(directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            raise ToolError(f"{self.name}: its serial line was closed: the machine ended") from None

    def receive(self, timeout):
        """Waits for more bytes; false when none came."""
        if not select.select([self.socket], [], [], max(0, timeout))[0]:
            return False
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            raise ToolError(f"{self.name}: its serial line was closed: the machine ended")
        self.received += data
        return True

    def receive_more(self):
        """Takes what is there, without waiting."""
        for _ in range(MORE_PIECES):
            if not self.receive(0):
                break

    def drain(self):
        self.receive_more()
        self.received = b""

    def expect(self, pattern, timeout, clean=None):
        """Waits for a pattern; gives its match, and forgets what led up to its end.
        `clean` is applied to what was received before it is searched."""
        deadline = time.monotonic() + timeout
        while True:
            text = clean(self.received) if clean else self.received
            match = re.search(pattern, text)
            if match:
                self.received = text[match.end():]
                return match
            if self.receive(deadline - time.monotonic()):
                # Search a large answer rarely, not after each piece of it.
                self.receive_more()
            elif time.monotonic() >= deadline:
                raise Timeout(f"{self.name}: no answer within {timeout:.0f} s")


def without_log_lines(text):
    return LOG_LINE.sub(lambda m: b"\n" if m[0][:1] in b"\r\n" else b"", ESCAPE.sub(b"", text))


def without_escapes(text):
    return ESCAPE.sub(b"", text)


class Node:
    """A node's console on `port`."""

    def __init__(self, port, name):
        self.port = port
        self.name = name
        self.prompt = rb"caisson:" + re.escape(name.encode()) + rb"> "

    def sync(self, timeout=CONSOLE_WAIT_S):
        """Gets to the prompt, also out of a guest that was left attached."""
        self.port.drain()
        deadline = time.monotonic() + timeout
        wake = b"\r"
        while True:
            self.port.send(wake)
            try:
                wait = min(SYNC_WAIT_S, max(0.1, deadline - time.monotonic()))
                self.port.expect(self.prompt, wait)
                return
            except Timeout:
                if time.monotonic() >= deadline:
                    raise Timeout(f"{self.name}: its console does not answer") from None
                wake = DETACH + b"\r"

    def command(self, text, timeout=30.0):
        """What the node prints for a command, without the log lines that came between."""
        # Who asks for a log wants the lines that are taken out elsewhere.
        clean = without_escapes if re.search(r"\blog\b", text) else without_log_lines
        self._type(text, timeout, clean)
        answer = self.port.expect(rb"(?s)\A(|.*?\n)" + self.prompt, timeout, clean)[1]
        return answer.replace(b"\r", b"").decode(errors="replace")

    def _type(self, text, timeout, clean):
        """Types a command at the prompt, and waits for its echo to end."""
        if "\n" in text or "\r" in text:
            raise ToolError("a node's command is one line")
        self.sync()
        # The mark is a comment to the node; its echo says where the answer begins.
        mark = b"#" + secrets.token_hex(4).encode()
        self.port.send(text.encode() + b" " + mark + b"\r")
        self.port.expect(mark + rb"[^\r\n]*\r?\n", timeout, clean)

    def attach(self, guest):
        self._type(f"console attach {guest}", CONSOLE_WAIT_S, without_log_lines)
        match = self.port.expect(rb"\A\s*\[attached to [^\r\n]*\r?\n|\A([^\r\n]*)\r?\n"
                                 + self.prompt, CONSOLE_WAIT_S, without_log_lines)
        if match[1]:
            raise ToolError(f"{self.name}/{guest}: {match[1].decode(errors='replace')}")

    def detach(self):
        self.port.send(DETACH)
        self.port.expect(rb"\[detached\]", CONSOLE_WAIT_S)


class Shell:
    """A shell of a guest (or a plain node) at the other end of `port`.

    Output comes back in base64, so that any bytes come through, and a node's log
    lines between them are told from a guest's own."""

    def __init__(self, port, name):
        self.port = port
        self.name = name

    def run(self, command, timeout=60.0):
        """Runs a command: (what it printed, its exit status). The command gets no
        input, and an environment of its own. Raises Timeout when it was ended."""
        mark = "CAISSON-" + secrets.token_hex(4)
        self._wake(mark)
        encoded = base64.b64encode(command.encode()).decode()
        script = ["c="]
        script += [f"c=${{c}}{encoded[at:at + CHUNK]}" for at in range(0, len(encoded), CHUNK)]
        # Two quotes inside the marks, so that their echo is never taken for them. The
        # encoder outlives an interrupt: what was printed before it is not lost.
        script.append(f"echo {mark}''-RUN; "
                      '{ $(which dash || echo sh) -c "$(echo $c | base64 -d)" </dev/null 2>&1; '
                      r"printf '\n%s' $?; } | { trap '' INT; exec base64; }; "
                      f"echo {mark}''-END; stty echo")
        self.port.send("".join(line + "\n" for line in script).encode())
        self.port.expect(f"{mark}-RUN\r?\n".encode(), RUN_WAIT_S, without_log_lines)
        end = rf"(?s)\A(.*?){mark}-END\r?\n".encode()
        try:
            printed = self.port.expect(end, timeout, without_log_lines)[1]
        except Timeout:
            error = Timeout(f"{self.name}: not done within {timeout:.0f} s, interrupted",
                            status=ENDED_BY_TIMEOUT)
            error.output = _decoded(self._interrupt(mark, end))
            raise error from None
        output, _, status = _decoded(printed).rpartition("\n")
        if not status.isdigit():
            raise ToolError(f"{self.name}: its shell gave no exit status; it said:\n"
                            + printed.decode(errors="replace"))
        return output, int(status)

    def _wake(self, mark):
        """Gets the shell's attention; from then on it does not echo its input."""
        begin = f"stty -echo; echo {mark}''-BEGIN\n".encode()
        first = KILL_LINE
        for wait in SHELL_WAITS_S:
            self.port.send(first + begin)
            try:
                self.port.expect(f"{mark}-BEGIN\r?\n".encode(), wait, without_log_lines)
                return
            except Timeout:
                first = INTERRUPT + b"\n"
        raise Timeout(f"{self.name}: its shell does not answer")

    def _interrupt(self, mark, end):
        """Ends what runs; gives what had come of it. An interrupt makes the shell
        forget the rest of its line, so the end mark is asked for again."""
        self.port.send(INTERRUPT + f"\nstty echo; echo {mark}''-END\n".encode())
        try:
            return self.port.expect(end, SHELL_WAITS_S[1], without_log_lines)[1]
        except Timeout:
            return self.port.received


def _decoded(printed):
    """The bytes behind the base64 lines; what else stands there (a prompt, a
    terminal's ^C) is no whole line of base64."""
    lines = re.findall(rb"^[A-Za-z0-9+/]+={0,2}(?=\r?$)", printed, re.MULTILINE)
    try:
        return base64.b64decode(b"".join(lines), validate=True).decode(errors="replace")
    except ValueError:
        return ""
