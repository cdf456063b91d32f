# SPDX-License-Identifier: BSD-2-Clause
"""Figures of a benchmark: each the median of its runs, with an interval, beside a goal."""

import random
import statistics

from labkit import measure

RESAMPLES = 2000
CONFIDENCE = 0.95


def interval(runs):
    """Where the median lies with a confidence of 95 %: the medians of samples drawn from the
    runs (bootstrap, percentiles). The same runs give the same interval."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(runs, k=len(runs)))
                     for _ in range(RESAMPLES))
    outside = (1 - CONFIDENCE) / 2
    return medians[int(outside * RESAMPLES)], medians[int((1 - outside) * RESAMPLES) - 1]


def met(low, high, goal, better):
    """True, False, or "inconclusive" with the goal inside the interval; None without a goal."""
    if goal is None:
        return None
    good, bad = (low >= goal, high < goal) if better == "higher" else (high <= goal, low > goal)
    return True if good else False if bad else "inconclusive"


def figure(goals, name, runs):
    """goals: {name: (unit, goal or None, "lower" or "higher": what is better)}."""
    unit, goal, better = goals[name]
    low, high = interval(runs)
    return {"name": name, "value": statistics.median(runs), "unit": unit, "goal": goal,
            "better": better, "low": low, "high": high, "met": met(low, high, goal, better),
            "runs": runs}


def verdict(figure_):
    """How its goal fared, in a word: "" without one."""
    return {True: "met", False: "missed", None: ""}.get(figure_["met"], figure_["met"])


def goal_text(figure_):
    if figure_["goal"] is None:
        return ""
    return f"{'<=' if figure_['better'] == 'lower' else '>='} {figure_['goal']:.4g}"


def table(figures):
    rows = [["figure", "value", "unit", "low", "high", "goal", ""]]
    for f in figures:
        rows.append([f["name"], f"{f['value']:.4g}", f["unit"], f"{f['low']:.4g}",
                     f"{f['high']:.4g}", goal_text(f), verdict(f)])
    return measure.table(rows)
