# SPDX-License-Identifier: BSD-2-Clause
"""Figures of a benchmark, each the median of its runs beside a goal."""

import statistics

from labkit import measure


def met(goal, better, runs):
    good = [run <= goal if better == "lower" else run >= goal for run in runs]
    if all(good) or not any(good):
        return good[0]
    return "inconclusive"


def figure(goals, name, runs):
    """goals: {name: (unit, goal, "lower" or "higher": what is better)}. low and high are the
    least and the most of the runs."""
    unit, goal, better = goals[name]
    return {"name": name, "value": statistics.median(runs), "unit": unit, "goal": goal,
            "better": better, "low": min(runs), "high": max(runs),
            "met": met(goal, better, runs), "runs": runs}


def table(figures):
    rows = [["figure", "value", "low", "high", "goal", "met"]]
    for f in figures:
        sign = "<=" if f["better"] == "lower" else ">="
        rows.append([f["name"], f"{f['value']:.4f}", f"{f['low']:.4f}", f"{f['high']:.4f}",
                     f"{sign} {f['goal']:.4g}", str(f["met"]).lower()])
    return measure.table(rows)
