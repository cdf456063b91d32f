# SPDX-License-Identifier: BSD-2-Clause
"""What a node finds wrong at its start: each is told once, with the thing's name and
its place in node.conf; the node says that it is degraded, and does the rest."""

import re
import subprocess

import pytest
from conftest import ROOT
from node_console import NodeConsole
from test_boot import SVM, boot

GUEST = "kernel bad-guest.elf"
MAC = "02:00:00:00:00:0"

# A line with a mistake, the word that the message points at, and what it says.
MISTAKES = [
    (f"vm add m1 memory 16M {GUEST.replace('bad', 'missing')}", "missing-guest.elf",
     'there is no boot module "missing-guest.elf"'),
    (f"vm add m2 memory 16M {GUEST} initrd missing.img", "missing.img",
     'there is no boot module "missing.img"'),
    ("vm add m3 memory 64M kernel text.txt", "text.txt", "text.txt: kernel is no bzImage"),
    ("vm add m4 memory 64M kernel cut.bz", "cut.bz", "cut.bz: kernel file is cut short: 65536"),
    ("vm add m5 memory 96M kernel vmlinuz-cloud initrd big.img", "96M",
     "initrd of 65536 KiB does not fit into 98304 KiB"),
    ("vm add m6 memory 8M kernel vmlinuz-cloud", "8M", "kernel needs memory up to"),
    (f"vm add m7 memory 8M {GUEST} initrd big.img", "8M", "of 65536 KiB does not fit"),
    (f"vm add m8 memory 64G {GUEST}", "64G",
     "65536 MiB of memory are not there: the largest free piece has "),
    (f"vm add m9 memory 3M {GUEST}", "3M", "memory of 3145728 bytes is no multiple of 2M"),
    (f"vm add m10 memory 16M core 9 {GUEST}", "9 ", "no core 9; this node has cores 0 to 1"),
    (f"vm add m11 memory 16M cpus 65 {GUEST}", "65", "65"),
    (f"vm add good memory 16M {GUEST}", "good", 'there is a vm "good" already'),
    (f"vm add m12 memory 16M {GUEST} cmdline \"{'x' * 600}\"", None, "is too long"),
    (f"interface add good.eth0 mac {MAC}7", "good.eth0", "its name is in use"),
    (f"interface add good.eth1 mac {MAC}1", f"{MAC}1", "another interface has this MAC address"),
    ("interface add good.eth2 mac 01:00:00:00:00:01", "01:00:00", "a group address"),
    (f"interface add nobody.eth0 mac {MAC}8", "nobody.eth0", '"nobody.eth0" is not VM.NAME'),
    ("uplink add 0 address 10.0.0.9/24", "0 address", "uplink 0 is there already"),
    ("uplink add 1 address 10.0.1.1/24", "1 address", "this machine has 1 NIC with a driver"),
    ("uplink add 4 address 10.0.1.1/24", "4 address", "a node uses up to 4 uplinks: 0 to 3"),
    ("link add other udp remote 22.0.2.2 uplink 1", "1", "uplink 1 is not in use; add it first"),
    ("uplink add 0 address 10.0.0.9/33", "10.0.0.9/33", "10.0.0.9/33"),
    ("link add peer udp remote 10.0.0.3 port 9001", "peer", "its name, or a link with this port"),
    ("link add other udp remote 10.0.0.2 port 9000", "other", "its name, or a link with this port"),
    ("link add other tcp remote 10.0.0.2", "tcp", "no tcp links"),
    ("route add src any dst any to edge nowhere", "nowhere", 'there is no link "nowhere"'),
    ("route add src any dst any to interface good.eth7", "good.eth7",
     'there is no interface "good.eth7"'),
    ("route add src any dst any to interface good.eth0 from edge gone", "gone",
     'there is no link "gone"'),
    ("vm start nobody", "nobody", 'there is no vm "nobody"'),
    ("vm begin good", "begin", 'unknown word "begin"'),
    ("vm add m13 memory 16M", None, "kernel"),
    ("vm add m14 memory 16M memory 16M " + GUEST, None, "memory"),
    ("link add " + "n" * 1200 + " udp remote 10.0.0.4", None, "long"),
]

LAB = """\
machine alpha cores 2 memory 512M nic {nic} backend {backend} boot kernel
caisson 1
node alpha mac 52:54:00:00:00:01
{lines}"""

RIGHT = f"""\
  uplink add 0 address 10.0.0.1/24
  link add peer udp remote 10.0.0.2 port 9000
  vm add good memory 16M {GUEST} cmdline "count"
  interface add good.eth0 mac {MAC}1
  route add src any dst any to edge peer from interface good.eth0
"""


@pytest.fixture(scope="module", name="up")
def labs_of_lines(tmp_path_factory, bring_up, hypervisor):
    """up(NAME, LINES, ...) boots a node with these lines in its section."""
    subprocess.run(["make", "-s", "-C", ROOT, "bad-guests"], check=True)

    def start(name, lines, nic="e1000", backend="svm"):
        directory = tmp_path_factory.mktemp(name)
        (directory / "text.txt").write_text("this is no kernel\n" * 1000)
        (directory / "big.img").write_bytes(bytes(64 << 20))
        with open(f"{ROOT}/build/guest/vmlinuz-cloud", "rb") as kernel:
            (directory / "cut.bz").write_bytes(kernel.read(65536))
        path = directory / f"{name}.lab"
        path.write_text(LAB.format(lines=lines, nic=nic, backend=backend))
        return bring_up(str(path), "--no-guests")

    return start


