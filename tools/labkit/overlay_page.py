# SPDX-License-Identifier: BSD-2-Clause
"""What a page has of the report of tests/bench/overlay beside its figures."""

import statistics

from labkit import plots
from labkit.markup import figure, para, plain, table, titled

ARROW = {"higher": "&uarr;", "lower": "&darr;"}
HPCC_ROWS = {
    "MinPingPongBandwidth_GBytes": "ping-pong, slowest pair, GB/s",
    "MaxPingPongLatency_usec": "ping-pong, slowest pair, us",
    "NaturallyOrderedRingBandwidth_GBytes": "natural ring, GB/s",
    "RandomlyOrderedRingBandwidth_GBytes": "random ring, GB/s",
    "RandomlyOrderedRingLatency_usec": "random ring, us",
    "MPIRandomAccess_GUPs": "RandomAccess, GUP/s", "MPIFFT_Gflops": "FFT, Gflop/s",
    "PTRANS_GBs": "PTRANS, GB/s", "HPL_Tflops": "HPL, Tflop/s",
}


class View:
    """A report, with its ways in their order and their colours."""

    def __init__(self, report):
        self.report = report
        self.kind = report["machine"]["kind"]
        self.ways = report["ways"]
        self.series = [(index, title, key) for index, (key, title) in enumerate(self.ways.items())]
        self.measures = {entry["measure"]: entry for entry in report["summary"]}

    def figure(self, svg):
        return figure(svg, f"{self.kind} machines")

    def rows(self, way, key):
        return [row for row in self.report["rows"] if row["way"] == way
                and row["measure"] == key and row["value"] is not None]

    def samples(self, way, key):
        return [sample for row in self.rows(way, key) for sample in row.get("samples", ())]

    def bars(self, names):
        """names: {measure: name below its bars}"""
        groups = [(name, {way: (at["value"], at["low"], at["high"])
                          for way, at in self.measures[key]["ways"].items()})
                  for key, name in names.items() if key in self.measures]
        groups = [group for group in groups if group[1]]
        if not groups:
            return ""
        unit = next(self.measures[key]["unit"] for key in names if key in self.measures)
        return self.figure(plots.bars(groups, self.series, unit))

    def distribution(self, key):
        series = [(index, title, self.samples(way, key)) for index, title, way in self.series]
        series = [one for one in series if one[2]]
        return self.figure(plots.distribution(series, "ms")) if series else ""


def throughput(view):
    def named(mtu, name):
        return {f"tcp_{mtu}_forward": f"{name}, there", f"tcp_{mtu}_reverse": f"{name}, back"}
    names = {**named(1500, "MTU 1500"), **named(8958, "8958"), **named(65000, "64 KB")}
    return titled("TCP throughput", view.bars(names), para(
        "The MTU is the guest's; the wire's is large enough for it up to 9000 bytes. Beyond that "
        "overlays cut their datagrams, and native Linux has 9000.", "note"))


def packets(view):
    return titled("UDP packets received, and requests answered",
                  view.bars({f"udp{size}": f"UDP, {size} bytes" for size in (64, 512, 1472)}),
                  view.bars({"tcp_rr": "TCP request and response"}))


def trips(view):
    return titled("Round trips", para("Of pings, a hundred a second:", "note"),
                  view.distribution("rtt"),
                  para("Beside a TCP stream in the same direction:", "note"),
                  view.distribution("rtt_under_tcp"))


def cell(at):
    value = plots.value_text(at["value"])
    over = at.get("over_native")
    return value if not over else f"{value}<br><small>{over['value']:.2f}</small>"


def compared(view):
    rows = [["", "unit", *(plain(title) for title in view.ways.values())]]
    for entry in view.report["summary"]:
        rows.append([f"{plain(entry['title'])} {ARROW[entry['better']]}", plain(entry["unit"]),
                     *(cell(entry["ways"][way]) if way in entry["ways"] else "&ndash;"
                       for way in view.ways)])
    return titled("Everything measured", table(rows), para(
        "Medians; below, the ratio to native in the same round. &uarr; more is better, &darr; "
        "less is.", "note"))


