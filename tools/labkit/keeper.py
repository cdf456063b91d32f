#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Keeps one machine of Bochs, and gives it the sockets that a machine of QEMU has by
itself: its serial line as a stream socket with a log, and one end of a wire as a
datagram socket, captured if asked. Ends with Bochs and with its exit status.

Bochs gets its frames by the protocol of a VDE switch, all in the machine's directory:
no root, no port. Each side of it takes one frame a millisecond of its own time; what
comes faster waits in a queue here, and what the queue cannot take is counted as lost, as
is what Bochs' NIC drops, which only Bochs' log tells."""

import argparse
import collections
import json
import os
import selectors
import socket
import struct
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.dont_write_bytecode = True

from labkit import bochs, pcap  # noqa: E402
from labkit.errors import ToolError  # noqa: E402

VDE_SOCKET = "vde"
VDE_DATA = "vde.data"
# What asks for a port: magic, version, type, and the socket address (sockaddr_un) that
# the asker's frames come from and go to. The answer is the address to send them to.
VDE_REQUEST = struct.Struct("<III H108s")
VDE_MAGIC, VDE_VERSION = 0xFEEDFACE, 3
SOCKET_ADDRESS = struct.Struct("<H108s")
COUNTS = "wire.json"
LOST = "lost "  # begins the names of the counts of frames that no queue could take
NOT_READY = f"{LOST}by a NIC that was not ready"
COUNTS_EVERY_S = 0.5
# Frames that wait for one receiver: as much as TCP has under way over a slow path.
QUEUE_FRAMES = 1024
MAX_FRAME = 65536
FRAMES_IN_A_ROW = 64
SERIAL_BACKLOG = 65536
TICK_S = 0.5
SIGNAL_STATUS = 128  # and the signal's number, as shells have it


class Serial:
    """The machine's line to one user at a time at `path`, and all it says to a log."""

    def __init__(self, loop, line, path, log):
        self.loop = loop
        self.line = line
        self.log = open(log, "wb", buffering=0)
        self.user = None
        self.to_user = b""
        self.to_machine = b""
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen()
        loop.register(self.listener, selectors.EVENT_READ, self.accept)
        loop.register(line, selectors.EVENT_READ, self.on_line)

    def accept(self, _events):
        self.user = self.listener.accept()[0]
        self.user.setblocking(False)
        # The next one waits in the listener's queue.
        self.loop.unregister(self.listener)
        self.loop.register(self.user, selectors.EVENT_READ, self.on_user)

    def leave(self):
        self.loop.unregister(self.user)
        self.user.close()
        self.user = None
        self.to_user = self.to_machine = b""
        self.loop.register(self.listener, selectors.EVENT_READ, self.accept)
        self.loop.modify(self.line, selectors.EVENT_READ, self.on_line)

    def on_line(self, events):
        if events & selectors.EVENT_READ:
            data = _read(self.line)
            self.log.write(data)
            # A user that does not listen loses what came; the log has it all.
            if self.user and len(self.to_user) < SERIAL_BACKLOG:
                self.to_user += data
        self.pump()

    def on_user(self, events):
        if not self.user:
            return  # the line has just found out that it left
        if events & selectors.EVENT_READ:
            try:
                data = self.user.recv(4096)
            except BlockingIOError:
                data = None
            except OSError:
                data = b""
            if data == b"":
                self.leave()
                return
            self.to_machine += data or b""
        self.pump()

    def pump(self):
        """Moves what the other side takes; listens again for what it did not."""
        if not self.user:
            return
        try:
            if self.to_user:
                self.to_user = self.to_user[self.user.send(self.to_user):]
        except BlockingIOError:
            pass
        except OSError:
            self.leave()
            return
        try:
            if self.to_machine:
                self.to_machine = self.to_machine[os.write(self.line, self.to_machine):]
        except BlockingIOError:
            pass
        self.loop.modify(self.line, _events(True, self.to_machine), self.on_line)
        self.loop.modify(self.user, _events(not self.to_machine, self.to_user), self.on_user)


class Dropped:
    """Frames that Bochs' NIC dropped, by the log at `path`."""

    def __init__(self, path):
        self.path = path
        self.read_to = 0
        self.frames = 0

    def count(self):
        try:
            with open(self.path, "rb") as log:
                log.seek(self.read_to)
                lines = log.read()
        except FileNotFoundError:
            return self.frames
        lines = lines[:lines.rfind(b"\n") + 1]
        self.read_to += len(lines)
        self.frames += lines.count(bochs.NIC_DROPPED)
        return self.frames


class Receiver:
    """Who gets frames at `address`. What it does not take at once waits in line."""

    def __init__(self, loop, counts, name):
        self.loop = loop
        self.counts = counts
        self.name = name
        self.address = None
        self.socket = None
        self.waiting = collections.deque()

    def send(self, frame):
        if not self.waiting and self._sent(frame):
            return
        if len(self.waiting) >= QUEUE_FRAMES:
            self.counts[f"{LOST}to the {self.name}"] += 1
            return
        self.waiting.append(frame)
        if len(self.waiting) == 1:
            self.loop.register(self.socket, selectors.EVENT_WRITE, self.flush)

    def flush(self, _events):
        while self.waiting and self._sent(self.waiting[0]):
            self.waiting.popleft()
            if not self.waiting:
                self.loop.unregister(self.socket)

    def _sent(self, frame):
        """False when it must wait. By a connected socket, because only that becomes
        writable when the receiver has room again."""
        try:
            if not self.socket:
                self._connect()
            self.socket.send(frame)
        except BlockingIOError:
            return False
        except OSError:
            # Nobody there (yet): a cable with a loose end.
            self.counts[f"unheard by the {self.name}"] += 1
            return True
        self.counts[f"to the {self.name}"] += 1
        return True

    def _connect(self):
        if not self.address:
            raise FileNotFoundError
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.setblocking(False)
        try:
            sender.connect(self.address)
        except OSError:
            sender.close()
            raise
        self.socket = sender


