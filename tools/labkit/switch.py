#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A wire of the lab with more than two ends, or with an end on this host: a switch
between the sockets of emulated machines and TAP devices in network namespaces, which
captures what comes in. Says "ready" once all ends are there."""

import argparse
import collections
import contextlib
import os
import selectors
import socket
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.dont_write_bytecode = True

from labkit import host, pcap  # noqa: E402
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
    def __init__(self, loop, capture):
        self.loop = loop
        self.capture = capture
        self.ports = []
        self.seen = {}

    def add(self, port):
        self.ports.append(port)
        self.loop.register(port.source, selectors.EVENT_READ, lambda _events: self.forward(port))

    def forward(self, port):
        with contextlib.suppress(BlockingIOError):
            for _ in range(FRAMES_IN_A_ROW):
                frame = port.read()
                self.capture.write(frame)
                self.seen[frame[6:12]] = port
                known = None if frame[0] & GROUP_BIT else self.seen.get(frame[:6])
                for other in [known] if known else self.ports:
                    if other is not port:
                        other.send(frame)


def run(options):
    loop = selectors.DefaultSelector()
    counts = collections.Counter()
    switch = Switch(loop, pcap.Writer(options.capture, options.snap))
    for own, far in options.socket:
        switch.add(Socket(loop, counts, own, far))
    for netns, device in options.tap:
        switch.add(Tap(counts, netns, device))
    print("ready", flush=True)
    written = None
    while True:
        for key, events in loop.select(COUNTS_EVERY_S):
            key.data(events)
        lost = {what: count for what, count in counts.items() if what.startswith(LOST)}
        if lost != written:
            save_counts(options.counts, lost)
            written = lost


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("tag", help="stands on the command line, so that it can be known again")
    parser.add_argument("--capture", metavar="PCAP", required=True)
    parser.add_argument("--snap", type=int, default=MAX_FRAME)
    parser.add_argument("--counts", metavar="JSON", required=True)
    parser.add_argument("--socket", nargs=2, metavar=("OWN", "FAR"), action="append", default=[])
    parser.add_argument("--tap", nargs=2, metavar=("NETNS", "DEVICE"), action="append",
                        default=[])
    try:
        run(parser.parse_args(arguments))
    except ToolError as error:
        print(f"switch: {error}", file=sys.stderr)
        return error.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