def to_native(view):
    rows = []
    for entry in view.report["summary"]:
        found = {way: tuple(at["over_native"][part] for part in ("value", "low", "high"))
                 for way, at in entry["ways"].items() if "over_native" in at}
        if found:
            arrow = "\u2191" if entry["better"] == "higher" else "\u2193"
            rows.append((f"{entry['title']} {arrow}", found))
    if not rows:
        return ""
    series = [one for one in view.series if any(one[2] in found for _, found in rows)]
    return titled("Ratio to native", view.figure(plots.ratios(rows, series)), para(
        "\u2191 more than 1 is better than native, \u2193 less than 1 is; lines are 95 % "
        "intervals.", "note"))


def curve(rows):
    """Medians by message size of several runs."""
    sizes = {}
    for row in rows:
        for size, mbits, _ in row["detail"]:
            sizes.setdefault(size, []).append(mbits)
    return [(size, statistics.median(found)) for size, found in sorted(sizes.items())]


def mpi(view):
    series = [(index, title, curve(view.rows(way, "netpipe_bw")))
              for index, title, way in view.series]
    series = [one for one in series if one[2]]
    parts = []
    if series:
        parts += [para("NetPIPE, ping-pong of one rank at each end:", "note"),
                  view.figure(plots.curves(series, "message, bytes", "Mbit/s"))]
    found = {way: [row["detail"] for row in view.rows(way, "hpcc_bw")] for way in view.ways}
    if any(found.values()):
        rows = [["HPCC, two ranks at each end", *(plain(title) for title in view.ways.values())]]
        for key, name in HPCC_ROWS.items():
            values = [[float(said[key]) for said in found[way] if key in said]
                      for way in view.ways]
            if any(values):
                rows.append([name, *(f"{statistics.median(of):.4g}" if of else "&ndash;"
                                     for of in values)])
        parts.append(table(rows))
    return titled("MPI", *parts) if parts else ""


def ledger(view):
    """Cycles a packet of each stage, out and in."""
    parts = []
    for direction, title in (("tx", "From the guest to the wire"),
                             ("rx", "From the wire to the guest")):
        rows, names = [], []
        for way, told in view.report.get("ledger", {}).items():
            one = told[direction]
            if one["packets"]:
                names = [stage["name"] for stage in one["stages"]]
                rows.append((view.ways[way], [stage["cycles"] / one["packets"]
                                              for stage in one["stages"]]))
        if rows:
            parts += [para(f"{title}:", "note"), view.figure(plots.stacks(rows, names,
                                                                          "cycles a packet"))]
    if not parts:
        return ""
    return titled("The ledger: where a packet's cycles go", *parts, para(
        "During a TCP stream with MTU 1500, of an emulated processor: what counts is the shares. "
        "An exit costs about thirty times what it does on hardware.", "note"))


def circumstances(view):
    machine = view.report["machine"]
    rows = [["", "kernel", "clock source", "processors"]]
    rows += [[plain(view.ways[way]), plain(told["kernel"]), plain(told["clocksource"]),
              str(told["processors"])] for way, told in machine["ways"].items()
             if way in view.ways]
    parts = [table(rows)]
    dropped, restarts = machine["dropped"], machine["restarts"]
    parts.append(para(f"{dropped} of {len(view.report['rows'])} measurements did not count, for "
                      "more than 2 % of the host's time was stolen meanwhile, or the machine's "
                      "clock was off by more than 3 %.", "note"))
    if machine["void"]:
        parts.append(para("Another kernel or clock source, and therefore no ratio: "
                          + plain(", ".join(machine["void"])), "warning"))
    for way, count in restarts.items():
        parts.append(para(f"{plain(view.ways.get(way, way))}: its guests died or hung, and were "
                          f"started again, {count} times.", "note"))
    for failure in view.report["failures"]:
        parts.append(para(f"Failed: {plain(failure.splitlines()[0])}", "warning"))
    return titled("Circumstances", *parts)


def parts(report):
    view = View(report)
    return [throughput(view), trips(view), packets(view), mpi(view), ledger(view),
            to_native(view), compared(view), circumstances(view)]
