# SPDX-License-Identifier: BSD-2-Clause
"""A .lab file: a cluster's node.conf plus the lines that only the lab reads.

    machine NAME [backend svm|none|vmx|bochs-svm] [cores N] [sockets N] [threads N]
                 [memory SIZE] [nic MODEL[,MODEL...]]
                 [boot grub|kernel] [wait guests|node] [model CPU] [firmware FILE]
    machine NAME plain yes kernel FILE initrd FILE cmdline "..." [mac MAC] [cores ...]
    machine NAME backend host [setup "SHELL COMMANDS"]
    wire NAME END END ... [snap BYTES] [loss P%] [reorder P%] [duplicate P%] [seed N]
    module NAME FILE

`nic` is the model of all NICs, or a list: of the first wire's, the second's and so on, the
last one of all that follow.

`cores` counts all of a machine's; in several sockets, each is a NUMA node with its share of
the memory. `threads` of them make a core (QEMU only, both).

`nic` is a model of QEMU's, or ixgbe: an 82599 beside QEMU, whose processors then take turns.
With igb (an 82576) the machine runs in a QEMU that has one: labkit/newqemu.py.

Machines with the backends vmx and bochs-svm are Bochs', all others QEMU's; `model` is a
processor that its emulator knows (bochs-bin --help cpu, qemu-system-x86_64 -cpu help).

`backend host` is a network namespace of this host (as root): a vnetpd runs there if the
file has a section of its name, else it is plain Linux. Its wires are eth0, eth1 ... in
their order; eth0 has the address that the section's `uplink add` says. Then it is set up.

A wire with more than two ends is a LAN. `loss`, `reorder` and `duplicate` are how many of the
frames are dropped, overtaken by others (up to 8, for up to 20 ms) and doubled, on each of
its ways; the same `seed` (1) gives the same dice. `tools/lab status` counts them.
The lab's own lines become empty ones in what the nodes get, so that line numbers in their
messages are those of the .lab file."""

import dataclasses
import hashlib
import os
import re

from labkit import bochs, impair, words
from labkit.errors import usage_error

NIC_MODELS = ("e1000", "e1000e", "igb", "ixgbe", "virtio-net", "vmxnet3", "virtio-net-pci",
              "rtl8139", "none")
MACHINE_KEYS = ("backend", "cores", "sockets", "threads", "memory", "nic", "boot", "wait",
                "mac", "model", "firmware", "plain", "kernel", "initrd", "cmdline", "setup")
HOST = "host"
HOST_KEYS = ("backend", "setup")
CHOICES = {"backend": ("svm", "none", *bochs.MODELS, HOST),
           "boot": ("grub", "kernel"), "wait": ("guests", "node"), "plain": ("yes", "no")}
# What Bochs cannot do: the key's only values there.
BOCHS_CHOICES = {"nic": ("e1000", "none"), "boot": ("grub",), "sockets": (1,),
                 "threads": (1,)}
BOCHS_ONLY = ("firmware",)
PLAIN_ONLY = ("kernel", "initrd", "cmdline")
LAB_OBJECTS = ("machine", "wire", "module")
# First words of lines that are the nodes' business; only used to tell a
# misspelt lab word from a word that the nodes know.
NODE_OBJECTS = ("caisson", "node", "overlay", "uplink", "link", "vm", "interface", "disk",
                "route", "key")
# Keys in a node's section whose value names a boot module.
MODULE_KEYS = ("kernel", "initrd", "module", "file")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}\Z")
PERCENT = re.compile(r"(\d{1,3}(\.\d{1,4})?)%\Z")
MAX_CORES = 64
WIRE_KEYS = ("snap", *impair.KEYS, "seed")
DEFAULT_SNAP = 65536


@dataclasses.dataclass
class Machine:
    """One emulated machine; memory in MiB."""

    name: str
    backend: str = "svm"
    cores: int = 2
    sockets: int = 1
    threads: int = 1
    memory: int = 1024
    nic: str = "e1000"
    boot: str = "grub"
    wait: str = "guests"
    mac: str = ""
    model: str = ""
    firmware: str = ""
    plain: bool = False
    kernel: str = ""
    initrd: str = ""
    cmdline: str = ""
    setup: str = ""

    def nic_model(self, index):
        """The model of its n-th NIC."""
        models = self.nic.split(",")
        return models[min(index, len(models) - 1)]

    @property
    def on_host(self):
        return self.backend == HOST

    @property
    def in_bochs(self):
        return self.backend in bochs.MODELS


