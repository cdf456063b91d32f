# SPDX-License-Identifier: BSD-2-Clause
"""The ways of a frame from one Linux to another that are compared, and the lab they share.

    native            p1 ==================== p2              Linux on the machine itself
    guest             g1 - alpha ======== beta - g1           Caisson on one core
    vmm, adaptive     g1 - gamma ======= delta - g1           Caisson with a core that dispatches
    kvm               g1 - k1 ============= k2 - g1           KVM, vhost-net, the kernel's VXLAN
    user              g1 - k1 ============= k2 - g1           KVM, vhost-net, a TAP daemon

All machines have the same model of NIC and a wire to the other one, and the same kernel
with the same clock source runs at both ends of each way."""

import dataclasses

UNDERLAY_MTU = 9000
# What a frame has around it on an overlay's wire: its own Ethernet header, the link's, UDP
# and IPv4 (VXLAN's; Caisson's plain UDP has 8 bytes less).
OVERHEAD = 50
GUEST_MTU_MOST = 65000
PLAIN_MTU_MOST = 9000
CMDLINE = "console=ttyS0 mitigations=off clocksource=tsc tsc=reliable panic=1"


@dataclasses.dataclass(frozen=True)
class Way:
    """`ends`: who measures and who is measured against, as tools/lab names them."""

    key: str
    title: str
    machines: tuple
    ends: tuple
    peer: str
    mtu_most: int = GUEST_MTU_MOST
    nodes: tuple = ()  # of Caisson
    mode: str = ""     # of dispatch
    nested: str = ""   # under Linux' KVM: what tools/guest/nested calls the way
    skips: tuple = ()  # groups of measures


WAYS = {way.key: way for way in (
    Way("native", "native", ("p1", "p2"), ("p1", "p2"), "10.2.0.2", PLAIN_MTU_MOST),
    Way("guest", "Caisson, guest-driven", ("alpha", "beta"), ("alpha/g1", "beta/g1"),
        "10.1.0.2", nodes=("alpha", "beta")),
    Way("vmm", "Caisson, VMM-driven", ("gamma", "delta"), ("gamma/g1", "delta/g1"),
        "10.3.0.2", nodes=("gamma", "delta"), mode="vmm"),
    Way("adaptive", "Caisson, adaptive", ("gamma", "delta"), ("gamma/g1", "delta/g1"),
        "10.3.0.2", nodes=("gamma", "delta"), mode="adaptive"),
    Way("kvm", "KVM, VXLAN", ("k1", "k2"), ("k1/g1", "k2/g1"), "10.4.0.2",
        nested="vxlan"),
    Way("user", "KVM, TAP daemon", ("k1", "k2"), ("k1/g1", "k2/g1"), "10.4.0.2",
        nested="tap", skips=("mpi",)),
)}

QUICK = ("native", "guest", "vmm", "kvm")

PLAIN = ("machine {name} plain yes cores {cores} memory {memory}M nic {nic} kernel {kernel} "
         'initrd {initrd} cmdline "{cmdline} caisson.name={name} caisson.ip={address}/24"')
NODE_MACHINE = "machine {name} cores {cores} memory {memory}M nic {nic}"
# A link cuts frames that are longer than the wire's into IPv4 fragments. The thresholds are
# those of examples/dispatch.lab: a tenth of a machine's, for an emulated one.
NODE = """\
node {name}
  uplink add 0 address {address}/24 mtu {underlay}
{dispatcher}  link add peer udp remote {remote} port 9000 fragment on
  vm add g1 memory {guest_memory}M cpus 1 core {core} kernel {kernel} initrd {initrd} \
cmdline "{cmdline} caisson.name={name}-g1 caisson.ip={guest}/24"
  interface add g1.eth0 mac 02:00:00:00:0{net}:0{side} mtu {mtu}{mode}
  route add src any dst any to edge peer from interface g1.eth0
  route add src any dst any to interface g1.eth0 from edge peer
  vm start g1
"""
DISPATCHER = "  dispatcher add 0 core 0 yield timed t-sleep 1ms\n"
MODE = " mode guest alpha-l 100 alpha-u 1000 omega 50ms"


@dataclasses.dataclass(frozen=True)
class Setup:
    """What the machines are made of: sizes in MiB, file names of tools/mkguest."""

    nic: str = "e1000"
    kernel: str = "vmlinuz-amd64"
    initrd: str = "initrd-bench.img"
    guest_memory: int = 256
    host_initrd: str = "initrd-kvm.img"
    host_memory: int = 1024


def plain_pair(setup, names, net):
    return [PLAIN.format(name=name, cores=1, memory=setup.guest_memory, nic=setup.nic,
                         kernel=setup.kernel, initrd=setup.initrd, cmdline=CMDLINE,
                         address=f"10.{net}.0.{side}")
            for side, name in enumerate(names, 1)]


def host_pair(setup, names, net):
    """Machines with KVM: their guests have 10.NET.0.x, they themselves 10.NET.1.x. QEMU and
    vhost-net run beside the guest on a core of their own."""
    return [PLAIN.format(name=name, cores=2, memory=setup.host_memory, nic=setup.nic,
                         kernel=setup.kernel, initrd=setup.host_initrd, cmdline=CMDLINE,
                         address=f"10.{net}.1.{side}")
            for side, name in enumerate(names, 1)]


def node_pair(setup, names, net, dispatcher):
    """(machine lines, node sections) of two nodes; with a dispatcher their guests have the
    second core."""
    cores = 2 if dispatcher else 1
    machines = [NODE_MACHINE.format(name=name, cores=cores, memory=setup.guest_memory + 384,
                                    nic=setup.nic) for name in names]
    nodes = [NODE.format(name=name, address=f"10.{net}.1.{side}", remote=f"10.{net}.1.{3 - side}",
                         underlay=UNDERLAY_MTU, dispatcher=DISPATCHER if dispatcher else "",
                         guest_memory=setup.guest_memory, core=cores - 1, kernel=setup.kernel,
                         initrd=setup.initrd, cmdline=CMDLINE, guest=f"10.{net}.0.{side}",
                         net=net, side=side, mtu=GUEST_MTU_MOST, mode=MODE if dispatcher else "")
             for side, name in enumerate(names, 1)]
    return machines, nodes


def lab_text(setup, ways):
    """The .lab file for these ways."""
    pairs = dict.fromkeys(way.machines for way in ways)
    machines, nodes = [], []
    for pair in pairs:
        way = next(way for way in ways if way.machines == pair)
        net = int(way.peer.split(".")[1])
        if way.nodes:
            more, sections = node_pair(setup, pair, net, bool(way.mode))
            machines += more
            nodes += sections
        else:
            machines += (host_pair if way.nested else plain_pair)(setup, pair, net)
        machines.append(f"wire {'-'.join(pair)} {' '.join(pair)} snap 64")
    return "\n".join([*machines, "caisson 1", *nodes])
