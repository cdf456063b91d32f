# SPDX-License-Identifier: BSD-2-Clause
"""Two vnetpd with a wire between them: frames in every format of link, as tshark reads
them, long segments, and what is sent against what arrives."""

import subprocess
import sys

import nskit
import pytest

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

SECONDS = 1
CAPTURE_TIMEOUT_S = 120
OVER6 = {"a": "fd07::1", "b": "fd07::2"}
BYTES6 = 20_000_000
SINK6 = """
import socket, sys
listener = socket.create_server((sys.argv[1], 5001), family=socket.AF_INET6)
print("ready", flush=True)
stream, total = listener.accept()[0], 0
while data := stream.recv(1 << 20):
    total += len(data)
print(total)
"""
SEND6 = f"""
import socket, sys
with socket.create_connection((sys.argv[1], 5001), 240) as stream:
    stream.sendall(bytes({BYTES6}))
"""
# Link: kind and keys, tshark's options, the protocols that it is to see.
FORMATS = {
    "udp": ("udp", "", ["-d", "udp.port==9000,eth"], "udp:eth:ethertype:ip:icmp"),
    "vxlan": ("vxlan", "vni 77", [], "udp:vxlan:eth:ethertype:ip:icmp"),
    "geneve": ("geneve", "vni 77", [], "udp:geneve:eth:ethertype:ip:icmp"),
}


@pytest.fixture(name="world")
def fixture_world():
    with nskit.World() as world:
        yield world


def both(world, kind, options="", **more):
    return {side: world.vnetpd(side, nskit.config(side, kind, options), **more)
            for side in nskit.SIDES}


def capture(world, count, protocols, options=()):
    """The wire while a pings b so many times: a file, once all frames of these protocols that
    this makes are in it. (Beside them there may be hellos, and ARP that asks again.)"""
    path = f"{world.directory}/wire.pcap"
    tshark = world.popen("a", ["tshark", "-q", "-i", "va0", "-w", path], stderr=subprocess.PIPE,
                         text=True)
    while "Capture started" not in tshark.stderr.readline():
        assert tshark.poll() is None, "tshark does not capture"
    world.ping("a", nskit.OVER["b"], count)
    nskit.wait_for(lambda: sum(protocols in line[0] for line in decode(
        path, options, "frame.protocols", check=False)) >= 2 * count,
                   "the frames in the file", CAPTURE_TIMEOUT_S)
    tshark.terminate()
    tshark.wait(CAPTURE_TIMEOUT_S)
    return path


def decode(path, options, *fields, check=True):
    done = subprocess.run(["tshark", "-r", path, *options, "-T", "fields",
                           *[word for field in fields for word in ("-e", field)]],
                          capture_output=True, text=True, check=check,
                          timeout=CAPTURE_TIMEOUT_S)
    return [line.split("\t") for line in done.stdout.splitlines()]


def balanced(daemons):
    """The sums of both, and what one sent against what the other received."""
    stats = {side: daemon.stats() for side, daemon in daemons.items()}
    for side, found in stats.items():
        assert found["sum"]["balanced"], (side, found["sum"])
    return stats


@pytest.mark.parametrize("name", FORMATS)
def test_ping_and_tcp_in_each_format(world, name):
    kind, options, decode_as, protocols = FORMATS[name]
    daemons = both(world, kind, options)
    nskit.wait_for(lambda: world.answers("a", nskit.OVER["b"]), "the first answer")
    path = capture(world, 5, protocols, decode_as)
    seen = decode(path, decode_as, "frame.protocols")
    assert len([line for line in seen if protocols in line[0]]) == 10, seen
    assert world.stream("a", nskit.OVER["b"], SECONDS) > 0
    balanced(daemons)


def test_vnetu_header(world):
    """VNET/U's header: "et", the size in four bytes, then the frame."""
    daemons = both(world, "udp", "header vnetu")
    assert world.ping("a", nskit.OVER["b"], 1)
    path = capture(world, 3, "ip:udp")
    payloads = [bytes.fromhex(line[0]) for line in decode(path, [], "udp.payload") if line[0]]
    for payload in payloads:
        assert int.from_bytes(payload[2:6], "little") == len(payload) - 6
    # The EtherType of IPv4 in the frame; ARP may have asked again.
    assert len([payload for payload in payloads if payload[18:20] == b"\x08\x00"]) == 6
    balanced(daemons)


