# SPDX-License-Identifier: BSD-2-Clause
"""What `show ledger json` has to hold, whatever ran."""

OUT = ["exit", "kick", "dequeue", "route", "encapsulate", "doorbell", "completion"]
IN = ["exit", "interrupt", "receive", "decapsulate", "route", "copy", "inject"]

# Turns are measured by stamps of their own, a few instructions from those of the stages.
TURNS_TOLERANCE = 0.05


def stage(told, direction, name):
    return next(s for s in told["directions"][direction]["stages"] if s["name"] == name)


def total(told, direction, what):
    return sum(s[what] for s in told["directions"][direction]["stages"])


def check(told):
    """Every cycle is in one stage, and the stages come to what turns took."""
    for direction, names in (("tx", OUT), ("rx", IN)):
        part = told["directions"][direction]
        assert [s["name"] for s in part["stages"]] == names
        assert total(told, direction, "cycles") == part["total_cycles"]
        for s in part["stages"]:
            assert sum(s["histogram"]) == s["laps"], s
    found = told["other_cycles"] + sum(d["total_cycles"] for d in told["directions"].values())
    assert abs(found / told["turn_cycles"] - 1) <= TURNS_TOLERANCE, told
    parts = ("tx_cycles", "rx_cycles", "other_cycles")
    assert sum(core[part] for core in told["cores"] for part in parts) == found
    assert told["stamp_cycles"] > 0
    assert total(told, "tx", "exits") + total(told, "rx", "exits") <= told["exits"]
