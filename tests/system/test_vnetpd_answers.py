# SPDX-License-Identifier: BSD-2-Clause
"""ARP and neighbour discovery answered by the node of whoever asks: two vnetpd, frames by
scapy on their interfaces. What is answered does not go to the link."""

import json
import sys

import nskit
import pytest

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

A, B = nskit.MACS["a"], nskit.MACS["b"]
ANSWERS = "overlay set default answers on\n"

# Sends a frame on the TAP interface, waits for an answer where one is expected.
SCRIPT = """
import sys
from scapy.all import (ARP, Ether, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr,
                       ICMPv6NDOptSrcLLAddr, IPv6, raw, sendp, sniff)
frame = eval(sys.argv[1])
if sys.argv[2] == "0":
    sendp(frame, iface="tap0", verbose=False)
    sys.exit()
answers = sniff(iface="tap0", timeout=120, count=1,
                lfilter=lambda p: p[Ether].dst == frame.src and (ARP in p or ICMPv6ND_NA in p),
                started_callback=lambda: sendp(frame, iface="tap0", verbose=False))
if not answers:
    sys.exit("no answer")
answer = answers[0]
told = raw(answer)
if ICMPv6ND_NA in answer:
    del answer[ICMPv6ND_NA].cksum
    print(answer.src, answer[ICMPv6ND_NA].tgt, answer[ICMPv6NDOptDstLLAddr].lladdr,
          answer[ICMPv6ND_NA].R, raw(answer) == told)
else:
    print(answer.src, answer[ARP].op, answer[ARP].psrc, answer[ARP].hwsrc)
"""
WHO_HAS = (f"Ether(src='{A}', dst='ff:ff:ff:ff:ff:ff') / "
           f"ARP(op=1, hwsrc='{A}', psrc='{{}}', pdst='10.7.0.2')")
SOLICIT = (f"Ether(src='{A}', dst='33:33:ff:00:00:0b') / "
           "IPv6(src='fd00::a', dst='ff02::1:ff00:b') / ICMPv6ND_NS(tgt='fd00::b') / "
           f"ICMPv6NDOptSrcLLAddr(lladdr='{A}')")
# What b says of itself, to everybody.
ANNOUNCE = f"Ether(src='{B}', dst='ff:ff:ff:ff:ff:ff') / ARP(op=2, hwsrc='{B}', " \
           "psrc='10.7.0.2', pdst='10.7.0.2')"
ADVERT = (f"Ether(src='{B}', dst='33:33:00:00:00:01') / IPv6(src='fd00::b', dst='ff02::1') / "
          f"ICMPv6ND_NA(tgt='fd00::b', R=1, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr='{B}')")


@pytest.fixture(name="world")
def fixture_world():
    with nskit.World() as world:
        yield world


def send(world, side, frame, answered=True):
    done = world.run(side, [sys.executable, "-c", SCRIPT, frame, str(int(answered))])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def sent(daemon):
    """Frames that left by the link."""
    return daemon.stats()["links"]["b"]["tx_frames"]


def overlay(daemon):
    return json.loads(daemon.ctl("show overlay json"))[0]


def heard(daemon):
    return {(n["ip"], n["mac"], n["router"]) for n in json.loads(daemon.ctl("show neighbour json"))
            if n["port"] == "b"}


def test_questions_are_answered_at_home(world):
    node = world.vnetpd("a", nskit.config("a", extra=ANSWERS))
    world.vnetpd("b", nskit.config("b"))
    for frame in (ANNOUNCE, ADVERT):
        send(world, "b", frame, answered=False)
    nskit.wait_for(lambda: heard(node) == {("10.7.0.2", B, False), ("fd00::b", B, True)},
                   "what b said of itself")

    before = sent(node)
    assert send(world, "a", WHO_HAS.format("10.7.0.1")) == f"{B} 2 10.7.0.2 {B}"
    assert send(world, "a", SOLICIT) == f"{B} fd00::b {B} 1 True"
    assert sent(node) == before and overlay(node)["answered"] == 2

    # A probe for an address goes through, and b's own stack says that it is taken.
    assert send(world, "a", WHO_HAS.format("0.0.0.0")) == f"{B} 2 10.7.0.2 {B}"
    assert sent(node) == before + 1 and overlay(node)["answered"] == 2
    assert node.stats()["sum"]["balanced"]
    assert node.ctl("show config").count("answers on") == 1