def test_tcp_link(world):
    """A stream of frames, where nothing but TCP passes; it comes back when a peer does."""
    daemons = both(world, "tcp", "port 9100")
    nskit.wait_for(lambda: world.answers("a", nskit.OVER["b"]), "the first answer")
    # Frames need no path that carries them: the interfaces have the largest MTU.
    assert world.run("a", ["cat", "/sys/class/net/tap0/mtu"]).stdout == "65000\n"
    assert world.stream("a", nskit.OVER["b"], SECONDS) > 0
    balanced(daemons)
    assert daemons["b"].stop() == 0
    nskit.wait_for(lambda: daemons["a"].stats()["links"]["b"]["state"] == "no-carrier",
                   "the link's end")
    assert not world.answers("a", nskit.OVER["b"])
    daemons["b"] = world.vnetpd("b", nskit.config("b", "tcp", "port 9100"))
    nskit.wait_for(lambda: world.answers("a", nskit.OVER["b"]), "an answer again")
    balanced(daemons)


def test_tcp_link_and_what_is_no_frame(world):
    """Somebody else's connection is refused; a peer that sends rubbish is cut off."""
    daemon = world.vnetpd("a", nskit.config("a", "tcp", "port 9100"))
    rubbish = ("import socket; s = socket.create_connection(('10.9.0.1', 9100)); "
               "s.settimeout(60); s.sendall(b'\\xff' * 100); print(len(s.recv(1)))")
    done = world.run("b", [sys.executable, "-c", rubbish])
    assert done.stdout == "0\n" or "reset" in done.stderr, (done.stdout, done.stderr)
    world.ip("b", "address add 10.9.0.7/24 dev vb0")
    stranger = rubbish.replace("9100))", "9100), source_address=('10.9.0.7', 0))")
    done = world.run("b", [sys.executable, "-c", stranger])
    assert done.stdout == "0\n" or "reset" in done.stderr, (done.stdout, done.stderr)
    nskit.wait_for(lambda: "no tcp link from 10.9.0.7 to port 9100" in daemon.log(), "the message")
    balanced({"a": daemon})


def test_mesh_out_of_a_cluster_file(world):
    """One file for both, and not a route in it."""
    sections = "".join(f"""node {side}
  uplink add 0 address {nskit.UNDER[side]}/24
  interface add tap0 mac {nskit.MACS[side]} overlay hpc
""" for side in nskit.SIDES)
    text = "caisson 1\noverlay add hpc links mesh kind geneve learn on\n" + sections
    daemons = {side: world.vnetpd(side, text) for side in nskit.SIDES}
    nskit.wait_for(lambda: world.answers("a", nskit.OVER["b"]), "the first answer")
    assert len(world.ping("b", nskit.OVER["a"], 3)) == 3
    balanced(daemons)


def test_star(world):
    """A frame from one link to another: a's two interfaces are b's and a third node's
    neighbours, over two formats of link."""
    star = f"""caisson 1
node a
  link add b udp remote {nskit.UNDER['b']}
  link add t tcp remote {nskit.UNDER['b']} port 9100
  interface add tap0 mac {nskit.MACS['a']}
  route add src any dst any to edge b from edge t
  route add src any dst any to edge t from edge b
"""
    near = nskit.config("b", "udp")
    far = f"""caisson 1
node b
  link add a tcp remote {nskit.UNDER['a']} port 9100
  interface add far0 mac 02:00:00:00:00:0c
  route add src any dst any to edge a from interface far0
  route add src any dst any to interface far0 from edge a
"""
    hub = world.vnetpd("a", star)
    world.vnetpd("b", near)
    # The third node lives in b's namespace; its interface moves out of it.
    third = nskit.Vnetpd(world, "b", far, name="far")
    world.add("c")
    world.ip("b", f"link set far0 netns {world.names['c']}")
    world.ip("c", "address add 10.7.0.3/24 dev far0")
    world.ip("c", "link set far0 up mtu 1450")
    nskit.wait_for(lambda: world.answers("b", "10.7.0.3"), "an answer through the hub")
    assert len(world.ping("c", nskit.OVER["b"], 5)) == 5
    found = hub.stats()
    assert found["sum"]["balanced"] and third.stats()["sum"]["balanced"]
    assert found["links"]["b"]["rx_frames"] and found["links"]["t"]["tx_frames"]


def test_vnis_are_told_apart(world):
    """A frame of another VNI is nobody's."""
    daemons = {"a": world.vnetpd("a", nskit.config("a", "vxlan", "vni 1")),
               "b": world.vnetpd("b", nskit.config("b", "vxlan", "vni 2"))}
    assert not world.answers("a", nskit.OVER["b"])
    stats = balanced(daemons)
    assert stats["b"]["drops"]["unknown-vni"] > 0
    assert stats["b"]["interfaces"]["tap0"]["rx_frames"] == 0


