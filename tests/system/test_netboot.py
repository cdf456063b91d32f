# SPDX-License-Identifier: BSD-2-Clause
"""Machines that boot over the network, from a tree that tools/mknetboot made: the rack of
examples/rack.conf, two more machines, and an MPI job in guests of the first two.

           head: dnsmasq, HTTP, NFS, vnetpd   10.0.0.254 (hpc0 10.1.0.254)
                                  |
    ==+===================+=======+==========+===================+==  eth0, a bridge
      |                   |                  |                   |
    n01 10.0.0.1        n02 10.0.0.2       n03 10.0.0.3        a stranger
    BIOS                UEFI               BIOS, a file of     iPXE's script, in
    c01 10.1.0.1        c02 10.1.0.2       its is missing      no configuration
"""

import hashlib
import json
import os
import re
import subprocess

import nskit
import pytest
import rackkit
from conftest import ROOT, TOOLS
from labkit.errors import ToolError
from waitkit import wait_for

MACS = {name: f"52:54:00:00:00:0{number}"
        for number, name in enumerate(("n01", "n02", "n03", "stranger"), 1)}
HTTP = f"(http,{rackkit.SERVER})"
RACK = os.path.join(ROOT, "examples/rack.conf")
LATE = f"""
node n03 mac {MACS['n03']}
  uplink add 0 address 10.0.0.3/24
  vm add g1 memory 192M kernel vmlinuz-amd64 initrd late.img
"""
LATE_BYTES = 4000
GUESTS = {"n01": "c01", "n02": "c02"}
JOB_S = 900

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))


def make_tree(rack):
    """All that the machines load; one file goes away again. Gives the configuration."""
    conf = os.path.join(rack.directory, "rack.conf")
    with open(RACK, encoding="ascii") as rack_conf, open(conf, "w", encoding="ascii") as f:
        f.write(rack_conf.read() + LATE)
    late = os.path.join(rack.directory, "late.img")
    with open(late, "wb") as f:
        f.write(bytes(LATE_BYTES))
    rack.make(conf, [late, *(os.path.join(ROOT, "build/guest", name) for name in (
        "vmlinuz-amd64", "initrd-amd64.img", "root-hpc.squashfs"))])
    os.remove(f"{rack.tree}/caisson/late.img")
    return conf


@pytest.fixture(scope="module", name="rack")
def running_rack(tmp_path_factory, hypervisor):
    subprocess.run([os.path.join(TOOLS, "mkguest"), "--quiet", "amd64", "--hpc"], check=True)
    try:
        rackkit.unpack()
    except ToolError as error:
        pytest.skip(f"the servers cannot be downloaded: {error}")
    with rackkit.Rack(tmp_path_factory.mktemp("rack")) as rack:
        conf = make_tree(rack)
        rack.url_of_files(MACS["n02"], HTTP)
        rack.serve(f"dhcp-mac=set:script,{MACS['stranger']}",
                   "dhcp-boot=tag:script,caisson.ipxe")
        rack.head(conf, "10.1.0.254")
        with open(os.path.join(rack.share, "from-head"), "w", encoding="ascii") as f:
            f.write("of the head\n")
        yield rack


@pytest.fixture(scope="module", name="nodes")
def booted(rack):
    """Those that have all their files."""
    return {"n01": rack.boot("n01", MACS["n01"], 512),
            "n02": rack.boot("n02", MACS["n02"], 512, uefi=True),
            "stranger": rack.boot("stranger", MACS["stranger"], 256)}


@pytest.mark.parametrize("name", ["n01", "n02"])
def test_a_machine_becomes_the_node_that_its_mac_says(nodes, name):
    machine = nodes[name]
    machine.wait_log(f"caisson:{name}> ")
    log = machine.log()
    assert f'command line "node={name} mac={MACS[name]} ip=10.0.0.' in log
    assert "degraded" not in log and "] error" not in log
    assert "late.img" not in log  # not its module


def test_guests_meet_on_the_overlay(nodes):
    for name, guest in GUESTS.items():
        nodes[name].wait_log(f"{guest}: started on core")
        wait_for(lambda node=nodes[name], guest=guest: f"caisson-guest: {guest} ready" in
                 node.ask(f"console log {guest}"), f"{name}/{guest} has its shell", 900, 1)
    nodes["n01"].sh("c01", "ping -c 3 -W 30 -w 240 10.1.0.2", 300)