@dataclasses.dataclass
class Wire:
    """A cable between two machines, or a LAN; `snap` bytes of a frame are captured. Its
    faults are parts of 1, see labkit.impair."""

    name: str
    ends: tuple
    snap: int = DEFAULT_SNAP
    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    seed: int = 1

    @property
    def impaired(self):
        return any(getattr(self, key) for key in impair.KEYS)


@dataclasses.dataclass
class Node:
    """What the lab must know of a `node` section."""

    name: str
    mac: str = ""
    address: str = ""
    guests: list = dataclasses.field(default_factory=list)
    modules: list = dataclasses.field(default_factory=list)


class Lab:
    """A parsed file. `conf` is what the nodes get as node.conf."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.machines = {}
        self.wires = {}
        self.nodes = {}
        self.files = {}
        self.conf = ""

    def islands(self):
        """Machines that wires join, in file order: each a list of machines."""
        groups = [[machine] for machine in self.machines]
        for wire in self.wires.values():
            first, *others = (next(g for g in groups if end in g) for end in wire.ends)
            for other in others:
                if first is not other:
                    first += other
                    groups.remove(other)
        return [[self.machines[name] for name in group] for group in groups]

    def wires_of(self, machine):
        return [wire for wire in self.wires.values() if machine.name in wire.ends]

    def is_switched(self, wire):
        """It needs a switch: else its two ends are each other's sockets."""
        return len(wire.ends) > 2 or wire.impaired or \
            any(self.machines[end].on_host for end in wire.ends)

    def mac_of(self, machine, index=0):
        """The MAC of a machine's n-th NIC: the file's for the first one if it
        says any, else one made from the name (same in each run)."""
        told = machine.mac or (machine.name in self.nodes and self.nodes[machine.name].mac)
        if told and index == 0:
            return told
        digest = hashlib.sha256(f"{machine.name}/{index}".encode()).digest()
        return "52:54:00:" + ":".join(f"{byte:02x}" for byte in digest[:3])


def parse_size(text):
    """A size with its unit, as in 512M or 2G, in MiB; None when it is none."""
    match = re.match(r"(\d+)([MG])\Z", text)
    if not match or not int(match[1]):
        return None
    return int(match[1]) * (1024 if match[2] == "G" else 1)


