# SPDX-License-Identifier: BSD-2-Clause
"""Rounds of all ways by turns: A B C, C B A, ... Each measurement becomes a row."""

import time

from labkit import measure
from labkit.errors import ToolError
from overlaykit import measures as what

STOLEN_MAX = 0.02
CLOCK_MAX = 0.03        # that a clock may be off over a turn
CLOCK_ROUGH_MAX = 0.15  # and over the time of a warm-up
CLOCK_LOOK_S = 3
NESTED_TRIES = 3
STREAM = "/tmp/stream"  # in a guest: what the command in the background has said
CLOCK = "/sys/devices/system/clocksource/clocksource0/current_clocksource"


def processor_times():
    """(jiffies stolen, all jiffies) of this host so far, proc(5)."""
    with open("/proc/stat", encoding="ascii") as f:
        fields = [int(word) for word in f.readline().split()[1:]]
    return fields[7], sum(fields[:8])


def order(ways, number):
    """Of a round: drifts of the host touch the ways alike."""
    return ways if number % 2 == 0 else ways[::-1]


def rate(then, now):
    """Seconds of the machine's clock in one of this host's; 0 where one was not to be had."""
    if not then or not now:
        return 0
    return (now[1] - then[1]) / (now[0] - then[0])


def counts_for_something(row):
    """Whether a row's value may be used."""
    return row["value"] is not None and row["stolen"] <= STOLEN_MAX \
        and abs(row.get("clock", 1) - 1) <= CLOCK_MAX


def about(text):
    """What a machine is, of `uname -r`, its clock source and `nproc`, one a line."""
    kernel, clock, processors = text.split()[:3]
    return {"kernel": kernel, "clocksource": clock, "processors": int(processors)}


