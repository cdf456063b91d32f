# SPDX-License-Identifier: BSD-2-Clause
"""What the guests' tools and the nodes' counters say, as numbers."""

import re

from labkit.errors import ToolError


def parse_ping(text):
    """iputils' summary: sent, received, and the times in ms (None when all were lost)."""
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", text)
    if not counts:
        raise ToolError(f"ping did not finish:\n{text.strip()}")
    times = re.search(r"rtt min/avg/max/mdev = ([\d.]+)/([\d.]+)/([\d.]+)/", text)
    low, mean, high = (float(t) for t in times.groups()) if times else (None,) * 3
    return {"sent": int(counts[1]), "received": int(counts[2]),
            "rtt_min_ms": low, "rtt_avg_ms": mean, "rtt_max_ms": high}


def join_pings(parts):
    """Several runs as if they had been one."""
    answered = [part for part in parts if part["received"]]
    received = sum(part["received"] for part in answered)
    total = {"sent": sum(part["sent"] for part in parts), "received": received}
    total["rtt_min_ms"] = min((part["rtt_min_ms"] for part in answered), default=None)
    total["rtt_avg_ms"] = round(sum(part["rtt_avg_ms"] * part["received"] for part in answered)
                                / received, 3) if received else None
    total["rtt_max_ms"] = max((part["rtt_max_ms"] for part in answered), default=None)
    return total


def parse_nuttcp(text):
    """Mbit/s as `nuttcp -fparse` says."""
    match = re.search(r"rate_Mbps=([\d.]+)", text)
    if not match:
        raise ToolError(f"nuttcp did not finish:\n{text.strip()}")
    return float(match[1])


class Counters:
    """What `show stats json` of several nodes says, summed over nodes, guests and
    interfaces; differences of two are what happened between."""

    FIELDS = ("tx_frames", "rx_frames", "tx_segments", "rx_segments", "tx_copies", "rx_copies")

    def __init__(self, stats):
        self.exits = 0
        self.by_reason = {}
        self.drops = {}
        self.frames = dict.fromkeys(self.FIELDS, 0)
        for node in stats:
            try:
                self._add(node)
            except (KeyError, TypeError, AttributeError) as error:
                raise ToolError(f"node {node.get('node')}: show stats json lacks {error}") from None

    def _add(self, node):
        for vm in node["vms"].values():
            self.exits += vm["exits"]
            _sum(self.by_reason, vm["exits_by_reason"])
        for interface in node["interfaces"].values():
            for field in self.FIELDS:
                self.frames[field] += interface[field]
        _sum(self.drops, node["drops"])

    def __sub__(self, before):
        difference = Counters([])
        difference.exits = self.exits - before.exits
        for name in ("by_reason", "drops", "frames"):
            old = getattr(before, name)
            setattr(difference, name, {key: value - old.get(key, 0)
                                       for key, value in getattr(self, name).items()})
        return difference

    def __add__(self, other):
        total = Counters([])
        total.exits = self.exits + other.exits
        for name in ("by_reason", "drops", "frames"):
            _sum(getattr(total, name), getattr(self, name))
            _sum(getattr(total, name), getattr(other, name))
        return total

    def packets(self):
        """Of the wire, at each end: a long segment of a guest is as many as go out for it."""
        return self.frames["tx_segments"] + self.frames["rx_segments"]

    def exits_per_packet(self):
        return _ratio(self.exits, self.packets())

    def by_reason_per_packet(self):
        """The most frequent first; {} without packets."""
        count = self.packets()
        return {reason: _ratio(exits, count) for reason, exits in
                sorted(self.by_reason.items(), key=lambda item: -item[1]) if count}

    def copies_tx(self):
        return _ratio(self.frames["tx_copies"], self.frames["tx_frames"])

    def copies_rx(self):
        return _ratio(self.frames["rx_copies"], self.frames["rx_frames"])


def _sum(into, values):
    for key, value in values.items():
        into[key] = into.get(key, 0) + value


def _ratio(count, of):
    return round(count / of, 3) if of else None


def ratio(value, base):
    return value / base if value is not None and base else None


def table(rows):
    """Aligned text: the first column to the left, the others to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
