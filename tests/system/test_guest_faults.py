# SPDX-License-Identifier: BSD-2-Clause
"""Guests that misbehave (tests/guest-bad), one after the other on one node: each is
reported, ends in the right state and can be started again; its neighbours count on,
and the node's console answers. The neighbours' memory is checked by themselves."""

import json
import os
import re
import socket
import subprocess
import time

import pytest
from conftest import ROOT
from node_console import NodeConsole

NEIGHBOURS = ("good0", "good1")
MEMORY = "16M"
BUSY_S = 0.4
ANSWER_S = 120
CYCLES = 100
LINES_OF_A_CASE = 40

# The case, and what the node says of it.
CRASHES = {
    "triple-fault": "triple fault",
    "halt-deaf": "it halted with interrupts off: nothing can wake it",
    "init-self": "it executes at 0xfffffff0, where there is no memory",
    "jump-nowhere": "it executes at 0xd0000000, where there is no memory",
    "tables-nowhere": "its page tables lie at 0xd0000000, where there is no memory",
    "tables-in-device": "its page tables lie at 0xfec00000, where there is no memory",
    "odd-instruction": "instruction 0f ae 00 .* cannot be emulated for an access to 0xd0000000",
    "stack-nowhere": r"its vector 3 cannot be delivered: .* lie at 0xd0000ff8",
    "idt-nowhere": r"its vector 3 cannot be delivered: .* lie at 0xd0000030",
}
REGISTERS = ("rip", "rflags", "rax", "rsp", "r15", "cr0", "cr2", "cr3", "cr4", "efer")

# These end by themselves and say PASS.
SURVIVORS = ["virtualisation", "unknown-msrs", "cr4-bits", "cr0-bits", "other-registers",
             "net-rings", "net-control", "net-setup", "net-scribble", "net-misdirect",
             "console-rings", "console-setup", "console-scribble",
             "disk-rings", "disk-scribble", "entropy-rings", "mixture",
             "fuzz 1", "fuzz 2", "fuzz 3"]

STORMS = ["spin-deaf", "timer-storm", "level-storm", "nmi-storm", "ipi-storm", "debug-storm",
          "port-storm", "string-storm", "string-port-storm", "hypercall-storm", "output-storm"]


@pytest.fixture(scope="module")
def node(bring_up, hypervisor):
    subprocess.run(["make", "-s", "-C", ROOT, "bad-guests"], check=True)
    lab = bring_up("tests/system/faults.lab", "--no-guests")
    with NodeConsole(lab, "alpha") as console:
        yield console


def add(node, case, options="core 1", interface=False, disk=False):
    node.do(f'vm add bad memory {MEMORY} kernel bad-guest.elf cmdline "{case}" {options}')
    if interface:
        node.do("interface add bad.eth0 mac 02:00:00:00:00:09")
    if disk:
        node.do("disk add bad.disk0 module bad-guest.elf overlay 64K")


def start(node):
    before = node.vm("bad")["starts"]
    node.do("vm start bad")
    node.wait("the guest is started", lambda: node.vm("bad")["starts"] > before)


def report(node):
    """What the log holds of the guest since it was last started."""
    lines = node.ask("show log").replace("\r", "").splitlines()
    begin = max(at for at, line in enumerate(lines) if "bad: started on core" in line)
    return [line for line in lines[begin:] if " bad" in line]


def stop(node):
    """Whatever it is doing, once what was asked of it before is done."""
    node.wait("the guest is stopped", lambda: "is stopped" in node.ask("vm stop bad"), ANSWER_S)


def remove(node):
    stop(node)
    node.do("vm del bad force")


def neighbours(node):
    return {name: node.vm(name) for name in NEIGHBOURS}


@pytest.fixture(autouse=True)
def untouched(node):
    """After each test: no bad guest is left, the neighbours have gone on."""
    before = neighbours(node)
    yield
    if "there is no vm" not in node.ask("show vm bad"):
        remove(node)
    for name in NEIGHBOURS:
        node.wait(f"{name} goes on", lambda name=name:
                  node.vm(name)["exits"] > before[name]["exits"], ANSWER_S)
    for name, vm in neighbours(node).items():
        assert (vm["state"], vm["starts"], vm["crashes"]) == ("running", 1, 0), name


