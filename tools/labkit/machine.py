# SPDX-License-Identifier: BSD-2-Clause
"""One emulated machine: its files, its boot disk, its emulator's command line."""

import os
import shutil
import subprocess
import sys

from labkit import bochs, impair, iso, ixgbe, newqemu
from labkit import state as states
from labkit.errors import ToolError, usage_error

SERIAL_SOCKET = "serial.sock"
SERIAL_LOG = "serial.log"
QMP_SOCKET = "qmp.sock"
# Each emulator's logs in the machine's directory; the first has its command line.
LOGS = {"QEMU": ["qemu.log"], "Bochs": ["keeper.log", bochs.LOG]}
# What QEMU calls a NIC otherwise than we do.
QEMU_NICS = {"virtio-net": "virtio-net-pci"}
# QEMU's processor. It gives SVM to any model, those of Intel included.
CPU = {"svm": "EPYC,+svm,+npt", "none": "EPYC,-svm"}


def find_file(lab, name, guest_dir):
    """The file behind a module or kernel name: as the .lab file says, else beside
    it, else among the guest images. None when there is none."""
    told = lab.files.get(name, name)
    for directory in (os.path.dirname(lab.path), os.getcwd(), guest_dir):
        path = os.path.join(directory, told)
        if os.path.isfile(path):
            return path
    return None


def needed_file(lab, name, guest_dir):
    path = find_file(lab, name, guest_dir)
    if not path:
        raise usage_error(f'{os.path.relpath(lab.path)}: there is no file "{name}" '
                          "(tools/mkguest makes the guest images)")
    return path


def modules_of(lab, machine, guest_dir, warn):
    """[(module name, file)] for a node, node.conf left out. A module without a
    file is left out with a warning: the node has to cope, and says so."""
    node = lab.nodes.get(machine.name)
    found = []
    for name in node.modules if node else []:
        path = find_file(lab, name, guest_dir)
        if path:
            found.append((name, path))
        else:
            warn(f'{machine.name}: there is no file for the module "{name}"')
    return found


def emulator_of(machine):
    return "Bochs" if machine.in_bochs else "QEMU"


