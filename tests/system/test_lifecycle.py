# SPDX-License-Identifier: BSD-2-Clause
"""Guests are asked to end, started, stopped and reset while the node runs."""

import pytest

from node_console import NodeConsole

CYCLES = 1000


@pytest.fixture(scope="module")
def lab(bring_up, hypervisor):
    return bring_up("tests/system/lifecycle.lab")


@pytest.fixture
def node(lab):
    with NodeConsole(lab, "alpha") as console:
        yield console


def memory(node):
    said = node.show_node()
    return said["free_bytes"], said["resident_bytes"], said["packet_bytes"]


def stopped(node, name):
    return node.wait(f"{name} is stopped", lambda: node.vm(name)["state"] == "stopped", 600)


def test_a_guest_asked_to_end_does(lab, node):
    node.do("vm shutdown polite within 600s")
    stopped(node, "polite")
    assert node.vm("polite")["reason"] == "it switched itself off"
    assert "vm \"polite\" is stopped" in node.ask("vm shutdown polite")


def test_one_that_does_not_is_stopped_when_its_time_is_over(lab):
    assert lab.sh("alpha/deaf", "killall acpid")[0] == 0
    with NodeConsole(lab, "alpha") as node:
        node.do("vm shutdown deaf within 1s")
        stopped(node, "deaf")
        assert "deaf: has not switched itself off in time: stopped" in node.ask("show log")
        assert node.vm("deaf")["reason"] == "stopped by request"
        # What was started since is none of that time's business.
        assert node.vm("deaf")["starts"] == 1


def test_one_without_acpi_is_not_asked(node):
    node.do("vm start small")
    node.wait_state("small", "running")
    assert "does not listen to its power button" in node.ask("vm shutdown small")
    node.do("vm stop small")
    stopped(node, "small")


def test_a_thousand_starts_and_stops_lose_no_page(node):
    """Stopped at any moment: before a vCPU came up, at its first exits, later."""
    before = memory(node)
    starts = node.vm("small")["starts"]
    for cycle in range(CYCLES):
        begun = node.vm("small")["starts"]
        node.do("vm start small")
        if cycle % 10 == 0:
            node.wait("it is started", lambda begun=begun: node.vm("small")["starts"] > begun)
        node.do("vm stop small")
        stopped(node, "small")
    node.wait("all memory is back", lambda: memory(node) == before)
    # A stop that overtakes its start leaves nothing to be started.
    assert starts + CYCLES / 10 <= node.vm("small")["starts"] <= starts + CYCLES
    assert node.vm("small")["crashes"] == 0


def test_resets_one_upon_the_other(node):
    node.do("vm start small")
    for _ in range(100):
        node.ask("vm reset small")
    node.do("vm stop small")
    stopped(node, "small")
    assert node.vm("small")["crashes"] == 0
