# SPDX-License-Identifier: BSD-2-Clause
"""Rounds of all ways by turns: A B C, C B A, ... Each measurement becomes a row."""

from labkit import measure
from labkit.errors import ToolError
from overlaykit import measures as what

STOLEN_MAX = 0.02


def processor_times():
    """(jiffies stolen, all jiffies) of this host so far, proc(5)."""
    with open("/proc/stat", encoding="ascii") as f:
        fields = [int(word) for word in f.readline().split()[1:]]
    return fields[7], sum(fields[:8])


def order(ways, number):
    """Of a round: drifts of the host touch the ways alike."""
    return ways if number % 2 == 0 else ways[::-1]


class Runner:
    """`rows` are the raw values; `say` gets the progress, `failures` what went wrong."""

    def __init__(self, bed, ways, measures, lengths, say):
        self.bed = bed
        self.ways = ways
        self.measures = measures
        self.lengths = lengths
        self.say = say
        self.rows = []
        self.failures = []
        self.clocks = {}

    def warm_up(self):
        """The first frames resolve addresses, and the emulator translates what is new."""
        for way in self.ways:
            self.bed.begin(way)
            self.bed.set_mtu(way, what.MEASURES[0].mtu)
            self.clocks[way.key] = self._clock(way)
            self.bed.check(way.ends[0], f"nuttcp -T1 {way.peer}; nuttcp -r -T1 {way.peer}; "
                           f"ping -q -i 0.01 -c 50 {way.peer}", what.SLACK_S)
            self.say(f"{way.title}: warm; clock source {self.clocks[way.key]['clocksource']}")

    def _clock(self, way):
        path = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
        words = self.bed.check(way.ends[0], f"uname -r; cat {path}").split()
        return {"kernel": words[0], "clocksource": words[1]}

    def round(self, number):
        for way in order(self.ways, number):
            self.bed.begin(way)
            values = []
            for measure_ in self.measures:
                row = self._row(number, way, measure_)
                self.rows.append(row)
                values.append(short(measure_, row))
            self.bed.set_mtu(way, self.measures[0].mtu)
            self.failures += self.bed.unbalanced(way)
            self.say(f"round {number + 1}, {way.title}: {', '.join(filter(None, values))}")

    def _row(self, number, way, measure_):
        mtu = self.bed.set_mtu(way, measure_.mtu)
        row = {"round": number, "way": way.key, "measure": measure_.key, "unit": measure_.unit,
               "mtu": mtu, "value": None}
        before = self._counters(way, measure_)
        stolen = processor_times()
        try:
            result = self._measure(way, measure_)
            row["value"] = result.value
            if result.samples:
                row["samples"] = list(result.samples)
        except ToolError as error:
            self.failures.append(f"round {number + 1}, {way.title}, {measure_.title}: {error}")
        now = processor_times()
        row["stolen"] = (now[0] - stolen[0]) / max(1, now[1] - stolen[1])
        if before:
            row["counts"] = counts(self._counters(way, measure_) - before)
        return row

    def _measure(self, way, measure_):
        timeout = measure_.takes(self.lengths) * 4 + what.SLACK_S
        text, _ = self.bed.sh(way.ends[0], measure_.command(self.lengths, way.peer), timeout)
        return measure_.read(text)

    def _counters(self, way, measure_):
        if not measure_.counted or not way.nodes:
            return None
        return measure.Counters([self.bed.show(node, "stats") for node in way.nodes])


def counts(counted):
    """What is kept of the nodes' counters over a measurement."""
    return {"packets": counted.packets(), "exits": counted.exits, "by_reason": counted.by_reason,
            "frames": counted.frames,
            "drops": {reason: n for reason, n in counted.drops.items() if n}}


def short(measure_, row):
    """A word for the progress line."""
    if row["value"] is None:
        return f"{measure_.key} FAILED"
    return f"{measure_.key} {row['value']:.4g}"