def test_the_kernels_vxlan_answers(world):
    """A link to what Linux itself has: ip link ... type vxlan."""
    daemon = world.vnetpd("a", nskit.config("a", "vxlan", "vni 77"))
    world.ip("b", f"link add tap0 type vxlan id 77 remote {nskit.UNDER['a']} "
                  f"local {nskit.UNDER['b']} dstport 4789 dev vb0")
    world.address("b")
    world.ip("b", "link set tap0 up")
    # A veth leaves the inner checksums and the cutting to a NIC that never comes.
    world.no_offloads("b", "vb0")
    nskit.wait_for(lambda: world.answers("a", nskit.OVER["b"]), "the kernel's answer")
    assert len(world.ping("a", nskit.OVER["b"], 5)) == 5
    assert world.stream("a", nskit.OVER["b"], SECONDS) > 0
    assert world.stream("b", nskit.OVER["a"], SECONDS) > 0
    balanced({"a": daemon})


def test_long_segments_cross_whole(world):
    """64 KiB a call on both sides: messages of many datagrams, joined again."""
    daemons = both(world, "udp")
    assert world.ping("a", nskit.OVER["b"], 1)
    world.stream("a", nskit.OVER["b"], SECONDS)
    stats = balanced(daemons)
    sent, received = stats["a"], stats["b"]
    assert sent["offload"]["long_in"] > 0
    assert sent["sockets"]["tx_datagrams"] > 10 * sent["sockets"]["tx_messages"]
    assert received["sockets"]["rx_datagrams"] > 10 * received["sockets"]["rx_messages"]
    assert received["interfaces"]["tap0"]["rx_joined"] > 0
    # No copy but those of the kernel, to and from the interfaces.
    assert sent["links"]["b"]["tx_copies"] == received["links"]["a"]["rx_copies"] == 0
    # The wire loses nothing; what the sockets had no room for stands nowhere else. (Who sent is
    # asked last: frames may come at any time.)
    sent = daemons["a"].stats()
    assert received["links"]["a"]["rx_frames"] <= sent["links"]["b"]["tx_frames"]


def test_long_segments_of_ipv6(world):
    """The same as TCP over IPv6 has it: joined on the way in."""
    daemons = both(world, "udp")
    for side, address in OVER6.items():
        world.run(side, ["sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/tap0/disable_ipv6"])
        world.ip(side, f"address add {address}/64 dev tap0 nodad")
    sink = world.popen("b", [sys.executable, "-c", SINK6, OVER6["b"]], stdout=subprocess.PIPE,
                       text=True)
    assert sink.stdout.readline() == "ready\n"
    done = world.run("a", [sys.executable, "-c", SEND6, OVER6["b"]])
    assert done.returncode == 0, done.stderr
    assert sink.stdout.readline() == f"{BYTES6}\n"
    stats = balanced(daemons)
    received = stats["b"]["interfaces"]["tap0"]
    assert stats["a"]["offload"]["long_in"] > 0
    assert received["rx_joined"] > received["rx_frames"] / 2


def test_mtu_follows_the_links(world):
    """What the links leave, told to Linux; frames of that size cross unfragmented."""
    both(world, "geneve")
    shown = world.run("a", ["cat", "/sys/class/net/tap0/mtu"]).stdout
    assert int(shown) < 1500 - 14 - 28 - 8 + 1
    world.ip("a", "link set va0 mtu 1400")
    world.ip("b", "link set vb0 mtu 1400")
    nskit.wait_for(lambda: int(world.run("a", ["cat", "/sys/class/net/tap0/mtu"]).stdout)
                   == int(shown) - 100, "the smaller MTU")


def test_a_peer_behind_an_unknown_address(world):
    """`remote any`: the peer is known by its tag, wherever it is."""
    other = nskit.config("b", "geneve", "tag 5 sport fixed")
    daemons = {"a": world.vnetpd("a", nskit.config("a", "geneve", "tag 5")
                                 .replace(f"remote {nskit.UNDER['b']}", "remote any")),
               "b": world.vnetpd("b", other)}
    nskit.wait_for(lambda: world.answers("b", nskit.OVER["a"]), "an answer")
    assert len(world.ping("a", nskit.OVER["b"], 3)) == 3
    balanced(daemons)
