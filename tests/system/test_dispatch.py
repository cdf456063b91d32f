# SPDX-License-Identifier: BSD-2-Clause
"""Who does the work on guests' frames: examples/dispatch.lab, all modes under all loads.

    g1 10.1.0.1 - alpha - 10.1.0.2 g2      cores: dispatcher 0, g1 1, g2 2; 3 is free
"""

import json
import re

import examplekit
import ledgerkit
import pingkit
import pytest
from node_console import NodeConsole

PEER = "10.1.0.2"
INTERFACES = ("g1.eth0", "g2.eth0")
HOME = {"g1.eth0": 1, "g2.eth0": 2}
DISPATCHER_CORE = 0
FREE_CORE = 3
MODES = ("guest", "vmm", "adaptive")
SWITCHES = 100
LOAD_S = 600  # it is ended before, by whoever began it


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    return bring_up("examples/dispatch.lab")


@pytest.fixture
def node(lab):
    with NodeConsole(lab, "alpha") as console:
        yield console


def dispatch(node, interface=""):
    return json.loads(node.ask(f"show dispatch {interface} json"))


def set_modes(node, mode):
    for interface in INTERFACES:
        node.do(f"interface set {interface} mode {mode}")


def ways(node):
    """{(interface, direction): what show dispatch says of it}"""
    return {(nic["interface"], way): nic[way] for nic in dispatch(node)["interfaces"]
            for way in ("tx", "rx")}


def wait_for(node, now, cores):
    """Until every way has that mode and the core that goes with it."""
    node.wait(f"all are {now}-driven", lambda: all(
        way["now"] == now and way["cores"] == [cores(interface)]
        for (interface, _), way in ways(node).items()))


def wait_for_vmm(node):
    wait_for(node, "vmm", lambda _: DISPATCHER_CORE)


def wait_for_guest(node):
    wait_for(node, "guest", HOME.get)


def pings(lab):
    pingkit.none_lost(lab, "alpha/g1", PEER, interval=0.02)


def test_as_every_example(lab):
    examplekit.check(lab)


@pytest.mark.parametrize("command, why", [
    ("dispatcher add 1 core 9", "there is no core 9; this node has cores 0 to 3"),
    ("dispatcher add 1 core 0", "core 0 is a dispatcher's already"),
    ("dispatcher add 0 core 1", "dispatcher 0 is there already"),
    ("dispatcher add 1 core 1", 'core 1 runs vm "g1"; a dispatcher has a core of its own'),
    ("dispatcher add eight core 1", "a dispatcher is a number: 0 to 7"),
    ("dispatcher del 3", "there is no dispatcher 3"),
    ("interface set g1.eth0 alpha-l 5000", "alpha-l (5000) is above alpha-u (1000)"),
    ("interface set g1.eth0", "nothing to set"),
    ("show dispatch g9.eth0", 'there is no interface "g9.eth0"'),
    ("vm add g3 memory 64M core 0 kernel vmlinuz-cloud", "core 0 is a dispatcher's"),
    ("vm add g3 memory 64M cpus 4 kernel vmlinuz-cloud",
     "4 virtual CPUs are too many; this node has 3 cores without a dispatcher"),
])
def test_bad_input(node, command, why):
    assert why in node.ask(command)


def test_who_names_no_core_gets_a_free_one(node):
    """The dispatcher of the file got core 0, which has the NIC; guests are beside it."""
    assert "  dispatcher add 0 yield timed" in node.ask("show config")
    assert dispatch(node)["dispatchers"][0]["core"] == DISPATCHER_CORE
    node.do("vm add g3 memory 128M kernel vmlinuz-cloud")
    assert node.vm("g3")["core"] == FREE_CORE
    assert "each core runs guests or is a dispatcher's" in node.ask("dispatcher add 1")
    node.do("vm del g3")


@pytest.mark.parametrize("mode", MODES)
def test_all_loads_in_a_mode(lab, mode):
    before = json.loads(lab.ctl("alpha", "show stats json"))["drops"]
    with NodeConsole(lab, "alpha") as node:
        set_modes(node, mode)
        if mode != "adaptive":
            {"guest": wait_for_guest, "vmm": wait_for_vmm}[mode](node)
        node.do("ledger on")
    pings(lab)
    assert json.loads(lab.ctl("alpha", "show stats json"))["drops"] == before
    for stream in ("-n 256", "-u -R2M -l512 -n 200"):
        status, output = lab.sh("alpha/g1", f"nuttcp -fparse {stream} {PEER}")
        assert status == 0 and "rate_Mbps" in output, output
    lab.every_frame_has_an_end("alpha")
    lab.ctl("alpha", "ledger off")
    check_ledger(json.loads(lab.ctl("alpha", "show ledger json")), mode)