class _Parser:
    def __init__(self, lab, shown_name):
        self.lab = lab
        self.shown_name = shown_name
        self.line = 0
        self.where = {}

    def fail(self, word, message):
        column = word if isinstance(word, int) else word.column
        raise usage_error(f"{self.shown_name}:{self.line}:{column}: {message}")

    def parse(self, text):
        kept = []
        node = None
        for self.line, line in enumerate(text.splitlines(), 1):
            try:
                line_words = words.split(line)
            except words.WordError as error:
                # The nodes report their own lines; here only ours count.
                if line.split()[0] in LAB_OBJECTS:
                    self.fail(error.column, str(error))
                line_words = []
            if line_words and line_words[0] in LAB_OBJECTS:
                getattr(self, "_" + line_words[0])(line_words)
                kept.append("")
                continue
            kept.append(line)
            if line_words:
                node = self._node_line(line, line_words, node)
        self.lab.conf = "\n".join(kept) + "\n"
        self._check()

    def _node_line(self, line, line_words, node):
        """Looks at a line of the nodes' language; gives the section it is in."""
        first = line_words[0]
        if first == "node" and len(line_words) >= 2:
            node = self.lab.nodes.setdefault(str(line_words[1]), Node(str(line_words[1])))
            if line_words[2:3] == ["mac"] and len(line_words) > 3:
                node.mac = str(line_words[3])
            return node
        if first not in NODE_OBJECTS and not line[0].isspace():
            hint = words.suggestion(first, LAB_OBJECTS)
            if hint:
                self.fail(first, f'unknown word "{first}"{hint}')
        if node is None:
            return None
        if line_words[:2] == ["uplink", "add"] and "address" in line_words[3:-1] and \
                not node.address:
            node.address = str(line_words[line_words.index("address") + 1])
        if line_words[:2] == ["vm", "start"] and len(line_words) > 2:
            node.guests.append(str(line_words[2]))
        for key, value in zip(line_words[2:], line_words[3:]):
            if key in MODULE_KEYS and value not in node.modules:
                node.modules.append(str(value))
        return node

    def _name(self, line_words, what, table):
        if len(line_words) < 2:
            self.fail(line_words[0], f"{line_words[0]}: a name is missing; expected: {what}")
        name = line_words[1]
        if not NAME.match(name):
            self.fail(name, f'"{name}" is no name (letters, digits, ".", "_", "-")')
        if name in table:
            self.fail(name, f'{line_words[0]} "{name}" is there already')
        return str(name)

    def _machine(self, line_words):
        name = self._name(line_words, "machine NAME KEY VALUE ...", self.lab.machines)
        machine = Machine(name)
        rest = line_words[2:]
        seen = {}
        while rest:
            key = rest.pop(0)
            if key not in MACHINE_KEYS:
                self.fail(key, f'unknown word "{key}"{words.suggestion(key, MACHINE_KEYS)}; '
                          f"expected: {', '.join(MACHINE_KEYS)}")
            if key in seen:
                self.fail(key, f'"{key}" is given twice')
            if not rest:
                self.fail(key, f'"{key}" lacks its value')
            seen[key] = key
            value = rest.pop(0)
            setattr(machine, key, self._machine_value(key, value))
        if machine.plain and not machine.kernel:
            self.fail(line_words[1], f'the plain machine "{name}" has no kernel')
        for key in PLAIN_ONLY:
            if key in seen and not machine.plain:
                self.fail(seen[key], f'"{key}" is for a machine with "plain yes"')
        if machine.cores % (machine.sockets * machine.threads):
            self.fail(seen.get("sockets", seen.get("threads")),
                      f"{machine.cores} cores are not in {machine.sockets} sockets of cores of "
                      f"{machine.threads} threads")
        self._check_bochs(machine, seen)
        self._check_host(machine, seen)
        self.lab.machines[name] = machine

    def _check_host(self, machine, seen):
        if machine.on_host:
            for key in seen:
                if key not in HOST_KEYS:
                    self.fail(seen[key], f'"{key}" is for an emulated machine, not for one with '
                              f'"backend {HOST}"')
        elif "setup" in seen:
            self.fail(seen["setup"], f'"setup" is for a machine with "backend {HOST}"')

    def _check_bochs(self, machine, seen):
        if not machine.in_bochs:
            for key in BOCHS_ONLY:
                if key in seen:
                    self.fail(seen[key], f'"{key}" is for a machine of Bochs: one with "backend '
                              f'{" or ".join(bochs.MODELS)}"')
            return
        for key, choices in BOCHS_CHOICES.items():
            if getattr(machine, key) not in choices:
                self.fail(seen[key], f'a machine of Bochs has no {key} '
                          f'"{getattr(machine, key)}"; expected: {", ".join(map(str, choices))}')
        if machine.cores > bochs.MAX_CORES:
            self.fail(seen["cores"], f"a machine of Bochs has at most {bochs.MAX_CORES} cores")

    def _nic_value(self, value):
        for model in value.split(","):
            if model not in NIC_MODELS or (model == "none" and value != "none"):
                self.fail(value, f'unknown nic "{model}"{words.suggestion(model, NIC_MODELS)}; '
                          f"expected: {', '.join(NIC_MODELS)}")
        return str(value)

    def _machine_value(self, key, value):
        if key == "nic":
            return self._nic_value(value)
        if key in CHOICES and value not in CHOICES[key]:
            self.fail(value, f'unknown {key} "{value}"{words.suggestion(value, CHOICES[key])}; '
                      f"expected: {', '.join(CHOICES[key])}")
        if key == "plain":
            return value == "yes"
        if key in ("cores", "sockets", "threads"):
            if not value.isdigit() or not 1 <= int(value) <= MAX_CORES:
                self.fail(value, f"{key}: expected a number from 1 to {MAX_CORES}")
            return int(value)
        if key == "memory":
            size = parse_size(value)
            if not size:
                self.fail(value, f'memory: "{value}" is no size; expected as in 512M or 2G')
            return size
        if key == "mac" and not MAC.match(value):
            self.fail(value, f'"{value}" is no MAC address; expected as in 52:54:00:00:00:01')
        return str(value)

    def _wire(self, line_words):
        name = self._name(line_words, "wire NAME END END ...", self.lab.wires)
        keys = next((at for at, word in enumerate(line_words) if at > 3
                     and word not in self.lab.machines
                     and (word in WIRE_KEYS or words.suggestion(word, WIRE_KEYS))),
                    len(line_words))
        if keys < 4 or (len(line_words) - keys) % 2:
            self.fail(line_words[-1], "expected: wire NAME END END ... "
                      + " ".join(f"[{key} VALUE]" for key in WIRE_KEYS))
        wire = Wire(name, tuple(map(str, line_words[2:keys])))
        for at in range(3, keys):
            if line_words[at] in wire.ends[:at - 2]:
                self.fail(line_words[at], f'both ends of the wire "{name}" are the same machine')
        seen = set()
        for key, value in zip(line_words[keys::2], line_words[keys + 1::2]):
            if key not in WIRE_KEYS:
                self.fail(key, f'unknown word "{key}"{words.suggestion(key, WIRE_KEYS)}; '
                          f"expected: {', '.join(WIRE_KEYS)}")
            if key in seen:
                self.fail(key, f'"{key}" is given twice')
            seen.add(key)
            setattr(wire, key, self._wire_value(key, value))
        self.lab.wires[name] = wire
        self.where[name] = (self.line, line_words[2:keys])

    def _wire_value(self, key, value):
        if key in impair.KEYS:
            match = PERCENT.match(value)
            if not match or float(match[1]) > 100:
                self.fail(value, f"{key}: expected a part of the frames, from 0% to 100%")
            return float(match[1]) / 100
        least, most, what = (64, DEFAULT_SNAP, "bytes") if key == "snap" else \
            (0, 2 ** 32 - 1, "a number")
        if not value.isdigit() or not least <= int(value) <= most:
            self.fail(value, f"{key}: expected {what} from {least} to {most}")
        return int(value)

    def _module(self, line_words):
        name = self._name(line_words, "module NAME FILE", self.lab.files)
        if len(line_words) != 3:
            self.fail(line_words[-1], "expected: module NAME FILE")
        self.lab.files[name] = str(line_words[2])

    def _check(self):
        """What can be said only once the whole file is read."""
        for name in self.lab.nodes:
            self.lab.machines.setdefault(name, Machine(name))
        for name, (self.line, line_words) in self.where.items():
            for end in line_words:
                if end not in self.lab.machines:
                    hint = words.suggestion(end, self.lab.machines)
                    self.fail(end, f'the wire "{name}" ends at an unknown machine "{end}"{hint}')
        for machine in self.lab.machines.values():
            if machine.plain and machine.name in self.lab.nodes:
                raise usage_error(f'{self.shown_name}: "{machine.name}" is both a plain machine '
                                  "and a node")
            if machine.nic == "none" and self.lab.wires_of(machine):
                raise usage_error(f'{self.shown_name}: a wire ends at "{machine.name}", '
                                  'which has "nic none"')
            if machine.on_host and machine.name in self.lab.nodes and \
                    self.lab.nodes[machine.name].guests:
                raise usage_error(f'{self.shown_name}: "{machine.name}" is no hypervisor: '
                                  "no vm can start there")
            # Its frames leave Bochs by one socket, named after its process.
            if machine.in_bochs and len(self.lab.wires_of(machine)) > 1:
                raise usage_error(f'{self.shown_name}: "{machine.name}" is a machine of Bochs: '
                                  "only one wire can end there")
        if not self.lab.machines:
            raise usage_error(f"{self.shown_name}: no machine and no node in it")


def parse(text, path):
    lab = Lab(path)
    _Parser(lab, os.path.relpath(path)).parse(text)
    return lab


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return parse(f.read(), path)
    except OSError as error:
        raise usage_error(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise usage_error(f"{path}: this is no text file (UTF-8)") from None