def test_uefi_has_its_text_on_the_framebuffer(nodes):
    machine = nodes["n02"]
    log = machine.log()
    assert re.search(r"boot: framebuffer of \d+ by \d+", log)
    assert "acpi: no tables found" not in log and "smp: 2 of 2 cores started" in log
    shown = machine.ask("show boot")
    assert "node n02: ok" in shown and f"over the network by {MACS['n02']} (10.0.0." in shown
    wait_for(lambda: (lambda screen: all(line.rstrip() in screen for line in shown.splitlines()))(
        machine.screen()), f"the screen shows {shown}")


def test_the_root_is_on_a_disk_and_the_share_is_mounted(rack, nodes):
    """The share by the guest's own kernel, through the overlay and vnetpd."""
    for name, guest in GUESTS.items():
        mounts = nodes[name].sh(guest, "cat /proc/mounts")
        assert "\n/dev/vda /disk squashfs ro" in mounts, mounts
        assert "\n10.1.0.254:/share /mnt nfs4 rw" in mounts, mounts
    said = nodes["n01"].sh("c01", "cat /mnt/from-head && head -c 3000000 /dev/urandom >/mnt/data"
                                  " && sync && sha256sum </mnt/data", 600)
    first, digest = said.splitlines()
    assert first == "of the head"
    with open(os.path.join(rack.share, "data"), "rb") as f:
        assert hashlib.sha256(f.read()).hexdigest() == digest.split()[0]


def test_an_mpi_job_of_two_ranks_on_each_guest(nodes):
    said = nodes["n01"].sh("c01", "mpi-run hello", JOB_S)
    assert sorted(re.findall(r"^hello rank=(\d) of=4 host=(\w+)$", said, re.M)) == [
        ("0", "c01"), ("1", "c01"), ("2", "c02"), ("3", "c02")]
    said = nodes["n01"].sh("c01", "mpi-run check --max 65536", JOB_S)
    done = re.search(r"^check ranks=4 sizes=(\d+) wrong_bytes=(\d+) ", said, re.M)
    assert done and int(done[1]) == 9 and int(done[2]) == 0, said


def test_it_all_went_over_the_overlay(nodes):
    """A share's file and an MPI job; every frame is accounted for."""
    stats = {name: json.loads(nodes[name].ask("show stats json")) for name in GUESTS}
    for name in stats:
        wait_for(lambda node=nodes[name]: json.loads(node.ask("show stats json"))["sum"]
                 ["balanced"], f"{name}: every frame has an end")
    assert stats["n01"]["links"]["hpc.head"]["tx_bytes"] > 3000000
    for name, link in (("n01", "hpc.n02"), ("n02", "hpc.n01")):
        assert all(stats[name]["links"][link][way] > 300000 for way in ("tx_bytes", "rx_bytes"))


def test_a_missing_file_is_said_and_an_error_page_is_no_file(rack):
    """By TFTP GRUB knows that a file is missing, and comes again; then it takes a web server's
    error page for the file, and the node does not."""
    machine = rack.boot("n03", MACS["n03"], 384)
    machine.wait_log(f"Missing on {rackkit.SERVER}: *\n? */caisson/late.img")
    machine.wait_log("Once more in 2 s")
    rack.url_of_files(MACS["n03"], HTTP)
    machine.wait_log("caisson:n03> ")
    wrong = re.search(r"\] error config: (module late\.img has (\d+) bytes, not (\d+): .*)",
                      machine.log())
    assert wrong and 0 < int(wrong[2]) < LATE_BYTES == int(wrong[3]), machine.log()[-3000:]
    shown = machine.ask("show boot")
    assert "node n03: DEGRADED" in shown and f"FAILED    {wrong[1]}" in shown, shown
    assert 'the boot module "late.img" is not the file' in shown and "vmlinuz" not in shown


def test_a_stranger_is_told_its_mac(nodes):
    """It can be given an address by hand."""
    machine = nodes["stranger"]
    machine.name = machine.wait_log(r"caisson:(\S*)> ")[1]
    errors = re.findall(r"\] error (.*)", machine.log())
    assert len(errors) == 1 and "none of its 4 node sections" in errors[0]
    assert MACS["stranger"] in errors[0]
    machine.ask("uplink add 0 address dhcp")
    machine.wait_log(r"uplink: 0: address 10\.0\.0\.1\d\d/24")
