# SPDX-License-Identifier: BSD-2-Clause
"""tools/mknetboot: which machine gets what, what is wrong is said with its place, and a second
run takes away what is no more. (tests/system/test_netboot.py boots from such a tree.)"""

import os
import subprocess

import pytest
from conftest import ROOT, TOOLS

CONF = """\
caisson 1
vm add all memory 64M kernel shared
node a mac 52:54:00:00:00:0A
  vm add g1 memory 64M kernel one initrd two
node b mac 52:54:00:00:00:0b
  vm add g1 memory 64M kernel one
node login
  interface add hpc0 mac 02:00:00:00:00:64
"""


class Maker:
    def __init__(self, directory):
        self.directory = directory
        self.tree = directory / "tree"
        self.modules = []
        for name in ("one", "two", "shared"):
            (directory / name).write_text(name)
            self.modules.append(str(directory / name))
        (directory / "caisson.elf").write_text("image")

    def run(self, *arguments, modules=None):
        return subprocess.run(
            [os.path.join(TOOLS, "mknetboot"), "--image", str(self.directory / "caisson.elf"),
             *arguments, str(self.tree), *(self.modules if modules is None else modules)],
            capture_output=True, text=True, check=False, cwd=self.directory)

    def conf(self, text):
        (self.directory / "node.conf").write_text(text)
        return "--conf", "node.conf"

    def make(self, *arguments, **more):
        done = self.run(*arguments, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fail(self, *arguments, **more):
        done = self.run(*arguments, **more)
        assert done.returncode == 2 and done.stderr.startswith("mknetboot: "), done
        return done.stderr.removeprefix("mknetboot: ").strip()

    def read(self, name):
        return (self.tree / name).read_text()


@pytest.fixture(name="maker")
def in_a_directory(tmp_path):
    return Maker(tmp_path)


def test_each_machine_gets_its_own_modules(maker):
    maker.make(*maker.conf(CONF))
    script = maker.read("nodes/52-54-00-00-00-0a/boot.cfg")
    assert "set node=a\n" in script and 'set modules="shared:6 one:3 two:3"\n' in script
    assert f"set conf=/caisson/node.conf:{len(CONF)}\n" in script
    assert 'set modules="shared:6 one:3"\n' in maker.read("nodes/52-54-00-00-00-0b/boot.cfg")
    script = maker.read("nodes/default/boot.cfg")
    assert "set node=\n" in script and 'set modules="shared:6"\n' in script
    assert sorted(os.listdir(maker.tree / "nodes")) == [
        "52-54-00-00-00-0a", "52-54-00-00-00-0b", "default"]
    ipxe = maker.read("nodes/52-54-00-00-00-0a/boot.ipxe")
    assert "kernel ../../caisson/caisson.elf node=a mac=${netX/mac} ip=${netX/ip} || exit" in ipxe
    assert "module ../../caisson/two two bytes=3 || exit" in ipxe
    assert f"module ../../caisson/node.conf node.conf bytes={len(CONF)} || exit" in ipxe
    assert maker.read("caisson/one") == "one" and maker.read("caisson/node.conf") == CONF
    for core in ("caisson.0", "caisson.efi"):
        assert os.path.getsize(maker.tree / "boot" / core) > 100000
    assert f"tftp-root={maker.tree}\n" in maker.read("examples/dnsmasq.conf")


def test_a_directory_of_configurations(maker):
    for name, text in (("52-54-00-00-00-01", "node x\n  vm add g1 memory 64M kernel one\n"),
                       ("default", "vm add g1 memory 64M kernel two\n")):
        os.makedirs(maker.directory / "conf" / name)
        (maker.directory / "conf" / name / "node.conf").write_text(text)
    maker.make("--conf", "conf")
    script = maker.read("nodes/52-54-00-00-00-01/boot.cfg")
    assert "set node=x\n" in script and 'set modules="one:3"\n' in script
    assert "set conf=/nodes/52-54-00-00-00-01/node.conf:41\n" in script
    assert maker.read("nodes/52-54-00-00-00-01/node.conf").startswith("node x")
    assert 'set modules="two:3"\n' in maker.read("nodes/default/boot.cfg")
    os.makedirs(maker.directory / "conf/n01")
    (maker.directory / "conf/n01/node.conf").write_text("")
    assert '"n01" is neither default nor a MAC address' in maker.fail("--conf", "conf")


def test_nodes_that_are_gone_are_taken_away(maker):
    maker.make(*maker.conf(CONF))
    os.makedirs(maker.tree / "nodes/52-54-00-00-00-99")
    (maker.tree / "nodes/52-54-00-00-00-99/boot.cfg").write_text("# by hand\n")
    maker.make(*maker.conf(CONF.split("node b")[0]))
    assert sorted(os.listdir(maker.tree / "nodes")) == [
        "52-54-00-00-00-0a", "52-54-00-00-00-99", "default"]


def test_without_a_configuration(maker):
    maker.make()
    script = maker.read("nodes/default/boot.cfg")
    assert "set conf=\n" in script and 'set modules="one:3 two:3 shared:6"\n' in script


@pytest.mark.parametrize("url, base", [
    ("http://10.0.0.1", "(http,10.0.0.1)"), ("http://srv.lan/a/b/", "(http,srv.lan)/a/b"),
    ("tftp://10.0.0.9/x", "(tftp,10.0.0.9)/x"), ("", "(tftp)")])
def test_urls(maker, url, base):
    maker.make(*(["--url", url] if url else []))
    assert f"set base={base}\n" in maker.read("boot/caisson.cfg")


@pytest.mark.parametrize("url", ["10.0.0.1", "http://10.0.0.1:8080/", "https://a/", "http://a b"])
def test_urls_that_grub_cannot_use(maker, url):
    assert f'"{url}" is no URL that GRUB can use' in maker.fail("--url", url)


@pytest.mark.parametrize("conf, message", [
    ("vm add g1 kernel none", 'node.conf:1:18: there is no module "none"; there are: one, '),
    ("node a mac 52:54", 'node.conf:1:12: "52:54" is no MAC address'),
    ('node "a b; reboot"', 'node.conf:1:6: "a b; reboot" is no name'),
    ('vm add g1 kernel "one', "node.conf:1:18: a quote"),
    ("node a mac 52:54:00:00:00:01\nnode b mac 52:54:00:00:00:01",
     'the nodes "a" and "b" have the same MAC address')])
def test_mistakes_in_the_file(maker, conf, message):
    assert message in maker.fail(*maker.conf(conf))


def test_other_mistakes(maker):
    assert "there is no file" in maker.fail(modules=["nowhere"])
    (maker.directory / "a b").write_text("")
    assert '"a b" cannot be loaded' in maker.fail(modules=["a b"])
    os.makedirs(maker.directory / "other")
    (maker.directory / "other/one").write_text("")
    assert 'two modules have the name "one"' in maker.fail(modules=["one", "other/one"])
    assert "cannot stand in scripts" in maker.fail("--words", "a;b")
    assert "missing.conf" in maker.fail("--conf", "missing.conf")


def test_make_says_where_to(tmp_path):
    done = subprocess.run(["make", "-s", "-C", ROOT, "netboot", "SETUP=:"], capture_output=True,
                          text=True, check=False, cwd=tmp_path)
    assert done.returncode != 0 and "DIR=" in done.stderr
