# SPDX-License-Identifier: BSD-2-Clause
"""The model of the 82599 as a device of emulated machines (ixgbe.lab): drivers that others
wrote judge it, Linux's ixgbe and iPXE's intelx; ours is judged by it."""

import json
import os
import subprocess

import pingkit
import pytest
from conftest import ROOT, TOOLS
from labkit import ixgbe
from labkit import state as states
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from wirekit import BROADCAST, LIFE_S, Wire, wait_for

NODES = {"alpha": "10.1.0.2", "beta": "10.1.0.1"}
IPXE_WAIT_S = 600
STREAMS, STREAMS_MOST = 8, 64
SERVER, GIVEN = "10.7.0.1", "10.7.0.9"
SERVER_MAC = "52:54:00:00:07:01"
NIC_MAC = "52:54:00:00:07:09"
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
# iPXE sizes buffers with its queue on, does not halt the receive path, sets less in RDRXCTL
# and MTA, starts its queue before DMATXCTL.TE, and resets without master disable.
IPXE_WAIVES = ["ring", "rx-order", "rx-setup", "tx-order", "tx-thresh", "reset", "filter"]


@pytest.fixture(scope="module", name="lab")
def running_lab(bring_up, hypervisor):
    return bring_up("tests/system/ixgbe.lab")


def judged(directory):
    """What the device has said so far."""
    with open(os.path.join(directory, ixgbe.LOG.format(0)), encoding="utf-8") as f:
        return f.read()


def violations(directory):
    return [line for line in judged(directory).splitlines() if "violation of" in line]


# --- without a machine ----------------------------------------------------------------------

def test_the_protocol(tmp_path):
    names = [str(tmp_path / name) for name in ("device", "peer")]
    command = [*ixgbe.wrapper(0, NIC_MAC, names, str(tmp_path / "wire.pcap"), 100),
               os.path.join(ROOT, "tests/system/fake_qemu.py"), *names]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: "frames taken" in judged(tmp_path), "the device's summary")
    assert violations(tmp_path) == ["ixgbe-proxy: violation of register: read of unknown "
                                    "register 0x1f000"]
    assert os.path.getsize(tmp_path / "wire.pcap") == 24 + 2 * (16 + 60)


@pytest.mark.parametrize("arguments, said", [
    (["--waive", "nothing", "--", "true"], "no such rule"), (["--mac", "1:2", "--", "true"], "MAC"),
    (["--local", "a", "--", "true"], "two ends"), ([], "no QEMU")])