def boot_arguments(lab, machine, directory, image, guest_dir, warn):
    """Makes what the machine boots from; gives its emulator's options that say so."""
    disk = disk_arguments(lab, machine, guest_dir)
    if machine.plain:
        cmdline = machine.cmdline
        if "caisson.name=" not in cmdline:
            cmdline += f" caisson.name={machine.name}"
        kernel = needed_file(lab, machine.kernel, guest_dir)
        initrd = machine.initrd and needed_file(lab, machine.initrd, guest_dir)
        if machine.in_bochs:
            iso.linux(directory, kernel, initrd, cmdline)
            return disk
        return ["-kernel", kernel, "-append", cmdline, *(["-initrd", initrd] if initrd else [])]
    if not os.path.isfile(image):
        raise ToolError(f"there is no hypervisor image {os.path.relpath(image)}: run make")
    conf = os.path.join(directory, "node.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(lab.conf)
    modules = [("node.conf", conf), *modules_of(lab, machine, guest_dir, warn)]
    arguments = f"node={machine.name}"
    if machine.boot == "grub":
        iso.caisson(directory, image, arguments, modules)
        return disk
    return ["-kernel", os.path.abspath(image), "-append", arguments,
            "-initrd", link_modules(directory, modules)]


def disk_arguments(lab, machine, guest_dir):
    """To boot from iso.NAME, which is the only thing that the machines of Bochs can."""
    if not machine.in_bochs:
        return ["-boot", "d", "-cdrom", iso.NAME]
    if machine.firmware:
        return ["--firmware", needed_file(lab, machine.firmware, guest_dir)]
    return []


def link_modules(directory, modules):
    """QEMU's Multiboot 1 loader takes "FILE ARGUMENTS,FILE ARGUMENTS" and gives the
    kernel the same strings; a module's name is the last part of its file's path."""
    links = os.path.join(directory, "modules")
    shutil.rmtree(links, ignore_errors=True)
    os.makedirs(links)
    for name, path in modules:
        os.symlink(path, os.path.join(links, name))
    return ",".join(f"modules/{name} bytes={os.path.getsize(path)}" for name, path in modules)


def ends_of(lab, machine, wire):
    """The machine's end of a wire and the other one: datagram sockets, from its directory."""
    other = f"{machine.name}.lan" if lab.is_switched(wire) else \
        wire.ends[wire.ends[0] == machine.name]
    return [f"../wires/{wire.name}.{end}" for end in (machine.name, other)]


def captures(lab, machine, wire):
    """The first end of a wire captures it, unless a switch does."""
    return machine.name == wire.ends[0] and not lab.is_switched(wire)


def network_arguments(lab, machine):
    """A NIC for each wire (or one without a wire).

    A wire is a pair of datagram sockets: no root, no ports, frame boundaries kept."""
    if machine.nic == "none":
        return ["-nic", "none"]
    options = []
    wires = lab.wires_of(machine)
    for index, wire in enumerate(wires):
        if machine.nic_model(index) == "ixgbe":
            continue
        local, remote = ends_of(lab, machine, wire)
        options += ["-netdev", f"dgram,id=net{index},local.type=unix,local.path={local},"
                               f"remote.type=unix,remote.path={remote}"]
        if captures(lab, machine, wire):
            options += ["-object", f"filter-dump,id=dump{index},netdev=net{index},"
                                   f"file=../wires/{wire.name}.pcap,maxlen={wire.snap}"]
    if not wires and machine.nic_model(0) != "ixgbe":
        options += ["-netdev", "hubport,id=net0,hubid=0"]
    for index in range(max(1, len(wires))):
        model = machine.nic_model(index)
        if model == "ixgbe":
            options += ixgbe.qemu_arguments(index)
            continue
        options += ["-device", f"{QEMU_NICS.get(model, model)},netdev=net{index},romfile=,"
                               f"mac={lab.mac_of(machine, index)}"]
    return options


def wrappers(lab, machine):
    """The commands in front of QEMU's that lend it its NICs, where it has not got them."""
    command = []
    wires = lab.wires_of(machine)
    for index in range(max(1, len(wires))):
        if machine.nic == "none" or machine.nic_model(index) != "ixgbe":
            continue
        wire = wires[index] if wires else None
        command += ixgbe.wrapper(
            index, lab.mac_of(machine, index), wire and ends_of(lab, machine, wire),
            f"../wires/{wire.name}.pcap" if wire and captures(lab, machine, wire) else None,
            wire and wire.snap, ixgbe.LINUX_WAIVES if machine.plain else ())
    return command


def process_tag(lab_name, machine_name):
    """Stands on the command line of each process, so that it can be known again."""
    return f"lab:{lab_name}/{machine_name}"


def cpu_of(machine):
    model, features = CPU[machine.backend].split(",", 1)
    return f"{machine.model or model},{features}"


def processors(machine):
    """Processors and memory; each of several sockets is a NUMA node."""
    in_socket = machine.cores // machine.sockets
    backend = ixgbe.MEMORY if ixgbe.is_in(machine) else "memory-backend-ram"
    arguments = ["-smp", f"{machine.cores},sockets={machine.sockets},threads={machine.threads},"
                 f"cores={in_socket // machine.threads}", "-m", str(machine.memory)]
    if machine.sockets == 1 and ixgbe.is_in(machine):
        arguments += ["-object", f"{backend},id=ram,size={machine.memory}M",
                      "-machine", "memory-backend=ram"]
    for node in range(machine.sockets if machine.sockets > 1 else 0):
        share = machine.memory // machine.sockets
        if node == 0:
            share += machine.memory % machine.sockets
        arguments += ["-object", f"{backend},id=ram{node},size={share}M", "-numa",
                      f"node,nodeid={node},memdev=ram{node},"
                      f"cpus={node * in_socket}-{(node + 1) * in_socket - 1}"]
    return arguments


def qemu_command(lab, machine, boot, tag):
    program = newqemu.command() if newqemu.is_in(machine) else (newqemu.QEMU,)
    return [*wrappers(lab, machine), *program, "-name", tag,
            "-accel", f"tcg,thread={ixgbe.THREAD if ixgbe.is_in(machine) else 'multi'}",
            "-cpu", cpu_of(machine), "-machine", "pc", "-nodefaults", "-vga", "std",
            *processors(machine), "-display", "none",
            "-no-reboot", "-chardev", f"socket,id=com1,path={SERIAL_SOCKET},server=on,wait=off,"
            f"logfile={SERIAL_LOG}", "-serial", "chardev:com1",
            "-qmp", f"unix:{QMP_SOCKET},server=on,wait=off",
            *network_arguments(lab, machine), *boot]


def bochs_command(lab, machine, boot, tag):
    wires = lab.wires_of(machine)
    command = [sys.executable, os.path.join(os.path.dirname(__file__), "keeper.py"), tag,
               "--model", machine.model or bochs.MODELS[machine.backend],
               "--cores", str(machine.cores), "--memory", str(machine.memory),
               "--serial", SERIAL_SOCKET, "--serial-log", SERIAL_LOG, *boot]
    if machine.nic != "none":
        command += ["--nic", lab.mac_of(machine)]
    for wire in wires:
        command += ["--wire", *ends_of(lab, machine, wire)]
        if captures(lab, machine, wire):
            command += ["--capture", f"../wires/{wire.name}.pcap", "--snap", str(wire.snap)]
    return command


def start(state, lab, machine, boot):
    """Starts the emulator in the machine's directory (sockets have relative names there:
    a socket's path may have 107 bytes only)."""
    directory = state.path(machine.name)
    for name in (SERIAL_SOCKET, SERIAL_LOG, QMP_SOCKET):
        if os.path.exists(os.path.join(directory, name)):
            os.unlink(os.path.join(directory, name))
    tag = process_tag(state.data["name"], machine.name)
    make_command = bochs_command if machine.in_bochs else qemu_command
    command = make_command(lab, machine, boot, tag)
    with open(os.path.join(directory, LOGS[emulator_of(machine)][0]), "wb") as log:
        log.write((" ".join(command) + "\n").encode())
        log.flush()
        try:
            process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True)
        except FileNotFoundError:
            raise ToolError(f"there is no {command[0]}: run tools/setup") from None
    state.note_process(state.machines[machine.name], process.pid, tag)
    return process


