# SPDX-License-Identifier: BSD-2-Clause
"""From the raw rows to figures: ratios of what was measured in the same round."""

import csv
import json
import statistics
import time

from labkit import figures, measure, plots
from overlaykit import measures as what
from overlaykit.rounds import counts_for_something
from overlaykit.ways import WAYS

# Measures whose values are added before a ratio is made of them: both directions count.
BOTH = {f"tcp_{mtu}": (f"tcp_{mtu}_forward", f"tcp_{mtu}_reverse") for mtu in what.MTUS}
CAISSON = ("guest", "vmm", "adaptive")
# Name: (unit, goal, better), the measure, and the way it is compared with. Without a suffix
# they are of Caisson guest-driven, which is what a node does that is told nothing.
RATIOS = {
    "tcp_over_native_1500": (("ratio", 0.95, "higher"), "tcp_1500", "native"),
    "tcp_over_native_8958": (("ratio", 0.95, "higher"), "tcp_8958", "native"),
    "tcp_over_native_65000": (("ratio", None, "higher"), "tcp_65000", "native"),
    "tcp_over_kvm_1500": (("ratio", 3, "higher"), "tcp_1500", "kvm"),
    "rtt_over_native": (("ratio", 1.3, "lower"), "rtt", "native"),
    "rtt_over_kvm": (("ratio", 1 / 3, "lower"), "rtt", "kvm"),
    "udp64_over_native": (("ratio", 0.8, "higher"), "udp64", "native"),
    "rtt_under_tcp_over_native": (("ratio", 2, "lower"), "rtt_under_tcp", "native"),
    "tcp_rr_over_native": (("ratio", None, "higher"), "tcp_rr", "native"),
    "netpipe_bw_over_native": (("ratio", 0.95, "higher"), "netpipe_bw", "native"),
    "hpcc_bw_over_native": (("ratio", 0.95, "higher"), "hpcc_bw", "native"),
}
COUNTS = {
    "exits_per_packet_vmm": (("exits/packet", 1 / 64, "lower"), "vmm"),
    "copies_tx": (("copies/packet", 0, "lower"), "guest"),
    "copies_rx": (("copies/packet", 1, "lower"), "guest"),
}
BORROWED = ("locks_per_packet",)
NATIVE = "native"
EXITS_OF = ("tcp_1500_forward", "tcp_1500_reverse")


def values(rows, way, key):
    """{round: value} of a measure; rounds in which a part failed, too much time was stolen, or
    a clock was off, are not in it."""
    keys = BOTH.get(key, (key,))
    parts = {}
    for row in rows:
        if row["way"] == way and row["measure"] in keys and counts_for_something(row):
            parts.setdefault(row["round"], []).append(row["value"])
    return {number: sum(found) for number, found in parts.items() if len(found) == len(keys)}


def ratios(rows, way, key, base):
    """Of the rounds that have both."""
    over, under = values(rows, way, key), values(rows, base, key)
    return [over[number] / under[number] for number in sorted(over) if under.get(number)]


def counted(rows, way, function):
    """function(counts) of each counted TCP stream of a way."""
    found = [function(row["counts"]) for row in rows
             if row["way"] == way and row["measure"] in EXITS_OF and "counts" in row]
    return [value for value in found if value is not None]


def per_frame(part, of):
    return lambda counts: counts["frames"][part] / counts["frames"][of] \
        if counts["frames"][of] else None


COUNTERS = {
    "exits_per_packet_vmm": lambda counts: counts["exits"] / counts["packets"]
    if counts["packets"] else None,
    "copies_tx": per_frame("tx_copies", "tx_frames"),
    "copies_rx": per_frame("rx_copies", "rx_frames"),
}


def comparable(machines):
    """{(way, way): whether they have the same kernel and clock source}"""
    same = {way: (told["kernel"], told["clocksource"]) for way, told in machines.items()}
    return {(a, b): same[a] == same[b] for a in same for b in same if a != b}


def all_figures(rows, ways, same):
    """The figures with goals, of each dispatch mode; none is made of ways that cannot be
    compared (not the same kernel and clock source)."""
    found = []
    for mode in (key for key in CAISSON if key in ways):
        for name, (goal, key, base) in RATIOS.items():
            runs = ratios(rows, mode, key, base) if same.get((mode, base)) else []
            if runs:
                full = name if mode == CAISSON[0] else f"{name}_{mode}"
                found.append(figures.figure({full: goal}, full, runs))
                if full != name:
                    found[-1]["variant"] = mode
    for name, (goal, mode) in COUNTS.items():
        runs = counted(rows, mode, COUNTERS[name])
        if runs:
            found.append(figures.figure({name: goal}, name, runs))
    return found


def dropped(rows):
    """Measured values that do not count: too much time was stolen, or a clock was off."""
    return sum(row["value"] is not None and not counts_for_something(row) for row in rows)


def summary(rows, ways, measures):
    """Medians by measure and way: what the table shows, and the ratios to native."""
    found = []
    for measure_ in measures:
        entry = {"measure": measure_.key, "title": measure_.title, "unit": measure_.unit,
                 "better": measure_.better, "ways": {}}
        for way in ways:
            runs = list(values(rows, way, measure_.key).values())
            if not runs:
                continue
            low, high = figures.interval(runs)
            entry["ways"][way] = {"value": statistics.median(runs), "low": low, "high": high,
                                  "runs": len(runs)}
            over = ratios(rows, way, measure_.key, NATIVE)
            if over and way != NATIVE:
                low, high = figures.interval(over)
                entry["ways"][way]["over_native"] = {"value": statistics.median(over),
                                                     "low": low, "high": high}
        found.append(entry)
    return found


def summary_table(found, ways):
    """ways: {key: title}"""
    rows = [["", "unit", *ways.values()]]
    for entry in found:
        cells = []
        for way in ways:
            at = entry["ways"].get(way)
            over = at and at.get("over_native")
            cells.append("-" if not at else plots.value_text(at["value"])
                         + (f" ({over['value']:.2f})" if over else ""))
        rows.append([entry["title"], entry["unit"], *cells])
    return measure.table(rows)


def report(name, machine, machines, rows, measures, failures):
    """machine: what is said of all; machines: {way: what it runs on}, the ways there are."""
    same = comparable(machines)
    keys = list(machines)
    void = [f"{a}/{b}" for (a, b), alike in same.items() if not alike and a < b]
    return {"name": name, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": {**machine, "ways": machines, "dropped": dropped(rows), "void": void},
            "ways": {key: WAYS[key].title for key in keys},
            "figures": all_figures(rows, keys, same), "summary": summary(rows, keys, measures),
            "ledger": {}, "rows": rows, "failures": failures}


def borrowed(path):
    """What `make bench-path` has counted on this host of the same path, if it has run."""
    try:
        with open(path, encoding="utf-8") as f:
            found = json.load(f)["figures"]
        return [{**figure, "from": "make bench-path"} for figure in found
                if figure["name"] in BORROWED]
    except (OSError, ValueError, KeyError, TypeError):
        return []


CSV_COLUMNS = ("round", "way", "measure", "mtu", "value", "unit", "stolen", "clock")


def write_csv(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(CSV_COLUMNS)
        for row in rows:
            writer.writerow([row.get(name, "") for name in CSV_COLUMNS])