class Runner:
    """`rows` are the raw values; `say` gets the progress, `failures` what went wrong;
    `restarts`: how often KVM's guests had to be started again, by way."""

    def __init__(self, bed, ways, measures, lengths, say):
        self.bed = bed
        self.ways = ways
        self.measures = measures
        self.lengths = lengths
        self.say = say
        self.rows = []
        self.failures = []
        self.machines = {}
        self.restarts = {}
        self.ledgers = {}

    def warm_up(self):
        """The first frames resolve addresses, and the emulator translates what is new."""
        for way in list(self.ways):
            try:
                self._warm(way)
            except ToolError as error:
                # The others are worth something without it.
                self.ways.remove(way)
                self.failures.append(f"{way.title}: left out: {error}")
                self.say(f"{way.title}: LEFT OUT: {error}")

    def _warm(self, way):
        if way.nested and way.machines[0] not in self.bed.hosts:
            self.say(f"{way.title}: boot the guests of {' and '.join(way.machines)}")
            self.bed.start_nested(way)
        self.bed.begin(way)

        def warm():
            self.bed.set_mtu(way, self.measures[0].mtu)
            self.bed.check(way.ends[1], what.SERVERS)
            self.machines[way.key] = self._look_at(way)
            self.bed.check(way.ends[0], f"nuttcp -n2m {way.peer}; nuttcp -r -n2m {way.peer}; "
                           f"ping -q -i 0.01 -c 50 {way.peer}", what.SLACK_S)
        self._check_clocks(way)
        self._persist(way, warm)
        self.say(f"{way.title}: warm; clock source {self.machines[way.key]['clocksource']}")

    def _check_clocks(self, way):
        before = [self.bed.clock(end) for end in way.ends]
        time.sleep(CLOCK_LOOK_S)
        for end, then in zip(way.ends, before):
            found = rate(then, self.bed.clock(end))
            if abs(found - 1) > CLOCK_ROUGH_MAX:
                raise ToolError(f"{end}: a second of its clock takes {1 / found:.3g} s: its TSC "
                                "was measured wrongly when it booted; run it again, with less "
                                "else to do on this host")

    def _look_at(self, way):
        return about(self.bed.check(way.ends[0], f"uname -r; cat {CLOCK}; nproc"))

    def _persist(self, way, function):
        """Its result. KVM's guests die at times on an emulated SVM: they are started again, as
        often as that is counted."""
        for attempt in range(1, NESTED_TRIES + 1):
            try:
                return function()
            except ToolError as error:
                if not way.nested or attempt == NESTED_TRIES or self.bed.well(way):
                    raise
                self.restarts[way.key] = self.restarts.get(way.key, 0) + 1
                self.say(f"{way.title}: start its guests again ({str(error).splitlines()[0]})")
                self.bed.restart_nested(way)
                self.bed.check(way.ends[1], what.SERVERS)
        return None

    def round(self, number):
        for way in order(self.ways, number):
            try:
                self.bed.begin(way)
            except ToolError as error:
                self.failures.append(f"round {number + 1}, {way.title}: {error}")
                self.say(f"round {number + 1}, {way.title}: FAILED: {str(error).splitlines()[0]}")
                continue
            values, first = [], len(self.rows)
            began = self._clock(way)
            for measure_ in self.measures:
                if measure_.group in way.skips or number % measure_.every:
                    continue
                row = self._row(number, way, measure_)
                self.rows.append(row)
                values.append(short(measure_, row))
            off = rate(began, self._clock(way))
            for row in self.rows[first:]:
                row["clock"] = off
            self._settle(way)
            self.say(f"round {number + 1}, {way.title}: {', '.join(values)}")

    def _clock(self, way):
        try:
            return self.bed.clock(way.ends[0])
        except ToolError:
            return None

    def _settle(self, way):
        """As it was before the round; the sum over all frames must be right."""
        try:
            self._persist(way, lambda: self.bed.set_mtu(way, self.measures[0].mtu))
            self.failures += self.bed.unbalanced(way)
        except ToolError as error:
            self.failures.append(f"{way.title}: {error}")

    def _row(self, number, way, measure_):
        row = {"round": number, "way": way.key, "measure": measure_.key, "unit": measure_.unit,
               "mtu": min(measure_.mtu, way.mtu_most), "value": None, "stolen": 0.0}
        try:
            self._persist(way, lambda: self._fill(row, way, measure_))
        except ToolError as error:
            self.failures.append(f"round {number + 1}, {way.title}, {measure_.title}: {error}")
        return row

    def _fill(self, row, way, measure_):
        self.bed.set_mtu(way, measure_.mtu)
        stolen = processor_times()
        timeout = measure_.takes(self.lengths) * 4 + what.SLACK_S
        command = measure_.command(self.lengths, way)
        if measure_.counted:
            text, counted = self._within(way, command, timeout)
        else:
            (text, _), counted = self.bed.sh(way.ends[0], command, timeout), None
        result = measure_.read(text)
        now = processor_times()
        row["value"] = result.value
        row["stolen"] = (now[0] - stolen[0]) / max(1, now[1] - stolen[1])
        if result.samples:
            row["samples"] = list(result.samples)
        if result.detail:
            row["detail"] = result.detail
        if counted and way.nodes:
            row["counts"] = counts(counted)

    def _within(self, way, command, timeout):
        """A stream's output, and what the nodes counted while it ran: without the start of a
        program, and without the serial line by which it is started."""
        end = way.ends[0]
        self.bed.check(end, f"({command}) >{STREAM} 2>&1 & echo $! >{STREAM}.pid")
        time.sleep(what.STREAM_HEAD_S)
        before = self._counters(way)
        time.sleep(self.lengths.seconds)
        counted = self._counters(way) - before
        text, _ = self.bed.sh(end, f"while kill -0 $(cat {STREAM}.pid) 2>/dev/null; do sleep 0.1; "
                              f"done; cat {STREAM}", timeout)
        return text, counted

    def _counters(self, way):
        return measure.Counters([self.bed.show(node, "stats") for node in way.nodes])

    def ledger(self):
        """What each stage of a frame's way takes during a TCP stream, of one more stream a
        way: the clock is read for it, so that it stands beside the others, not in them."""
        for way in (way for way in self.ways if way.nodes):
            try:
                self.ledgers[way.key] = self._ledger_of(way)
                self.say(f"{way.title}: ledger")
            except ToolError as error:
                self.failures.append(f"{way.title}: no ledger: {error}")

    def _ledger_of(self, way):
        self.bed.begin(way)
        self.bed.set_mtu(way, self.measures[0].mtu)
        for node in way.nodes:
            self.bed.ctl(node, "ledger on")
        self.bed.check(way.ends[0], f"nuttcp -T{self.lengths.seconds} {way.peer}")
        told = [self.bed.show(node, "ledger") for node in way.nodes]
        for node in way.nodes:
            self.bed.ctl(node, "ledger off")
        # The stream goes from the first to the second: frames out here, in there.
        return {"tx": told[0]["directions"]["tx"], "rx": told[1]["directions"]["rx"]}


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
