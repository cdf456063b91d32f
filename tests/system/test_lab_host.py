# SPDX-License-Identifier: BSD-2-Clause
"""Machines of a lab that are network namespaces of this host, and a wire between them:

    one 10.0.0.1 (vnetpd) ===.=== 10.0.0.2 two (plain)
                             '=== three (plain)
"""

import contextlib
import json
import os
import signal

import nskit
import pytest
from conftest import RunningLab
from labkit import host
from labkit import state as states

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

LAB = """\
machine one backend host setup "ip address add 10.1.0.1/24 dev ov0"
machine two backend host setup "ip address add 10.0.0.2/24 dev eth0"
machine three backend host
wire lan one two three
caisson 1
node one
  uplink add 0 address 10.0.0.1/24
  interface add ov0 mac 02:00:00:00:00:01
"""


class Lab(RunningLab):
    def __init__(self, directory):
        super().__init__(str(directory / "state"))
        self.file = str(directory / "host.lab")
        self.write(LAB)

    def write(self, text):
        with open(self.file, "w", encoding="ascii") as f:
            f.write(text)

    def up(self):
        return self.tool("up", "--timeout", "300", self.file)

    def told(self):
        with open(os.path.join(self.directory, "state.json"), encoding="utf-8") as f:
            return json.load(f)

    def namespaces(self):
        return [name for name in ("one", "two", "three")
                if host.exists(host.name_of(self.directory, name))]


@pytest.fixture(name="lab")
def fixture_lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.tool("down")
    assert lab.namespaces() == []


def test_up_sh_ctl_down(lab):
    done = lab.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.sh("one", "ip -br address; exit 3")[0] == 3
    assert "10.1.0.1/24" in lab.sh("one", "ip -br address show dev ov0")[1]
    assert lab.sh("two", "sleep 60", timeout=1)[0] == host.ENDED_BY_TIMEOUT
    assert lab.sh("two", "ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0; "
                  "bash -c 'echo x >/dev/udp/10.0.0.9/9'")[0] == 0
    nskit.wait_for(lambda: len(lab.capture("lan")) > 0, "a frame on the wire")
    assert "1 interfaces" in lab.ctl("one", "show node")
    done = lab.tool("ctl", "one", "show nod3")
    assert done.returncode == 1 and "nod3" in done.stdout
    assert lab.tool("status").stdout.count(" running ") == 3
    for words, complaint in ((["ctl", "two", "show node"], "no vnetpd runs there"),
                             (["console", "one"], "no serial line"),
                             (["sh", "one/g1", "true"], "its own guest")):
        done = lab.tool(*words)
        assert done.returncode == 2 and complaint in done.stderr, done.stderr
    assert lab.namespaces() == ["one", "two", "three"]
    done = lab.tool("down")
    assert done.returncode == 0 and lab.namespaces() == []


def test_what_a_crash_left_goes(lab):
    assert lab.up().returncode == 0
    told = lab.told()
    for entry in (told["machines"]["one"], told["switches"]["lan"]):
        os.kill(entry["pid"], signal.SIGKILL)
        nskit.wait_for(lambda entry=entry: not states.process_alive(entry), "its end")
    done = lab.tool("sh", "two", "setsid sleep 600 >/dev/null 2>&1 &")
    assert done.returncode == 0
    done = lab.tool("ctl", "one", "show node")
    assert done.returncode == 1 and "not running any more" in done.stderr
    assert lab.tool("status").returncode == 1
    assert lab.tool("down").returncode == 0
    assert lab.namespaces() == []


@pytest.mark.parametrize("wrong, complaint", [
    (("setup \"ip address add 10.0.0.2/24", "setup \"ip address add 10.0.0.777/24"), "two"),
    (("mac 02", "mac 03"), "one: its vnetpd did not start"),
])
def test_what_does_not_start_leaves_nothing(lab, wrong, complaint):
    lab.write(LAB.replace(*wrong))
    done = lab.up()
    assert done.returncode == 1 and complaint in done.stderr, done.stderr
    assert lab.namespaces() == []


def test_without_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "root" in host.why_not()


def test_a_file_that_names_what_is_not_there(lab):
    lab.write(LAB.replace("wire lan one two three", "wire lan one two four"))
    done = lab.up()
    assert done.returncode == 2 and '"four"' in done.stderr
    with contextlib.suppress(FileNotFoundError):
        assert "state.json" not in os.listdir(lab.directory)