class Wire:
    """Frames between Bochs and the wire. `ends`: our datagram socket, the other end's."""

    def __init__(self, loop, ends, capture, snap):
        self.loop = loop
        self.counts = collections.Counter()
        self.written = None
        self.dropped = Dropped(bochs.LOG)
        self.machine = Receiver(loop, self.counts, "machine")
        self.far = Receiver(loop, self.counts, "wire")
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.control.bind(VDE_SOCKET)
        self.control.listen()
        loop.register(self.control, selectors.EVENT_READ, self.on_control)
        self._listen(VDE_DATA, self.far)
        if ends:
            self._listen(ends[0], self.machine)
            self.far.address = ends[1]
        self.capture = pcap.Writer(capture, snap) if capture else None

    def _listen(self, path, receiver):
        source = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        source.bind(path)
        source.setblocking(False)
        self.loop.register(source, selectors.EVENT_READ,
                           lambda _events: self.forward(source, receiver))

    def on_control(self, _events):
        """Bochs asks for its port of the switch."""
        peer = self.control.accept()[0]
        try:
            address = parse_request(peer.recv(256))
        except ValueError as error:
            print(f"keeper: {error}", file=sys.stderr)
            peer.close()
            return
        self.machine.address = address
        # The connection stands for the port: kept as long as this process lives.
        self.peer = peer
        peer.send(SOCKET_ADDRESS.pack(socket.AF_UNIX, VDE_DATA.encode()))

    def forward(self, source, receiver):
        for _ in range(FRAMES_IN_A_ROW):
            try:
                frame = source.recv(MAX_FRAME)
            except BlockingIOError:
                return
            if self.capture:
                self.capture.write(frame)
            receiver.send(frame)

    def write_counts(self):
        if dropped := self.dropped.count():
            self.counts[NOT_READY] = dropped
        if self.counts != self.written:
            self.written = self.counts.copy()
            save_counts(COUNTS, self.counts)


def save_counts(path, counts):
    with open(path + ".new", "w", encoding="ascii") as f:
        json.dump(counts, f)
    os.replace(path + ".new", path)


def parse_request(request):
    """The address in a VDE request; it is abstract, and all 108 bytes are its name."""
    if len(request) < VDE_REQUEST.size:
        raise ValueError(f"a VDE request of {len(request)} bytes")
    magic, version, _type, family, path = VDE_REQUEST.unpack_from(request)
    if (magic, version, family) != (VDE_MAGIC, VDE_VERSION, socket.AF_UNIX):
        raise ValueError(f"no VDE request: {magic:#x}, version {version}, family {family}")
    return path


def _events(read, write):
    return (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""


def keep(options):
    loop = selectors.DefaultSelector()
    wire = Wire(loop, options.wire, options.capture, options.snap) if options.nic else None
    # By the host's clock: the idle processor of a free machine skips ahead, each timeout
    # there is over before an answer can arrive, and its idling costs a core here.
    machine = bochs.Bochs(".", options.model, options.cores, options.memory, bochs.CLOCK_SLOWED,
                          options.nic, VDE_SOCKET, False, options.firmware)
    line = Serial(loop, machine.serial, options.serial, options.serial_log)
    watched = 0
    written = 0.0
    while machine.tend():
        for descriptor in machine.side[watched:]:
            loop.register(descriptor, selectors.EVENT_READ, lambda _events: None)
        watched = len(machine.side)
        for key, events in loop.select(TICK_S):
            key.data(events)
        if wire and time.monotonic() > written + COUNTS_EVERY_S:
            wire.write_counts()
            written = time.monotonic()
    line.on_line(selectors.EVENT_READ)
    if wire:
        wire.write_counts()
    status = machine.process.returncode
    if status:
        print(machine.said.decode(errors="replace"), file=sys.stderr)
    return status if status >= 0 else SIGNAL_STATUS - status


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("tag", help="stands on the command line, so that it can be known again")
    parser.add_argument("--model", required=True)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--memory", type=int, required=True, help="MiB")
    parser.add_argument("--firmware", default=bochs.FIRMWARE)
    parser.add_argument("--serial", required=True)
    parser.add_argument("--serial-log", required=True)
    parser.add_argument("--nic", metavar="MAC")
    parser.add_argument("--wire", nargs=2, metavar=("OWN", "OTHER"))
    parser.add_argument("--capture", metavar="PCAP")
    parser.add_argument("--snap", type=int, default=MAX_FRAME)
    try:
        return keep(parser.parse_args(arguments))
    except ToolError as error:
        print(f"keeper: {error}", file=sys.stderr)
        return error.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
