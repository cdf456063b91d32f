# SPDX-License-Identifier: BSD-2-Clause
"""The console of a guest of Linux' KVM, by the serial line of the machine that has it
(tools/guest/nested there)."""

from labkit import serial

ATTACH_S = 20


def overlay(peer):
    """The first three numbers of the guests' addresses."""
    return peer.rpartition(".")[0]


def underlay(peer):
    """Those of their machines' own addresses."""
    first, second = peer.split(".")[:2]
    return f"{first}.{second}.1"


class Host:
    """As serial.Node for Caisson's guests."""

    def __init__(self, port, name):
        self.port = port
        self.name = name

    def attach(self, _guest):
        """Also from where an earlier attachment was left."""
        self.port.drain()
        self.port.send(serial.DETACH)
        self.port.send(serial.KILL_LINE + b"\n nested attach\n")
        self.port.expect(rb"\[attached\]\r\n", ATTACH_S)

    def detach(self):
        self.port.send(serial.DETACH)
        self.port.expect(rb"\[detached\]", ATTACH_S)