def check_ledger(told, mode):
    """From guest to guest on one node, over two or three cores: frames are dequeued and routed
    on one, copied once on another; a dispatcher that has the queues is not kicked."""
    ledgerkit.check(told)
    for direction, names in (("tx", ("dequeue", "route")), ("rx", ("copy", "inject"))):
        for name in names:
            assert ledgerkit.stage(told, direction, name)["cycles"] > 0, (direction, name)
    assert ledgerkit.stage(told, "rx", "copy")["copies"] == told["directions"]["rx"]["frames"]
    kicks = ledgerkit.stage(told, "tx", "kick")["count"]
    packets = told["directions"]["tx"]["packets"]
    assert kicks * 64 <= packets if mode == "vmm" else kicks > 0, told


def test_adaptive_follows_the_load(lab):
    with NodeConsole(lab, "alpha") as node:
        # A rate that any machine keeps up.
        for interface in INTERFACES:
            node.do(f"interface set {interface} mode adaptive alpha-l 20 alpha-u 100")
        wait_for_guest(node)
        way = ways(node)["g1.eth0", "tx"]
        before, begun = way["changes"], max((c["at_ns"] for c in way["log"]), default=0)
    status, _ = lab.sh("alpha/g1", f"nuttcp -u -Ru -l64 -T {LOAD_S} {PEER} >/dev/null 2>&1 "
                       "</dev/null & echo $! >/tmp/load")
    assert status == 0
    with NodeConsole(lab, "alpha") as node:
        node.wait("the sender's way out is VMM-driven",
                  lambda: ways(node)["g1.eth0", "tx"]["cores"] == [DISPATCHER_CORE])
    lab.sh("alpha/g1", "kill $(cat /tmp/load)")
    with NodeConsole(lab, "alpha") as node:
        wait_for_guest(node)
        way = ways(node)["g1.eth0", "tx"]
        limits = dispatch(node, "g1.eth0")["interfaces"][0]
        for interface in INTERFACES:
            node.do(f"interface set {interface} alpha-u 1000 alpha-l 100")
    assert way["changes"] >= before + 2
    # Each change by the rate has the rate that explains it, and they take turns.
    by_rate = [change for change in way["log"]
               if change["by"] == "rate" and change["at_ns"] > begun]
    assert by_rate[-1]["to"] == "guest"
    for change in by_rate:
        if change["to"] == "vmm":
            assert change["rate"] >= limits["alpha_u"], change
        else:
            assert change["rate"] <= limits["alpha_l"], change
    for one, other in zip(way["log"], way["log"][1:]):
        assert one["to"] == other["from"] and one["at_ns"] <= other["at_ns"]


def out_of_order(lab):
    """TCP segments that came to g2 before one that was sent before them."""
    _, output = lab.sh("alpha/g2", "grep ^TcpExt: /proc/net/netstat")
    names, values = (line.split() for line in output.splitlines())
    return int(dict(zip(names, values))["TCPOFOQueue"])


def moves(node):
    return sum(way["moves"] for way in ways(node).values())