def test_wrong_command_lines(arguments, said):
    done = subprocess.run([ixgbe.PROXY, *arguments], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 2 and said in done.stderr


# --- Linux's driver -----------------------------------------------------------------------

def test_linux_takes_it(lab):
    status, log = lab.sh("p1", "dmesg | grep -i ixgbe")
    assert status == 0 and "Multiqueue Enabled" in log, log
    assert lab.sh("p1", "cat /sys/class/net/eth0/speed") == (0, "10000\n")
    driver = lab.sh("p1", "basename $(readlink /sys/class/net/eth0/device/driver)")
    assert driver == (0, "ixgbe\n")


def test_linux_pings_linux(lab):
    pingkit.none_lost(lab, "p1", "10.2.0.2", options="-s 1400")
    # Long segments cut by the device, its MSI-X interrupts, its counters.
    status, output = lab.sh("p1", "nuttcp -T 2 10.2.0.2")
    assert status == 0 and "Mbps" in output
    status, output = lab.sh("p1", "grep eth0-TxRx /proc/interrupts")
    assert status == 0 and sum(int(word) for word in output.split()[1:3]) > 20, output


@pytest.mark.parametrize("machine", ["p1", "p2"])
def test_linux_breaks_no_other_rule(lab, machine):
    assert not violations(os.path.join(lab.directory, machine))


# --- ours ---------------------------------------------------------------------------------

def test_guests_ping_over_ixgbe(lab):
    for node, peer in NODES.items():
        pingkit.none_lost(lab, f"{node}/g1", peer)
        pingkit.none_lost(lab, f"{node}/g1", peer, 5, "-s 8000")
    # Nobody waits for the NIC who sends a frame now and then.
    for node in NODES:
        wait_for(lambda node=node: not any(queue["irq_gap_ns"] for queue in queues(lab, node)),
                 "interrupts at once")
        assert "interrupts come at once; of late " in lab.ctl(node, "show uplink")


def test_a_stream_over_ixgbe(lab):
    status, output = lab.sh("alpha/g1", "nuttcp -T 2 10.1.0.2", timeout=120)
    assert status == 0 and "Mbps" in output
    for node in NODES:
        lab.every_frame_has_an_end(node)
        assert "ixgbe" in lab.ctl(node, "show uplink")


def queues(lab, node="alpha"):
    return json.loads(lab.ctl(node, "show uplink json"))[0]["queues"]


def late_segments(lab):
    """What the guest's TCP received out of order."""
    status, text = lab.sh("alpha/g1", "grep ^TcpExt: /proc/net/netstat")
    assert status == 0
    names, values = (line.split() for line in text.splitlines())
    return int(values[names.index("TCPOFOQueue")])


def test_queues_share_the_flows(lab):
    assert [queue["core"] for queue in queues(lab, "beta")] == [0]
    before, late = queues(lab), late_segments(lab)
    assert [queue["core"] for queue in before] == [0, 1]

    def received():
        return [now["rx_frames"] - was["rx_frames"] for was, now in zip(before, queues(lab))]

    # Each stream has ports of its own; which queue a flow has is the hash's to choose.
    for _ in range(STREAMS_MOST // STREAMS):
        status, output = lab.sh("alpha/g1", f"for i in $(seq {STREAMS}); do nuttcp -r -n 1m "
                                "10.1.0.2; done", timeout=600)
        assert status == 0 and output.count("Mbps") == STREAMS, output
        if min(received()) > 20:
            break
    after = queues(lab)
    for was, now in zip(before, after):
        assert now["rx_frames"] > was["rx_frames"] + 20, (before, after)
        assert now["services"] > was["services"]
    # The guest's frames are none of core 0's business where the other core took them, and
    # what it sends leaves by its own core's queue.
    assert after[1]["relayed"] == before[1]["relayed"] and not after[1]["relay_full"]
    assert after[1]["tx_frames"] > before[1]["tx_frames"] + 20
    assert after[0]["tx_frames"] - before[0]["tx_frames"] < \
        (after[1]["tx_frames"] - before[1]["tx_frames"]) / 5
    stats = json.loads(lab.ctl("alpha", "show stats json"))
    lab.every_frame_has_an_end("alpha")
    lost = stats["uplink"]["rx_missed"] + stats["sum"]["dropped"]
    assert lost or late_segments(lab) == late
    text = lab.ctl("alpha", "show uplink")
    assert "queue  core  vectors" in text and "relay" not in text
    assert "queues 2" in lab.ctl("alpha", "show config")


@pytest.mark.parametrize("node", NODES)
def test_ours_breaks_no_rule(lab, node):
    assert not violations(os.path.join(lab.directory, node))


# --- iPXE's driver ------------------------------------------------------------------------

def message(packet):
    options = packet[DHCP].options if DHCP in packet else []
    return next((option[1] for option in options if option[0] == "message-type"), None)


def answer(asked, kind):
    return (Ether(src=SERVER_MAC, dst=BROADCAST) / IP(src=SERVER, dst="255.255.255.255") /
            UDP(sport=67, dport=68) /
            BOOTP(op=2, yiaddr=GIVEN, siaddr=SERVER, chaddr=asked[BOOTP].chaddr,
                  xid=asked[BOOTP].xid, flags=asked[BOOTP].flags) /
            DHCP(options=[("message-type", kind), ("server_id", SERVER),
                          ("subnet_mask", "255.255.255.0"), ("lease_time", 3600), "end"]))


@pytest.fixture(name="ipxe")
def running_ipxe(guest_images, tmp_path):
    """iPXE on a machine with the device; it asks for a file by TFTP once it has an address."""
    subprocess.run([os.path.join(TOOLS, "mkguest"), "--quiet", "--ipxe", "amd64"], check=True)
    wire = Wire(tmp_path, {SERVER: SERVER_MAC})
    script = tmp_path / "boot.ipxe"
    script.write_text(f"#!ipxe\ndhcp && imgfetch tftp://{SERVER}/it ||\n", encoding="ascii")
    command = ["timeout", "-k", "5", str(LIFE_S),
               *ixgbe.wrapper(0, NIC_MAC, (wire.nodes, wire.ours), waived=IPXE_WAIVES),
               "qemu-system-x86_64", "-accel", f"tcg,thread={ixgbe.THREAD}", "-machine",
               "pc,memory-backend=ram", "-nodefaults", "-display", "none", "-m", "256",
               "-object", f"{ixgbe.MEMORY},id=ram,size=256M", *ixgbe.qemu_arguments(0),
               "-kernel", os.path.join(ROOT, "build/guest/ipxe.lkrn"), "-initrd", str(script)]
    with open(tmp_path / "qemu.log", "wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log)
    yield wire
    process.terminate()
    process.wait()
    wire.close()
    print(states.tail(str(tmp_path / "qemu.log")), judged(tmp_path))


def test_ipxe_gets_an_address_and_asks_for_a_file(ipxe, tmp_path):
    asked = ipxe.expect(lambda p: message(p) == DISCOVER, IPXE_WAIT_S)
    assert asked.src == NIC_MAC
    ipxe.send(answer(asked, OFFER))
    # It collects offers for a while.
    asked = ipxe.expect(lambda p: message(p) == REQUEST, IPXE_WAIT_S)
    ipxe.send(answer(asked, ACK))
    fetch = ipxe.expect(lambda p: UDP in p and p[UDP].dport == 69, IPXE_WAIT_S)
    assert fetch[IP].src == GIVEN and b"it\0octet" in bytes(fetch[UDP].payload)
    assert not violations(tmp_path)
