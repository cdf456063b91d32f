# SPDX-License-Identifier: BSD-2-Clause
"""Machines of a lab that are network namespaces of this host: plain Linux, or with a
vnetpd. All of it takes root."""

import contextlib
import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from labkit.errors import ToolError

NETNS_DIR = "/run/netns"
TUN = "/dev/net/tun"
CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000

CONTROL_SOCKET = "vnetpd.sock"
LOG = "vnetpd.log"
ENDED_BY_TIMEOUT = 124  # as timeout(1) has it
SET_UP_S = 120
ANSWER_S = 60
END_S = 5.0
POLL_S = 0.05


def _ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)


def why_not():
    """Why no namespace can be had here, or None."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    if not os.path.exists(TUN):
        return f"there is no {TUN}"
    if not shutil.which("ip"):
        return "there is no ip (iproute2)"
    probe = f"labprobe{os.getpid()}"
    if _ip("netns", "add", probe).returncode:
        return "no network namespace can be made here"
    delete(probe)
    return None


def name_of(directory, machine):
    """The namespace of a machine of the lab with this state directory."""
    digest = hashlib.sha256(os.path.abspath(directory).encode()).hexdigest()[:6]
    return f"lab-{digest}-{machine}"


def exists(netns):
    return os.path.exists(os.path.join(NETNS_DIR, netns))


def create(netns):
    done = _ip("netns", "add", netns)
    if done.returncode:
        raise ToolError(f"no namespace {netns}: {done.stderr.strip()}")


def delete(netns):
    """And whatever runs in it, whoever started that."""
    if not exists(netns):
        return
    deadline = time.monotonic() + END_S
    while pids := _ip("netns", "pids", netns).stdout.split():
        late = time.monotonic() > deadline
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(pid), signal.SIGKILL if late else signal.SIGTERM)
        if time.monotonic() > deadline + END_S:
            break
        time.sleep(POLL_S)
    done = _ip("netns", "del", netns)
    if done.returncode:
        raise ToolError(f"the namespace {netns} stays: {done.stderr.strip()}")


def inside(netns, make):
    """What make() gives there: by a thread, which is in the namespace for that long. None when
    it could not get in."""
    result = []

    def work():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(os.path.join(NETNS_DIR, netns), "rb") as ns:
            if libc.setns(ns.fileno(), CLONE_NEWNET):
                return
        result.append(make())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return result[0] if result else None


def open_tap(netns, name):
    """A TAP device there whose other end is ours, as a descriptor that does not block."""
    def make():
        fd = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        return fd

    fd = inside(netns, make)
    if fd is None:
        raise ToolError(f"no TAP {name} in {netns}")
    return fd


def command(netns, arguments):
    """The command line that runs another one in the namespace, as the same process."""
    return ["ip", "netns", "exec", netns, *arguments]


def sh(netns, text, timeout=SET_UP_S):
    """Runs shell commands there: exit status and all that they said."""
    process = subprocess.Popen(command(netns, ["sh", "-c", text]), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", start_new_session=True)
    try:
        output = process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return ENDED_BY_TIMEOUT, process.communicate()[0]
    return process.returncode, output


def set_up(name, netns, text):
    """Shell commands that have to succeed."""
    status, output = sh(netns, f"set -e\n{text}")
    if status:
        raise ToolError(f"{name}: its set-up failed (exit status {status}):\n{output.rstrip()}")


def wire_up(name, netns, macs, address):
    """Its devices eth0, eth1 ... with these MACs, once the switches have made them; the
    first one with an address, unless that is empty."""
    lines = ["ip link set lo up"]
    for index, mac in enumerate(macs):
        dev = f"eth{index}"
        # Linux's own IPv6 messages would stand in each capture.
        lines += [f"echo 1 >/proc/sys/net/ipv6/conf/{dev}/disable_ipv6",
                  f"ip link set {dev} address {mac} up"]
    if address:
        lines.append(f"ip address add {address} dev eth0")
    set_up(name, netns, "\n".join(lines))


def start_vnetpd(program, directory, netns, node, conf):
    """In `directory`, which gets its socket and its log."""
    if not os.path.isfile(program):
        raise ToolError(f"there is no {os.path.relpath(program)}: run make")
    with open(os.path.join(directory, LOG), "wb") as log:
        return subprocess.Popen(
            command(netns, [os.path.abspath(program), "--node", node, "--socket", CONTROL_SOCKET,
                            conf]),
            cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)


class Control:
    """A client of a vnetpd's control socket (vnetpd(8))."""

    def __init__(self, path, timeout=ANSWER_S):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.rest = b""
        # Through a descriptor of its directory: socket paths are limited to 107 bytes.
        directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
        try:
            self.socket.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        except OSError:
            self.socket.close()
            raise
        finally:
            os.close(directory)

    def ask(self, statement):
        """(status line without "= ", output); None for the status when it hung up."""
        self.socket.sendall(statement.encode() + b"\n")
        return self.answer()

    def answer(self):
        lines = []
        while True:
            line, found, after = self.rest.partition(b"\n")
            if not found:
                data = self.socket.recv(65536)
                if not data:
                    return None, "".join(lines)
                self.rest += data
                continue
            self.rest = after
            if line.startswith(b"= "):
                return line[2:].decode(), "".join(lines)
            lines.append(line.decode() + "\n")

    def close(self):
        self.socket.close()


def answers(path, timeout):
    """Whether a vnetpd is there that has set itself up."""
    try:
        with contextlib.closing(Control(path, timeout)) as control:
            return control.ask("show node")[0] is not None
    except OSError:
        return False


def ask(path, name, statement, timeout):
    """A vnetpd's answer to a statement: its status ("ok" or an error), its output."""
    try:
        with contextlib.closing(Control(path, timeout)) as control:
            status, output = control.ask(statement)
    except OSError as error:
        raise ToolError(f"{name}: its vnetpd does not answer ({error})") from None
    if status is None:
        raise ToolError(f"{name}: its vnetpd hung up")
    return status, output
