# SPDX-License-Identifier: BSD-2-Clause
"""Reports of benchmarks (build/bench/*.json) as one HTML page that needs nothing else."""

import html
import os

from labkit import figures, overlay_page, plots
from labkit.markup import para, section, table, titled

CSS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.css")
TITLES = {
    "overlay": "The overlay beside native Linux and beside KVM",
    "path": "A frame's way, in memory", "core": "The overlay core",
    "dispatch": "Dispatch modes", "exits": "Exits of a guest on SVM and VT-x",
    "vnetpd": "vnetpd beside the kernel's VXLAN",
}
# In this order, others behind them.
ORDER = list(TITLES)
KINDS = {
    "emulated": "Measured on emulated machines: ratios within a run and counts, no speed of any "
    "hardware.",
    "host": "Measured on the processor of this machine.",
    "hardware": "Measured on hardware.",
}


def verdict(figure):
    word = figures.verdict(figure)
    return f'<span class="{word}">{word}</span>' if word else ""


def figures_table(found):
    rows = [["figure", "value", "unit", "95 % interval", "goal", "", "beside its goal"]]
    for f in found:
        plot = ""
        if f.get("goal") and f["value"] > 0 and f["low"] > 0:
            plot = plots.beside_goal(f["value"], f["low"], f["high"], f["goal"], f["better"])
        source = f" <small>{html.escape(f['from'])}</small>" if "from" in f else ""
        rows.append([("name", html.escape(f["name"]) + source), f"{f['value']:.4g}",
                     html.escape(f["unit"]), f"{f['low']:.4g} &ndash; {f['high']:.4g}",
                     html.escape(figures.goal_text(f)), verdict(f), plot])
    return table(rows)


def tally(found):
    """How many goals are met, in words."""
    words = [figures.verdict(f) for f in found if f.get("goal") is not None]
    counts = [f"{words.count(word)} {word}" for word in ("met", "missed", "inconclusive")
              if word in words]
    return f"Goals: {', '.join(counts)}." if counts else ""


def machine_line(machine):
    """What is simple to say about it."""
    return ", ".join(html.escape(f"{key} {value}") for key, value in machine.items()
                     if isinstance(value, (str, int, float)) and not isinstance(value, bool)
                     and key != "kind")


def part(report):
    """One benchmark's section."""
    name, machine = report["name"], report["machine"]
    first = [f for f in report["figures"] if "variant" not in f]
    variants = [f for f in report["figures"] if "variant" in f]
    inside = [para(f"{KINDS.get(machine['kind'], machine['kind'])} {tally(first)}"),
              para(f"{html.escape(report.get('date', ''))}; {machine_line(machine)}", "note")]
    if machine.get("rough"):
        inside.append(para("A quick run: few and short measurements. These figures are rough.",
                           "warning"))
    if first:
        inside.append(figures_table(first))
        inside.append(para("A dot is the median, the line its 95 % interval; the goal is in the "
                           "middle, its good side is tinted, and the ends are a factor of 4 away.",
                           "note"))
    if name == "overlay":
        inside += overlay_page.parts(report)
    if variants:
        inside.append(titled("The same figures of other modes", figures_table(variants)))
    return section(TITLES.get(name, name), inside, name)


def rank(report):
    name = report["name"]
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def whole(reports, title):
    """The page of these reports."""
    with open(CSS, encoding="utf-8") as f:
        css = f.read()
    body = "\n".join(part(report) for report in sorted(reports, key=rank))
    return ("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{html.escape(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n"
            f"<h1>{html.escape(title)}</h1>\n{body}\n</body>\n</html>\n")


def write(path, reports, title="Caisson: benchmarks"):
    text = whole(reports, title)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".new", path)