def check_report(lines, reason):
    """The reason once, then every register."""
    reasons = [line for line in lines if "error bad: crashed: " in line]
    assert len(reasons) == 1 and re.search(f"crashed: {reason}", reasons[0]), reasons
    dump = "\n".join(lines[lines.index(reasons[0]) + 1:])
    for register in REGISTERS:
        assert re.search(rf"\b{register} +[0-9a-f]{{4,16}}\b", dump), (register, dump)


def test_the_node_names_its_processor_and_what_it_uses_of_it(node):
    shown = node.show_node()
    assert "EPYC" in shown["cpu"]["brand"] and shown["cpu"]["family"] == 23
    features = {feature["name"]: feature for feature in shown["features"]}
    assert features["xsave"]["state"] == "used" and not features["xsave"]["choice"]
    for name in ("decode-assist", "clean-bits", "x2avic"):
        assert features[name]["untested"] and features[name]["state"] != "used"
    table = node.ask("show node")
    assert shown["cpu"]["brand"] in table and re.search(r"^  xsave +used$", table, re.MULTILINE)


def test_abilities_that_cannot_be_chosen_are_told(node):
    for words, said in (("clean-bits on", "13: this processor has no"),
                        ("xsave off", "13: .* is no choice"),
                        ("clan-bits on", "13: unknown ability .*did you mean \"clean-bits\""),
                        ("clean-bits", "13: .* needs a value; expected: on or off")):
        assert re.search(f"console:{said}", node.ask(f"cpu-feature {words}"))
    node.do("cpu-feature clean-bits off")
    assert "  cpu-feature clean-bits off" in node.ask("show config")


@pytest.mark.parametrize("words, said", [
    ("cpus 3", "3 virtual CPUs are too many; this node has 2 cores"),
    ("cores 1,1", "core 1 is named twice"),
    ("cores 0,2", "there is no core 2; this node has cores 0 to 1"),
    ("cpus 2 core 1", "2 virtual CPUs need as many cores"),
])
def test_cores_that_a_guest_cannot_have(node, words, said):
    assert said in node.ask(f"vm add bad memory {MEMORY} kernel bad-guest.elf {words}")
    assert "there is no vm" in node.ask("show vm bad")


@pytest.mark.parametrize("case", CRASHES)
def test_a_crash_is_reported_and_the_guest_starts_again(node, case):
    add(node, case)
    for times in (1, 2):
        start(node)
        vm = node.wait_state("bad", "stopped")
        assert re.search(CRASHES[case], vm["reason"])
        assert (vm["starts"], vm["crashes"]) == (times, times)
        check_report(report(node), CRASHES[case])
    assert f"BEGIN {case}" in node.output("bad")


def test_the_report_shows_the_guests_registers(node):
    add(node, "triple-fault")
    start(node)
    node.wait_state("bad", "stopped")
    assert any("r15 000000000badc0de" in line for line in report(node))


def test_a_state_that_the_processor_refuses(node):
    """Page tables above the physical address width: refused in the guest, or by VMRUN."""
    add(node, "tables-too-high")
    start(node)
    vm = node.wait_state("bad", "stopped")
    assert "refuses its state" in vm["reason"] or "END tables-too-high" in node.output("bad")


def test_the_refused_check_is_named(node):
    """CS that is 64-bit and 32-bit at once: QEMU takes it and refuses the next entry."""
    add(node, "code-of-two-sizes")
    start(node)
    vm = node.wait_state("bad", "stopped")
    if "END code-of-two-sizes: refused" not in node.output("bad"):
        said = "the processor refuses its state .CS.L and CS.D are both set in long mode"
        assert re.search(said, vm["reason"])
        check_report(report(node), said)


@pytest.mark.parametrize("case", SURVIVORS)
def test_what_a_guest_may_try(node, case):
    add(node, case, interface=True, disk=True)
    start(node)
    vm = node.wait_state("bad", "stopped", timeout=ANSWER_S)
    assert re.search(rf"END {case.split()[0]}: PASS", node.output("bad")), node.output("bad")
    assert (vm["reason"], vm["crashes"]) == ("it switched itself off", 0)
    # No flood of log lines, whatever the guest did.
    assert len(report(node)) < LINES_OF_A_CASE


def test_lies_about_frames_are_counted(node):
    def figures():
        return json.loads(node.ask("show stats json"))

    before = figures()
    test_what_a_guest_may_try(node, "net-frames")
    lies = int(re.search(r"PASS, (\d+) lies", node.output("bad"))[1])
    after = figures()
    assert after["drops"]["bad-offload"] - before["drops"]["bad-offload"] == lies
    node.wait("every frame has an end", lambda: figures()["sum"]["balanced"])


