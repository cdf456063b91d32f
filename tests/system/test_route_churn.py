# SPDX-License-Identifier: BSD-2-Clause
"""Routes that change while frames flow: nothing is lost, the flow cache goes on knowing the
flows, each frame is counted once, for its route too.

    client -- tap0 -- vnetpd a ===(two links)=== vnetpd b -- tap0 -- echo
"""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time

import nskit
import pytest

pytestmark = pytest.mark.skipif(nskit.why_not() is not None, reason=str(nskit.why_not()))

VNETCTL = os.path.join(nskit.ROOT, "build/vnetctl")
PORT = 5005
QUIET = 5000        # frames there and back before anything changes
CHANGES = 3000      # three seconds of 1,000 a second, here as fast as they go
OWN_EVERY = 20      # of these, every so many the route of the frames themselves
HIT_RATE = 0.95     # of undisturbed
CHURN_TIMEOUT_S = 300

ECHO = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("{nskit.OVER['b']}", {PORT}))
print("ready", flush=True)
while True:
    data, sender = s.recvfrom(64)
    s.sendto(data, sender)
"""

# Numbered datagrams, a few on their way at a time, until standard input ends: how many were
# sent, came back, and came twice.
CLIENT = f"""
import select, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("{nskit.OVER['b']}", {PORT}))
sent = twice = 0
out, done = set(), 0
end = False
while not end or out:
    while not end and len(out) < 32:
        s.send(sent.to_bytes(8, "big"))
        out.add(sent)
        sent += 1
    ready = select.select([s] + [sys.stdin][:not end], [], [], 60)[0]
    if not ready:
        break
    end = end or sys.stdin in ready
    if s in ready:
        number = int.from_bytes(s.recv(64), "big")
        twice += number not in out
        out.discard(number)
        done += 1
print(sent, done, twice)
"""


def config(side):
    """Two links, one of them for the route that is exchanged."""
    other, under = nskit.OTHER[side], nskit.UNDER[nskit.OTHER[side]]
    return nskit.config(side, extra=f"""  link add second udp remote {under} port 9001
  route add src any dst any to interface tap0 from edge second
  route add src any dst 02:00:00:00:ff:ff to edge {other} from interface tap0
""")


class Node:
    """One connection to a vnetpd for all that is asked."""

    def __init__(self, daemon):
        self.control = nskit.Control(daemon.socket)

    def ctl(self, statement):
        status, output = self.control.ask(statement)
        assert status == "ok", f"{statement}: {status}"
        return output

    def json(self, what):
        return json.loads(self.ctl(f"show {what} json"))

    def cache(self):
        """Hits and misses of all cores."""
        found = {name: 0 for name in ("hits", "misses")}
        for line in self.ctl("show metrics").splitlines():
            for name in found:
                if line.startswith(f"caisson_cache_{name}_total"):
                    found[name] += int(line.split()[-1])
        return found

    def frames(self):
        return self.json("stats")["interfaces"]["tap0"]["tx_frames"]

    def route(self, text):
        return next(r for r in self.json("route") if text in r["route"])


@contextlib.contextmanager
def traffic(world):
    """Frames there and back; yields a place for (sent, back, twice), filled at the end."""
    result = []
    client = subprocess.Popen(world.command("a", [sys.executable, "-c", CLIENT]), text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    world.processes.append(client)
    yield result
    output, _ = client.communicate(timeout=CHURN_TIMEOUT_S)
    result.extend(int(word) for word in output.split())


def hit_rate(before, after):
    hits, misses = (after[name] - before[name] for name in ("hits", "misses"))
    return hits / (hits + misses)


def change(node, number):
    """One more route, or one less: of other addresses, and now and then of the frames' own,
    which go by the second link while they have an exact one."""
    address = nskit.MACS["b"] if number % OWN_EVERY == 0 else f"02:00:00:01:{number % 251:02x}:00"
    text = f"dst {address} to edge second"
    if text in node.routes:
        node.ctl(f"route del {node.routes.pop(text)}")
    else:
        node.ctl(f"route add src any {text} from interface tap0")
        node.last_id += 1
        node.routes[text] = node.last_id


def churn(node):
    """So many changes, and twice as many frames at least (what a change of their own route makes
    them miss is then a small part of them); how many changes in how long."""
    begin, frames = time.monotonic(), node.frames()
    node.routes, node.last_id = {}, max(r["id"] for r in node.json("route"))
    for number in itertools.count(1):
        change(node, number)
        if number >= CHANGES and number % 100 == 0 and node.frames() - frames >= 2 * number:
            return number, time.monotonic() - begin
        assert time.monotonic() - begin < CHURN_TIMEOUT_S, "frames do not flow"


def a_batch(node, daemon, world):
    """The same by vnetctl batch: all of it, at once."""
    lines = [f"route add src any dst 02:00:00:02:{n >> 8:02x}:{n & 255:02x} to edge b\n"
             for n in range(1000)]
    path = os.path.join(world.directory, "batch")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(lines)
    before = len(node.json("route"))
    done = subprocess.run([VNETCTL, "-n", daemon.socket, "batch", path], capture_output=True,
                          text=True, check=False, timeout=CHURN_TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert len(node.json("route")) == before + len(lines)


def balanced(nodes):
    for node in nodes:
        nskit.wait_for(lambda node=node: node.json("stats")["sum"]["in_flight"] == 0, "quiet")
        assert node.ctl("show stats check").endswith("balanced\n")


def test_frames_flow_while_routes_change():
    with nskit.World() as world:
        daemons = {side: world.vnetpd(side, config(side)) for side in nskit.SIDES}
        a, b = (Node(daemons[side]) for side in nskit.SIDES)
        echo = world.popen("b", [sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True)
        assert echo.stdout.readline() == "ready\n"
        assert len(world.ping("a", nskit.OVER["b"])) == 3

        out = "src any dst any to edge b from interface tap0"
        counted, start = a.route(out)["frames"], a.frames()
        undisturbed = a.cache()
        with traffic(world) as quiet:
            nskit.wait_for(lambda: a.frames() - start >= QUIET, "frames", CHURN_TIMEOUT_S)
        sent, back, twice = quiet
        assert (back, twice) == (sent, 0)
        # All that the interface sent, and what of it ARP may have added.
        assert sent <= a.frames() - start
        nskit.wait_for(lambda: a.route(out)["frames"] - counted == a.frames() - start,
                       "the route's count is the interface's")
        before = a.cache()

        with traffic(world) as disturbed:
            changes, seconds = churn(a)
            a_batch(a, daemons["a"], world)
        sent, back, twice = disturbed
        print(f"{changes / seconds:.0f} changes a second, {sent / seconds:.0f} frames there and "
              f"back")
        assert (back, twice) == (sent, 0)
        assert hit_rate(before, a.cache()) >= HIT_RATE * hit_rate(undisturbed, before)
        balanced((a, b))
