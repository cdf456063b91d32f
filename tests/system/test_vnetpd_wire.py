# SPDX-License-Identifier: BSD-2-Clause
"""What a peer's address can send to a vnetpd with links of all formats, right and wrong,
single and as messages of many datagrams: dropped and counted, nothing kept, still there."""

import sys

import nskit
import pytest

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

# Frames may go on from link to link, so that received ones get head room of their own;
# or they may not, and stay where they were received.
LINKS = f"""caisson 1
node a
  link add u udp remote {nskit.UNDER['b']}
  link add n udp remote {nskit.UNDER['b']} port 9001 header vnetu
  link add v vxlan remote {nskit.UNDER['b']}
  link add g geneve remote {nskit.UNDER['b']}
  link add t tcp remote {nskit.UNDER['b']} port 9100
  interface add tap0 mac {nskit.MACS['a']}
  route add src any dst any to edge g from interface tap0
  route add src any dst any to interface tap0 from edges
"""
TRANSIT = """  route add src any dst group to edge u from edge v
  route add src any dst group to edge t from edge u
"""

SENDER = r"""
import random, socket, struct
UDP_SEGMENT = 103
r = random.Random(7)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
headers = [b"", b"\x08\0\0\0\0\0\0\0", b"\0\0\x65\x58\0\0\0\0", b"\x80\0\x65\x58\0\0\0\0",
           b"et\x40\0\0\0"]
frame = (bytes.fromhex("02000000000a02000000000b0800450000340001400040060000")
         + bytes([10, 7, 0, 2, 10, 7, 0, 1]) + bytes(60))

def payload():
    b = bytearray(r.choice(headers) + (frame if r.random() < 0.7 else b"")
                  + r.randbytes(r.choice([0, 1, 5, 60, 1000, 1400])))
    for _ in range(r.choice([0, 0, 1, 3]) if b else 0):
        b[r.randrange(len(b))] = r.randrange(256)
    return bytes(b)

def stream():
    with socket.create_connection(("10.9.0.1", 9100), timeout=5) as t:
        for _ in range(5):
            size = r.choice([0, 14, 100, 60000, 70000])
            t.send(b"et" + struct.pack("<I", size) + r.randbytes(r.randrange(3000)))

for i in range(20000):
    b = payload()
    to = ("10.9.0.1", r.choice([9000, 9001, 4789, 6081]))
    times = min(r.choice([1, 1, 3, 20]), 60000 // max(1, len(b)))
    more = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", len(b)))] if b and times > 1 else []
    try:
        s.sendmsg([b * (times if more else 1)], more, 0, to)
        if i % 100 == 0:
            stream()
    except OSError:
        pass
"""


@pytest.mark.parametrize("routes", ["", TRANSIT], ids=["to-the-interface", "transit"])
def test_anything_from_a_peers_address(routes):
    with nskit.World() as world:
        daemon = world.vnetpd("a", LINKS + routes)
        done = world.run("b", [sys.executable, "-c", SENDER])
        assert done.returncode == 0, done.stderr
        # All packets are back but those that the next messages come into.
        nskit.wait_for(lambda: all(pool["count"] - pool["free"] <= 16
                                   for pool in daemon.stats()["pools"]), "the packets")
        stats = daemon.stats()
        assert stats["sockets"]["rx_datagrams"] > 10000
        assert stats["sum"]["balanced"], stats["sum"]
        for reason in ("runt", "link-header", "unknown-vni", "unknown-header"):
            assert stats["drops"][reason] > 0, (reason, stats["drops"])
        assert daemon.stop() == 0