@pytest.mark.parametrize("case", STORMS)
def test_a_storm_is_stopped_from_the_console(node, case):
    # Of two processors, the other one is on the console's core.
    add(node, case, "cores 1,0" if case == "ipi-storm" else "core 1")
    start(node)
    node.wait_output("bad", "BEGIN|line")
    before = neighbours(node)
    node.listen(BUSY_S)
    assert node.vm("bad")["state"] == "running"
    # The neighbour on the same core gets its turns.
    node.wait("turns for the neighbour", lambda:
              node.vm("good1")["exits"] > before["good1"]["exits"] + 2, ANSWER_S)
    node.do("vm stop bad")
    vm = node.wait_state("bad", "stopped", timeout=ANSWER_S)
    assert vm["reason"] == "stopped by request"


@pytest.mark.parametrize("case", ["reset-port", "reset-keyboard"])
def test_a_guest_resets_itself(node, case):
    add(node, case)
    start(node)
    vm = node.wait_state("bad", "stopped")
    assert (vm["starts"], vm["crashes"]) == (3, 0)
    said = node.output("bad")
    assert all(f"start {number}" in said for number in (1, 2, 3)) and f"END {case}: PASS" in said


def test_on_crash_reset_starts_it_again(node):
    add(node, "reset-triple", "core 1 on-crash reset")
    start(node)
    vm = node.wait_state("bad", "stopped")
    assert (vm["starts"], vm["crashes"]) == (3, 2)
    assert "END reset-triple: PASS" in node.output("bad")


def test_a_guest_that_crashes_for_ever_can_be_stopped(node):
    """It is held back between its starts, and the console is not flooded."""
    add(node, "triple-fault", "core 1 on-crash reset")
    begun = time.monotonic()
    start(node)
    node.wait("it crashed twice", lambda: node.vm("bad")["crashes"] >= 2)
    node.do("vm stop bad")
    vm = node.wait_state("bad", "stopped", timeout=ANSWER_S)
    assert vm["starts"] <= 2 + time.monotonic() - begun
    node.listen(1.5)
    assert node.vm("bad")["starts"] == vm["starts"]
    assert len(report(node)) < LINES_OF_A_CASE


def test_on_crash_hold_keeps_it(node):
    add(node, "triple-fault", "core 1 on-crash hold")
    start(node)
    assert node.wait_state("bad", "held")["reason"] == "triple fault"
    assert "vm \"bad\" is held" in node.ask("vm del bad")
    start(node)
    assert node.wait_state("bad", "held")["starts"] == 2
    node.do("vm stop bad")
    node.wait_state("bad", "stopped")


def test_power_off(node):
    add(node, "power-off")
    start(node)
    assert node.wait_state("bad", "stopped")["reason"] == "it switched itself off"
    start(node)
    assert node.wait_state("bad", "stopped")["starts"] == 2


def test_an_nmi_is_told_and_stops_nothing(node):
    """In a guest or in the node, by the machine's button: each core has one."""
    before = node.show_node()["nmis"]
    with socket.socket(socket.AF_UNIX) as qmp:
        qmp.connect(os.path.relpath(os.path.join(node.lab.directory, "alpha/qmp.sock")))
        for command in ("qmp_capabilities", "inject-nmi"):
            qmp.sendall(json.dumps({"execute": command}).encode())
        node.wait("each core had it", lambda: node.show_node()["nmis"] ==
                  [count + 1 for count in before])
    node.wait("it is told", lambda: all(
        f"core {core}: 1 NMI that nobody here sent" in node.ask("show log") for core in (0, 1)))
    assert "core 1: NMIs that nobody here sent: 1" in node.ask("show node")


def test_no_page_is_lost(node):
    """Add, start, stop and delete over and over, on both cores, in several ways."""
    before = node.show_node()["free_bytes"]
    cases = ["spin-deaf", "triple-fault", "port-storm", "net-setup"]
    for cycle in range(CYCLES):
        add(node, cases[cycle % len(cases)], f"core {cycle % 2}", interface=cycle % 3 == 0,
            disk=cycle % 2 == 0)
        node.do("vm start bad")
        if cycle % 5 == 0:
            node.wait("it is started", lambda: node.vm("bad")["starts"])
        remove(node)
    node.wait("all memory is back", lambda: node.show_node()["free_bytes"] == before)
