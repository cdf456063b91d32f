# SPDX-License-Identifier: BSD-2-Clause
"""The serial protocol, against a scripted node and a real shell on a pseudo terminal."""

import base64
import os
import pty
import socket
import subprocess
import threading

import pytest
from labkit import serial
from labkit.errors import ToolError

LOG = b"[    1.234567] warn  e1000: link is down\r\n"


class FakeNode(threading.Thread):
    """Answers like a node's console on COM1: echo, prompt, attach and detach, and
    log lines in bad places."""

    def __init__(self, path, answers):
        super().__init__(daemon=True)
        self.answers = answers
        self.attached = False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        with connection:
            line = b""
            while True:
                char = connection.recv(1)
                if not char:
                    return
                if self.attached:
                    if char == serial.DETACH:
                        self.attached = False
                        connection.sendall(b"\r\n[detached]\r\n" + self.prompt())
                elif char == b"\r":
                    if line.startswith(b"die"):
                        return
                    connection.sendall(b"\r\n" + self.answer(line.partition(b" #")[0]))
                    line = b""
                elif char >= b" ":
                    line += char
                    connection.sendall(char)
                    if len(line) == 6:
                        # A log line cuts the echo in two; the console shows the line again.
                        connection.sendall(b"\r\n" + LOG + self.prompt() + line)

    @staticmethod
    def prompt():
        return b"caisson:alpha> "

    def answer(self, command):
        if command == b"console attach g1":
            self.attached = True
            return b"[attached to g1; Ctrl-] detaches]\r\n"
        text = self.answers.get(command, b"")
        return text + LOG + self.prompt() + b"\r\n" + LOG


@pytest.fixture
def node(tmp_path):
    path = str(tmp_path / "serial.sock")
    fake = FakeNode(path, {
        b"show link": b"beta up\r\n" + LOG + b"gamma down\r\n",
        b"show log": b"first\r\n",
        b"bad word": b"console:5: unknown word \"word\"\r\n",
        b"console attach g9": b"console:16: there is no vm \"g9\"\r\n",
        b"show vm": b"\x1b[1mg1\x1b[0m running\r\n" * 2000})
    with serial.Port(path, "alpha") as port:
        yield serial.Node(port, "alpha"), fake


def test_a_commands_answer_without_the_log_lines(node):
    assert node[0].command("show link") == "beta up\ngamma down\n"


def test_answers_do_not_run_into_each_other(node):
    for _ in range(5):
        assert node[0].command("show link") == "beta up\ngamma down\n"
        assert node[0].command("nothing") == ""


def test_log_lines_stay_where_they_were_asked_for(node):
    assert "e1000: link is down" in node[0].command("show log")


def test_long_answers_and_escape_sequences(node):
    assert node[0].command("show vm") == "g1 running\n" * 2000


def test_rejected_commands_are_told_from_answers(node):
    assert serial.REJECTED.search(node[0].command("bad word"))
    assert not serial.REJECTED.search(node[0].command("show link"))


def test_a_command_of_two_lines_is_refused(node):
    with pytest.raises(ToolError):
        node[0].command("show link\rnode poweroff")


def test_attach_and_detach(node):
    node[0].attach("g1")
    assert node[1].attached
    node[0].detach()
    assert node[0].command("show link") == "beta up\ngamma down\n"


def test_attach_to_nobody(node):
    with pytest.raises(ToolError, match='there is no vm "g9"'):
        node[0].attach("g9")


def test_sync_leaves_a_guest_that_was_left_attached(node, monkeypatch):
    monkeypatch.setattr(serial, "SYNC_WAIT_S", 0.2)
    node[1].attached = True
    assert node[0].command("show link") == "beta up\ngamma down\n"


def test_a_node_that_dies_is_told(node):
    with pytest.raises(ToolError, match="the machine ended"):
        node[0].command("die")


def test_no_socket_is_told(tmp_path):
    with pytest.raises(ToolError, match="cannot be reached"):
        serial.Port(str(tmp_path / "none.sock"), "alpha")


@pytest.fixture
def shell(tmp_path):
    """An interactive shell with echo, as it runs on a guest's console."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "-c", "sh", "-i"], stdin=slave, stdout=slave, stderr=slave,
        env={"PATH": os.environ["PATH"], "PS1": "g1:~# ", "HOME": "/"})
    os.close(slave)
    ours, theirs = socket.socketpair()

    def shovel(read, write):
        try:
            while data := read():
                write(data)
        except OSError:
            pass

    for pair in ((lambda: os.read(master, 4096), theirs.sendall),
                 (lambda: theirs.recv(4096), lambda data: os.write(master, data))):
        threading.Thread(target=shovel, args=pair, daemon=True).start()
    port = serial.Port.__new__(serial.Port)
    port.name, port.received, port.socket = "g1", b"", ours
    yield serial.Shell(port, "g1")
    process.kill()
    process.wait()
    ours.close()


def test_shell_output_and_status(shell):
    assert shell.run("echo hello; exit 3") == ("hello\n", 3)
    assert shell.run("true") == ("", 0)


def test_shell_output_without_a_newline(shell):
    assert shell.run("printf abc") == ("abc", 0)


def test_shell_quotes_long_lines_and_line_breaks(shell):
    text = "it's \"quoted\" $HOME \\ `x`\ttab"
    assert shell.run(f"cat <<'X'\n{text}\nX\n") == (text + "\n", 0)
    assert shell.run(f"echo {'x' * 9000}") == ("x" * 9000 + "\n", 0)


def test_shell_commands_get_no_input(shell):
    assert shell.run("cat") == ("", 0)


def test_shell_survives_a_half_typed_line(shell):
    shell.port.send(b"echo half typ")
    assert shell.run("echo whole") == ("whole\n", 0)


def test_shell_timeout_interrupts_and_recovers(shell):
    # On a busy machine the shell may not have come to the first word by then.
    for timeout in (0.5, 4, 30):
        with pytest.raises(serial.Timeout) as error:
            shell.run("echo begun; sleep 100", timeout=timeout)
        assert error.value.status == serial.ENDED_BY_TIMEOUT
        if error.value.output:
            break
    assert error.value.output.startswith("begun\n")
    assert shell.run("echo again") == ("again\n", 0)


def test_shell_output_may_be_log_lines_and_any_bytes(shell):
    assert shell.run("printf '[    1.234567] e1000: up\\n\\033[1mbold\\r\\n'") == \
        ("[    1.234567] e1000: up\n\033[1mbold\r\n", 0)


def test_a_nodes_log_lines_do_not_get_into_the_output():
    encoded = base64.b64encode(b"line\n" * 40 + b"\n0")
    wrapped = b"".join(encoded[at:at + 76] + b"\r\n" for at in range(0, len(encoded), 76))
    for at in range(len(wrapped)):
        torn = serial.without_log_lines(wrapped[:at] + LOG + wrapped[at:])
        assert serial._decoded(torn) == "line\n" * 40 + "\n0"


def test_shell_output_that_looks_like_a_mark(shell):
    assert shell.run("echo CAISSON-0-END 0") == ("CAISSON-0-END 0\n", 0)