def start_switch(state, lab, wire):
    """The switch of a wire, with its TAP devices in the namespaces at its ends."""
    tag = process_tag(state.data["name"], f"wire {wire.name}")
    command = [sys.executable, os.path.join(os.path.dirname(__file__), "switch.py"), tag,
               "--capture", f"{wire.name}.pcap", "--snap", str(wire.snap),
               "--counts", f"{wire.name}.json", "--seed", str(wire.seed)]
    for key in impair.KEYS:
        command += [f"--{key}", str(getattr(wire, key))]
    for end in wire.ends:
        machine = lab.machines[end]
        if machine.on_host:
            device = f"eth{lab.wires_of(machine).index(wire)}"
            command += ["--tap", state.machines[end]["netns"], device]
        else:
            command += ["--socket", f"{wire.name}.{end}.lan", f"{wire.name}.{end}"]
    with open(state.path("wires", f"{wire.name}.log"), "wb") as log:
        process = subprocess.Popen(command, cwd=state.path("wires"), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=log, start_new_session=True)
    state.note_process(state.switches.setdefault(wire.name, {}), process.pid, tag)
    with process.stdout:
        if process.stdout.readline() != b"ready\n":
            raise ToolError(f"the wire {wire.name} has no switch:\n"
                            + states.tail(state.path("wires", f"{wire.name}.log")))
    return process
