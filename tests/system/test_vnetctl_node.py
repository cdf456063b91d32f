# SPDX-License-Identifier: BSD-2-Clause
"""vnetctl against a Caisson node, over UDP.

    vnetctl -- 127.0.0.1:PORT -- QEMU's user network -- 10.0.2.15:9901 alpha
"""

import contextlib
import json
import os
import random
import socket
import subprocess
import threading

import pytest
from conftest import ROOT
from labkit import serial
from wirekit import Node, wait_for

VNETCTL = os.path.join(ROOT, "build/vnetctl")
GUEST = os.path.join(ROOT, "build/guest/bad-guest.elf")
BATCHES = 10  # at most, until one was caught at its work
ROUTES = [f"route add src any dst 02:00:00:00:01:{i:02x} to edge beta" for i in range(100)]
CONF = """\
  uplink add 0 address 10.0.2.15/24 mtu 1500
  control listen from 10.0.2.0/24
  overlay add red
  link add beta geneve remote 10.0.2.99 overlay red keepalive off
  link add gamma udp remote 10.0.2.98
  route add src any dst any to edge gamma
"""


def free_port():
    """One that is nobody's, nor one of those that Linux gives to who asks for any: nobody has
    it by the time that it is taken."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        least = int(f.read().split()[0])
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, \
                contextlib.suppress(OSError):
            s.bind(("127.0.0.1", random.randrange(10000, max(least, 20000))))
            return s.getsockname()[1]


@pytest.fixture(scope="module", name="port")
def fixture_port():
    return free_port()


@pytest.fixture(scope="module", name="node")
def running_node(tmp_path_factory, hypervisor, port):
    netdev = f"user,id=net0,hostfwd=udp:127.0.0.1:{port}-10.0.2.15:9901"
    subprocess.run(["make", "-s", "-C", ROOT, "bad-guests"], check=True)
    with Node(str(tmp_path_factory.mktemp("control")), hypervisor, CONF, netdev,
              modules=[GUEST]) as node:
        assert node.stats()["config_errors"] == 0
        yield node


@pytest.fixture(name="ctl")
def fixture_ctl(node, port):
    assert node

    def call(*arguments, **options):
        return subprocess.run([*call.command, *arguments], timeout=300, capture_output=True,
                              text=True, check=False, **options)
    call.command = [VNETCTL, "-t", "120", "-n", f"127.0.0.1:{port}"]
    return call


def test_statements(ctl):
    done = ctl("-j", "show", "node")
    assert done.returncode == 0 and json.loads(done.stdout)["node"] == "alpha"
    assert "control listen from 10.0.2.0/24 port 9901" in ctl("show", "config").stdout
    done = ctl("link", "show", "nobody")
    assert done.returncode == 1 and 'there is no link "nobody"' in done.stderr
    assert ctl("link", "set", "gamma", "state", "down").returncode == 0
    assert "state down" in ctl("show", "config").stdout
    assert ctl("link", "set", "gamma", "state", "up").returncode == 0


@pytest.mark.parametrize("words, says", [
    (["control", "close"], "not over the network"), (["uplink", "del", "0"], "links use it"),
    (["console", "attach", "g1"], "no vm"), (["link", "del", "gamma"], "1 routes name it (1)"),
])
def test_refusals(ctl, words, says):
    done = ctl(*words)
    assert done.returncode == 1 and says in done.stderr


def test_answers_of_many_datagrams(ctl):
    words = ctl("help").stdout
    assert words.count("\n") > 30 and len(words) > 2048 and words.endswith("this list\n")


def test_batch(ctl):
    before = ctl("show", "config").stdout
    done = ctl("batch", "-", input="\n".join(ROUTES) + "\n")
    assert (done.returncode, done.stderr) == (0, "")
    text = ctl("show", "config").stdout
    assert text.count("to edge beta") == 100
    ids = [route["id"] for route in json.loads(ctl("-j", "show", "route").stdout)
           if "beta" in route["route"]]
    done = ctl("batch", "-", input="".join(f"route del {number}\n" for number in ids))
    assert done.returncode == 0 and ctl("show", "config").stdout == before


@pytest.mark.parametrize("last, says", [
    ("rout add", "batch:101:1: unknown word"), ("route del 4711", "batch:101:11: there is no"),
    ("vm stop g1", "what the guest was doing"),
    ("control close", "own answer would be lost"), ("show node", "unknown word"),
    ("x" * (1 << 20), "batch:101: line of 1048576 characters is too long"),
    ("core set 0 assert quiet\noverlay set red answers on\nroute del 4711", "batch:103:11:"),
    ("overlay add m links mesh", "file"),
    ("link set gamma state down\noverlay set red learn on\nlink del beta force\n"
     "overlay del red\nlink del gamma force\nlink add x udp remote 1.2.3.4 vni 7", "batch:106:"),
], ids=lambda text: text[:20])
def test_a_batch_that_fails_changes_nothing(ctl, last, says):
    before = ctl("show", "config").stdout
    done = ctl("batch", "-", input="\n".join(ROUTES + [last]) + "\n")
    assert done.returncode == 1 and says in done.stderr, done.stderr
    assert sorted(ctl("show", "config").stdout.split("\n")) == sorted(before.split("\n"))


def test_a_long_batch_lets_others_in(ctl, node):
    """10,000 lines, and one that fails: all undone. Meanwhile nobody else changes anything,
    the node answers what it is asked, and its loop goes round."""
    before = ctl("show", "config").stdout
    lines = [f"route add src any dst 02:00:00:01:{i >> 8:02x}:{i & 255:02x} to edge beta"
             for i in range(10000)] + ["route del 4000000000"]
    asked = []
    for _ in range(BATCHES):
        batch = subprocess.Popen([*ctl.command, "batch", "-"], stdin=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)

        def ask(batch=batch):
            console = serial.Node(node.port, node.name)
            while batch.poll() is None:
                asked.append(console.command("link set gamma state up", 120))
        thread = threading.Thread(target=ask)
        thread.start()
        said = batch.communicate("\n".join(lines) + "\n", timeout=300)[1]
        thread.join()
        assert batch.returncode == 1 and "batch:10001:11: there is no route" in said
        if any("a batch is being carried out" in answer for answer in asked):
            break
    assert any("a batch is being carried out" in answer for answer in asked)
    assert ctl("show", "config").stdout == before


def test_diff_and_apply(ctl, tmp_path):
    path = tmp_path / "node.conf"
    text = "caisson 1\nnode alpha mac 52:54:00:00:00:01\n" + CONF
    path.write_text(text)
    done = ctl("diff", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    path.write_text(text.replace("remote 10.0.2.98", "remote 10.0.2.97 port 9001") + ROUTES[0])
    done = ctl("apply", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert ctl("diff", str(path)).returncode == 0 and "10.0.2.97" in ctl("link").stdout
    path.write_text(ctl("show", "config").stdout + "core set 0 assert quiet\n")
    assert ctl("diff", str(path)).stdout == "core set 0 assert quiet\n"
    assert ctl("apply", str(path)).returncode == 0
    path.write_text(ctl("show", "config").stdout.replace("core set 0 assert quiet", ""))
    assert ctl("apply", str(path)).stdout == "core set 0 assert nothing\n"
    path.write_text(ctl("show", "config").stdout)
    assert ctl("diff", str(path)).returncode == 0


def test_disks(ctl, tmp_path):
    """Undone with their guest, in their places; and what differs of them."""
    empty = ctl("show", "config").stdout
    done = ctl("batch", "-", input="vm add g1 memory 16M kernel bad-guest.elf\n"
               "disk add g1.d0 module bad-guest.elf\n"
               "disk add g1.d1 module bad-guest.elf overlay 1M\n")
    assert (done.returncode, done.stderr) == (0, "")
    before = ctl("show", "config").stdout
    assert "  disk add g1.d0 module bad-guest.elf\n" \
           "  disk add g1.d1 module bad-guest.elf overlay 1M\n" in before
    for goes in ("vm del g1 force", "disk del g1.d1", "disk add g1.d2 module bad-guest.elf"):
        done = ctl("batch", "-", input=f"{goes}\nroute del 4711\n")
        assert done.returncode == 1 and "batch:2:11:" in done.stderr
        assert ctl("show", "config").stdout == before
    for words, says in ((["g1.d9", "module", "nothing"], 'no boot module "nothing"'),
                        (["g1.d1", "module", "bad-guest.elf"], 'a disk "g1.d1" already'),
                        (["g2.d0", "module", "bad-guest.elf"], "not VM.NAME with a vm"),
                        (["g1.d9", "module", "bad-guest.elf", "overlay", "900G"], "not there")):
        done = ctl("disk", "add", *words)
        assert done.returncode == 1 and says in done.stderr
    path = tmp_path / "node.conf"
    path.write_text(before)
    assert ctl("diff", str(path)).stdout == ""
    path.write_text(before.replace("overlay 1M", "overlay 128K"))
    assert ctl("apply", str(path)).stdout == \
        "disk del g1.d1\ndisk add g1.d1 module bad-guest.elf overlay 128K\n"
    assert ctl("diff", str(path)).stdout == "" and "128 KiB" in ctl("disk", "show").stdout
    assert "belongs to it" in ctl("vm", "del", "g1").stderr
    path.write_text(empty)
    assert ctl("apply", str(path)).stdout == "disk del g1.d0\ndisk del g1.d1\nvm del g1\n"
    assert ctl("show", "config").stdout == empty


def test_malformed_requests(ctl, port):
    """Each is answered, shortly, and the node goes on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(120)
        s.connect(("127.0.0.1", port))
        for data in (b"x", b"CSNC" + bytes(28), b"CSNC\x01\x03" + bytes(26), bytes(1400)):
            s.send(data)
            answer = s.recv(2048)
            assert answer[:4] == b"CSNC" and answer[5] == 7 and len(answer) < 128
        for _ in range(2000):
            s.send(b"CSNC\x01\x05" + bytes(26))
    assert ctl("show", "node").returncode == 0

    def counts_agree():
        """But for this question, which vnetctl may have had to repeat."""
        count = json.loads(ctl("-j", "show", "stats").stdout)["control"]
        return count["received"] == count["answered"] + count["limited"] + 1 and count

    count = wait_for(counts_agree, "each has its end")
    assert count["faults"] >= 4 and count["requests"] > 1 and count["denied"] == 0
    assert "control: received" in ctl("show", "stats").stdout