def test_order_holds_while_modes_change(lab):
    """Sequence numbers of TCP and of pings, many at a time, over many switches: by the
    console, then by windows of a millisecond and a threshold that each burst passes."""
    before = out_of_order(lab)
    dropped = json.loads(lab.ctl("alpha", "show stats json"))["drops"]
    status, _ = lab.sh("alpha/g1", f"nuttcp -fparse -T {LOAD_S} {PEER} >/tmp/tcp 2>&1 </dev/null & "
                       f"echo $! >/tmp/load; ping -l 8 -i 0.005 {PEER} >/tmp/pings 2>&1 "
                       "</dev/null & echo $! >/tmp/pinger")
    assert status == 0
    with NodeConsole(lab, "alpha") as node:
        first = moves(node)
        for i in range(SWITCHES // 4):
            set_modes(node, MODES[i % 2])
        for interface in INTERFACES:
            node.do(f"interface set {interface} mode adaptive alpha-l 500 alpha-u 500 omega 1ms")
        node.wait("the queues have moved often", lambda: moves(node) > first + 4 * SWITCHES,
                  timeout=LOAD_S / 2)
        for interface in INTERFACES:
            node.do(f"interface set {interface} mode guest alpha-u 1000 alpha-l 100 omega 50ms")
        wait_for_guest(node)
    lab.sh("alpha/g1", "kill -INT $(cat /tmp/pinger); kill $(cat /tmp/load); "
           "while kill -0 $(cat /tmp/pinger) || kill -0 $(cat /tmp/load); do sleep 0.1; done")
    _, output = lab.sh("alpha/g1", r"sed -n 's/.*icmp_seq=\([0-9]*\) .*/\1/p' /tmp/pings | "
                       "awk '$1 <= last { print last, $1 } { last = $1 }'")
    assert not re.search(r"\d", output), output
    stats = json.loads(lab.ctl("alpha", "show stats json"))
    assert stats["drops"] == dropped
    assert out_of_order(lab) == before
    lab.every_frame_has_an_end("alpha")


def test_two_dispatchers_share_the_queues(lab):
    """Each has an interface; what goes from one guest to the other crosses both. One of
    them goes while frames flow, and comes back."""
    def served(node):
        return [d["frames"] for d in dispatch(node)["dispatchers"]]

    def wait_for_cores(node, *cores):
        node.wait(f"the queues are on {cores}", lambda: {
            core for way in ways(node).values() for core in way["cores"]} == set(cores))

    before = json.loads(lab.ctl("alpha", "show stats json"))["drops"]
    order = out_of_order(lab)
    with NodeConsole(lab, "alpha") as node:
        node.do("dispatcher add 1 yield timed")
        set_modes(node, "vmm")
        wait_for_cores(node, DISPATCHER_CORE, FREE_CORE)
        first = served(node)
    pings(lab)
    assert lab.sh("alpha/g1", f"nuttcp -fparse -T {LOAD_S} {PEER} >/tmp/tcp 2>&1 </dev/null & "
                  "echo $! >/tmp/load")[0] == 0
    with NodeConsole(lab, "alpha") as node:
        node.wait("both have worked", lambda: all(
            now > then for then, now in zip(first, served(node))))
        for one, other, core in ((0, FREE_CORE, DISPATCHER_CORE), (1, DISPATCHER_CORE, FREE_CORE)):
            node.do(f"dispatcher del {one}")
            wait_for_cores(node, other)
            node.wait("its core is free", lambda: not node.ask(
                f"dispatcher add {one} core {core} yield timed").strip())
            wait_for_cores(node, DISPATCHER_CORE, FREE_CORE)
        node.do("dispatcher del 1")
        wait_for_vmm(node)
    lab.sh("alpha/g1", "kill $(cat /tmp/load); sleep 0.2")
    stats = json.loads(lab.ctl("alpha", "show stats json"))
    assert stats["drops"] == before
    lab.every_frame_has_an_end("alpha")
    assert out_of_order(lab) == order


def test_without_a_dispatcher_guests_do_the_work(lab):
    with NodeConsole(lab, "alpha") as node:
        set_modes(node, "vmm")
        wait_for_vmm(node)
        node.do("dispatcher del 0")
        wait_for(node, "vmm", HOME.get)
        assert all(way["fallback"] for way in ways(node).values())
        assert "there is no dispatcher" in node.ask("show dispatch g1.eth0")
    pings(lab)
    with NodeConsole(lab, "alpha") as node:
        node.wait("its core is free", lambda: not node.ask(
            "dispatcher add 0 core 0 yield timed").strip())
        wait_for_vmm(node)


def test_resets_while_a_dispatcher_has_the_queues(lab):
    """A driver that starts again, then a guest that is stopped, both under load."""
    assert lab.sh("alpha/g1", f"ping -q -i 0.01 {PEER} >/dev/null 2>&1 </dev/null & "
                  "echo $! >/tmp/pinger")[0] == 0
    for _ in range(3):
        status, output = lab.sh("alpha/g2", "cd /sys/bus/virtio/drivers/virtio_net; "
                                "d=$(ls -d virtio*); echo $d >unbind; echo $d >bind; "
                                f"ip address add {PEER}/24 dev eth0; ip link set eth0 up")
        assert status == 0, output
    pingkit.answered(lab, "alpha/g1", PEER, 10)
    with NodeConsole(lab, "alpha") as node:
        assert ways(node)["g2.eth0", "tx"]["cores"] == [DISPATCHER_CORE]
        node.do("vm stop g2")
        node.wait("g2 stands still", lambda: node.vm("g2")["state"] == "stopped")
        node.wait("every frame has an end", lambda: json.loads(
            node.ask("show stats json"))["sum"]["balanced"])
