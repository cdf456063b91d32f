# SPDX-License-Identifier: BSD-2-Clause
"""vnetctl console: a Linux guest's terminal over the network, from a terminal and from a
script, also where datagrams get lost or come twice.

    vnetctl -- [relay] -- 127.0.0.1:PORT -- QEMU's user network -- 10.0.2.15:9901 alpha: g1
"""

import os
import select
import socket
import subprocess
import threading

import pexpect
import pytest
from conftest import ROOT
from test_vnetctl_node import free_port
from wirekit import Node

VNETCTL = os.path.join(ROOT, "build/vnetctl")
CONF = """\
  uplink add 0 address 10.0.2.15/24 mtu 1500
  control listen from 10.0.2.0/24
  vm add g1 memory 128M kernel vmlinuz-cloud initrd initrd-cloud.img \
cmdline "console=ttyS0 quiet mitigations=off clocksource=tsc tsc=reliable panic=1 caisson.name=g1"
  vm start g1
"""
BOOT_S = 600
EVERY = 4  # of so many datagrams one is lost, and one comes twice


@pytest.fixture(scope="module", name="port")
def fixture_port(tmp_path_factory, hypervisor, guest_images):
    port = free_port()
    netdev = f"user,id=net0,hostfwd=udp:127.0.0.1:{port}-10.0.2.15:9901"
    modules = [os.path.join(ROOT, "build/guest", name)
               for name in ("vmlinuz-cloud", "initrd-cloud.img")]
    with Node(str(tmp_path_factory.mktemp("console")), hypervisor, CONF, netdev,
              modules=modules) as node:
        assert node.stats()["config_errors"] == 0
        done = run(port, "-t", BOOT_S, "console", "g1", "scrollback", 1000, "until", "g1 ready",
                   stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        yield port


def command(port, *arguments):
    return [VNETCTL, "-t", "120", "-n", f"127.0.0.1:{port}", *map(str, arguments)]


def run(port, *arguments, **options):
    return subprocess.run(command(port, *arguments), capture_output=True, text=True, check=False,
                          timeout=2 * BOOT_S, **options)


def attach(port, *arguments):
    words = command(port, "console", "g1", *arguments)
    terminal = pexpect.spawn(words[0], words[1:], timeout=BOOT_S, encoding="utf-8")
    terminal.expect(r"serial of g1; Ctrl-\] detaches")
    return terminal


def detach(terminal):
    terminal.send("\x1d")
    terminal.expect(r"detached; since (\d+) goes on")
    since = int(terminal.match[1])
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    return since


def test_a_terminal_and_back(port):
    terminal = attach(port)
    terminal.send("echo $((6 * 7))go\r")
    terminal.expect("42go")
    terminal.send("echo $((40 + 5))cat; cat > /dev/null\r")
    terminal.expect("45cat")
    terminal.send("\x04")  # Ctrl-D is the guest's, as all keys are
    terminal.send("echo $((50 + 1))on\r")
    terminal.expect("51on")
    since = detach(terminal)
    done = run(port, "console", "g1", "since", since, input="echo $((60 + 1))x\n")
    assert done.returncode == 0 and "61x" in done.stdout and "51on" not in done.stdout


def test_two_terminals_see_the_same(port):
    one, other = attach(port), attach(port, "scrollback", 5)
    one.send("echo $((70 + 1))one\r")
    other.expect("71one")
    other.send("echo $((80 + 1))other\r")
    one.expect("81other")
    detach(one)
    detach(other)


def test_scripts(port):
    done = run(port, "console", "g1", "until", "43y", input="for i in 1 2 3; do echo line$i; done\n"
               "echo $((6 * 7 + 1))y\n")
    assert (done.returncode, done.stderr) == (0, "") and "line3" in done.stdout
    done = run(port, "console", "g1", "--scrollback", 2, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and done.stdout.count("\n") <= 2 and "43y" in done.stdout
    done = run(port, "-t", 1, "console", "g1", "until", "never", stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and '"never" did not come' in done.stderr


@pytest.mark.parametrize("words, status, says", [
    (["nobody"], 1, 'no vm "nobody"'), (["g1", "scrolback", "1"], 2, "console takes VM"),
    ([], 2, "console takes VM"), (["exchange", "g1", "input", "0"], 1, "hexadecimal"),
    (["attach", "g1"], 1, "vnetctl console g1"),
])
def test_refusals(port, words, status, says):
    done = run(port, "console", *words, stdin=subprocess.DEVNULL)
    assert done.returncode == status and says in done.stderr


class Relay(threading.Thread):
    """Of what goes through it, each way, some is lost and some comes twice, late."""

    def __init__(self, port):
        super().__init__()
        self.inner, self.outer = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                                  for _ in range(2))
        self.outer.bind(("127.0.0.1", 0))
        self.inner.connect(("127.0.0.1", port))
        self.port = self.outer.getsockname()[1]
        self.over = False
        self.lost = self.doubled = 0

    def run(self):
        client, count, late = None, 0, {}
        while not self.over:
            for ready in select.select([self.inner, self.outer], [], [], 0.1)[0]:
                data, sender = ready.recvfrom(2048)
                client = client or sender
                count += 1
                if count % EVERY == 0:
                    self.lost += 1
                    continue
                send = self.inner.send if ready is self.outer else \
                    lambda datagram: self.outer.sendto(datagram, client)
                send(data)
                if ready in late:
                    send(late.pop(ready))
                    self.doubled += 1
                if count % EVERY == 1:
                    late[ready] = data


def test_what_is_lost_is_asked_for_again(port):
    text = "".join(chr(ord("a") + i * i % 26) for i in range(600))
    relay = Relay(port)
    relay.start()
    try:
        done = run(relay.port, "console", "g1", "until", "END600",
                   input=f"stty -echo; read a; echo :$a:; echo END${{#a}}; stty echo\n{text}\n")
    finally:
        relay.over = True
        relay.join()
    assert done.returncode == 0, done.stdout + done.stderr
    assert f":{text}:" in done.stdout.replace("\r", "") and done.stdout.count("END600") == 1
    assert relay.lost > 2 and relay.doubled > 2