def errors(text):
    return re.findall(r"\] error (.*)", text.replace("\r", ""))


def told(node):
    """The node's errors so far; from its log, which nothing interrupts."""
    return errors(node.ask("show log"))


def check_running(node, name):
    vm = node.wait_state(name, "running")
    node.wait(f"{name} works", lambda: node.vm(name)["exits"] > vm["exits"])


class TestMistakes:
    @pytest.fixture(scope="class")
    def lines(self):
        mistakes = "".join(f"  {line}\n" for line, _, _ in MISTAKES)
        return LAB.format(lines=RIGHT + mistakes + "  vm start good\r\n", nic="", backend="")

    @pytest.fixture(scope="class")
    def node(self, up, lines):
        lab = up("mistakes", lines.split("\n", 3)[3])
        with NodeConsole(lab, "alpha") as console:
            yield console

    @pytest.fixture(scope="class")
    def said(self, node):
        return told(node)

    @pytest.mark.parametrize("mistake", MISTAKES, ids=[line[:40] for line, _, _ in MISTAKES])
    def test_it_is_told_once_with_its_place(self, lines, said, mistake):
        line, word, message = mistake
        number = lines.splitlines().index("  " + line) + 1
        about = [text for text in said if text.startswith(f"config: node.conf:{number}:")]
        assert len(about) == 1, said
        assert message in about[0]
        if word:
            assert about[0].startswith(f"config: node.conf:{number}:{line.index(word) + 3}: ")

    def test_nothing_else_is_told(self, said):
        assert len(said) == len(MISTAKES)

    def test_the_node_is_degraded_and_tells_the_first(self, node, said):
        first = node.ask("show node").splitlines()[0]
        assert first.startswith(f"alpha: DEGRADED, {len(MISTAKES)} errors; the first: ")
        assert said[0].removeprefix("config: ") in first
        assert node.show_node()["degraded"] is True

    def test_the_rest_works(self, node):
        check_running(node, "good")
        assert "peer" in node.ask("show link") and "good.eth0" in node.ask("show route")

    def test_nothing_is_left_of_what_failed(self, node):
        shown = node.ask("show vm")
        assert [line.split()[0] for line in shown.splitlines()[1:] if line.strip()] == ["good"]


def check_degraded(node, *messages):
    said = told(node)
    assert len(said) == len(messages), said
    for text, message in zip(said, messages):
        assert re.search(message, text), said
    assert re.match(rf"alpha: DEGRADED, {len(messages)} errors; the first: .*",
                    node.ask("show node").splitlines()[0])


def test_without_svm_the_network_is_up(up):
    lab = up("no-svm", RIGHT + "  vm start good\n", backend="none")
    with NodeConsole(lab, "alpha") as node:
        check_degraded(node, "this processor cannot run guests: .*the processor has no SVM",
                       r"node.conf:6:10: this node cannot run guests \(see the log\)",
                       "node.conf:7:17: .*good.eth0", "node.conf:8:.*there is no interface",
                       'node.conf:9:12: there is no vm "good"')
        assert "10.0.0.1" in node.ask("show uplink") and "peer" in node.ask("show link")


@pytest.mark.parametrize("nic, why", [
    ("none", "this machine has no NIC"),
    ("rtl8139", r"no driver for the NIC 10ec:8139 at 00:0[0-9a-f]\.0"),
])
def test_without_a_nic_the_guests_run(up, nic, why):
    lab = up(f"nic-{nic}", RIGHT + "  vm start good\n", nic=nic)
    with NodeConsole(lab, "alpha") as node:
        assert re.search(f"warn  uplink: {why}", node.ask("show log"))
        check_degraded(node, f"node.conf:4:14: {why}",
                       "node.conf:5:12: no uplink is in use; add one first",
                       'node.conf:8:.*there is no link "peer"')
        check_running(node, "good")


def test_without_node_conf(hypervisor, tmp_path):
    text = boot(tmp_path / "serial", [*SVM, "-m", "512M", "-kernel", hypervisor], "caisson:.*> ")
    assert errors(text) == [
        'config: there is no boot module "node.conf": nothing is configured']
    assert "(degraded)" in text


def test_a_node_conf_for_others(hypervisor, tmp_path):
    conf = tmp_path / "node.conf"
    conf.write_text("caisson 1\nnode beta mac 52:54:00:00:00:99\n  vm start g1\n")
    text = boot(tmp_path / "serial", [*SVM, "-m", "512M", "-kernel", hypervisor,
                                      "-initrd", str(conf)], "caisson:.*> ")
    assert len(errors(text)) == 1
    assert "node.conf: none of its 1 node sections has this node's name" in errors(text)[0]


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, bytes(range(256)) * 64, b"node"])
def test_a_node_conf_of_nonsense(hypervisor, tmp_path, content):
    conf = tmp_path / "node.conf"
    conf.write_bytes(content)
    text = boot(tmp_path / "serial", [*SVM, "-m", "512M", "-kernel", hypervisor,
                                      "-initrd", str(conf)], "caisson:.*> ")
    assert "***" not in text
    assert all("node.conf:" in error for error in errors(text))
    assert errors(text) or not content


def test_without_nested_paging(hypervisor, tmp_path):
    text = boot(tmp_path / "serial", ["-cpu", "EPYC,+svm,-npt", "-m", "512M",
                                      "-kernel", hypervisor], "caisson:.*> ")
    assert "this processor cannot run guests" in text and "SVM has no nested paging" in text
