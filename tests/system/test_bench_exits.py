# SPDX-License-Identifier: BSD-2-Clause
"""What tests/bench/exits makes of counters: kinds told apart, and what is held to the goal."""

import importlib.machinery
import importlib.util
import json
import os

import pytest

PATH = os.path.join(os.path.dirname(os.path.dirname(__file__)), "bench/exits")


@pytest.fixture(scope="module")
def bench():
    loader = importlib.machinery.SourceFileLoader("bench_exits", PATH)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_exits", loader))
    loader.exec_module(module)
    return module


def test_exits_of_the_apic_stand_apart(bench, tmp_path, monkeypatch):
    answer = {"vms": {"g1": {"exits": 135, "exits_by_reason": {
        "io": 50, "mmio": 30, "rdmsr": 7, "wrmsr": 20, "eoi": 8, "timer": 20},
        "apic_exits_by_reason": {"mmio": 4, "rdmsr": 2, "wrmsr": 15}}},
        "interfaces": {"g1.eth0": {"tx_frames": 5, "rx_frames": 6}}}
    side = bench.Side("vmx", str(tmp_path))
    monkeypatch.setattr(side, "lab", lambda *_, **__: json.dumps(answer))
    kinds, frames = side.count("alpha")
    assert frames == 11
    assert kinds == {"io": 50, "mmio": 26, "msr": 10, "apic": 29, "timer": 20, "total": 135}


@pytest.mark.parametrize("base, value, met", [
    ([1000], [1100], True),
    ([1000], [900], True),
    ([1000], [1101], False),
    ([1000], [890], False),  # fewer is no better: it is other work
    ([1000, 1000], [1100, 1200], "inconclusive"),
    ([0], [1], True),
    ([0], [50], False),
])
def test_the_goal(bench, base, value, met):
    results = bench.Results([bench.BASE, bench.JUDGED])
    for side, runs in ((bench.BASE, base), (bench.JUDGED, value)):
        for run in runs:
            results.add("boot", side, {"io": run, "timer": run})
    assert results.met("boot", "io") == met
    assert results.met("boot", "timer") is None
    figure = next(f for f in results.figures() if f["name"] == f"boot_io_off_{bench.BASE}")
    assert figure["met"] == met and figure["goal"] == bench.GOAL_PERCENT
    json.dumps(results.figures(), allow_nan=False)
    assert str(met).lower() in results.table("boot")
