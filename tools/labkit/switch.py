#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A wire of the lab with more than two ends, or with an end on this host: a switch
between the sockets of emulated machines and TAP devices in network namespaces, which
captures what comes in. It may lose, double and hold back frames on purpose (labkit.impair).
Says "ready" once all ends are there."""

import argparse
import collections
import contextlib
import os
import selectors
import socket
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.dont_write_bytecode = True

from labkit import host, impair, pcap  # noqa: E402
from labkit.errors import ToolError  # noqa: E402
from labkit.keeper import (COUNTS_EVERY_S, FRAMES_IN_A_ROW, LOST, MAX_FRAME,  # noqa: E402
                           Receiver, save_counts)

GROUP_BIT = 1


class Socket:
    """An emulated machine's end; what it does not take at once waits in line."""

    def __init__(self, loop, counts, own, far):
        self.source = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.source.bind(own)
        self.source.setblocking(False)
        self.receiver = Receiver(loop, counts, far)
        self.receiver.address = far
        self.send = self.receiver.send

    def read(self):
        return self.source.recv(MAX_FRAME)


class Tap:
    """A namespace's end."""

    def __init__(self, counts, netns, device):
        self.source = host.open_tap(netns, device)
        self.counts = counts
        self.name = f"{device} of {netns}"

    def read(self):
        return os.read(self.source, MAX_FRAME)

    def send(self, frame):
        try:
            os.write(self.source, frame)
        except BlockingIOError:
            self.counts[f"{LOST}to {self.name}"] += 1
        except OSError:  # down: a cable with a loose end
            self.counts[f"unheard by {self.name}"] += 1


class Switch:
    """`impaired(at)` makes the way into the switch from its end `at`; None: there are none."""

    def __init__(self, loop, capture, impaired=None):
        self.loop = loop
        self.capture = capture
        self.impaired = impaired
        self.ports = []
        self.lines = {}
        self.seen = {}

    def add(self, port):
        if self.impaired:
            self.lines[port] = self.impaired(len(self.ports))
        self.ports.append(port)
        self.loop.register(port.source, selectors.EVENT_READ, lambda _events: self.forward(port))

    def forward(self, port):
        with contextlib.suppress(BlockingIOError):
            for _ in range(FRAMES_IN_A_ROW):
                frame = port.read()
                self.capture.write(frame)
                line = self.lines.get(port)
                for each in line.take(frame, time.monotonic()) if line else [frame]:
                    self.send(port, each)

    def send(self, port, frame):
        self.seen[frame[6:12]] = port
        known = None if frame[0] & GROUP_BIT else self.seen.get(frame[:6])
        for other in [known] if known else self.ports:
            if other is not port:
                other.send(frame)

    def release(self):
        """What was held back for long enough. Gives whether something is still."""
        for port, line in self.lines.items():
            for frame in line.overdue(time.monotonic()) if line.held else []:
                self.send(port, frame)
        return any(line.held for line in self.lines.values())


class Counted:
    """Writes the counts when they have changed, now and then."""

    def __init__(self, path, counts):
        self.path = path
        self.counts = counts
        self.written = None
        self.next = 0.0

    def save(self):
        shown = {what: count for what, count in self.counts.items()
                 if what.startswith(LOST) or what in (impair.PASSED, *impair.NAMES.values())}
        if shown != self.written and time.monotonic() >= self.next:
            save_counts(self.path, shown)
            self.written = shown
            self.next = time.monotonic() + COUNTS_EVERY_S


def run(options):
    loop = selectors.DefaultSelector()
    counts = collections.Counter()
    rates = {key: getattr(options, key) for key in impair.KEYS}
    impaired = any(rates.values()) and (
        lambda at: impair.Line(rates, f"{options.seed}/{at}", counts))
    switch = Switch(loop, pcap.Writer(options.capture, options.snap), impaired or None)
    for own, far in options.socket:
        switch.add(Socket(loop, counts, own, far))
    for netns, device in options.tap:
        switch.add(Tap(counts, netns, device))
    print("ready", flush=True)
    counted = Counted(options.counts, counts)
    held = False
    while True:
        for key, events in loop.select(impair.HOLD_S / 4 if held else COUNTS_EVERY_S):
            key.data(events)
        held = switch.release()
        counted.save()


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("tag", help="stands on the command line, so that it can be known again")
    parser.add_argument("--capture", metavar="PCAP", required=True)
    parser.add_argument("--snap", type=int, default=MAX_FRAME)
    parser.add_argument("--counts", metavar="JSON", required=True)
    parser.add_argument("--socket", nargs=2, metavar=("OWN", "FAR"), action="append", default=[])
    parser.add_argument("--tap", nargs=2, metavar=("NETNS", "DEVICE"), action="append",
                        default=[])
    for key in impair.KEYS:
        parser.add_argument(f"--{key}", type=float, default=0.0, metavar="PART")
    parser.add_argument("--seed", type=int, default=1)
    try:
        run(parser.parse_args(arguments))
    except ToolError as error:
        print(f"switch: {error}", file=sys.stderr)
        return error.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
