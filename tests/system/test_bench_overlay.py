# SPDX-License-Identifier: BSD-2-Clause
"""The parts of `make bench`: statistics, what the guests' tools say, the lab, the report."""

import csv
import dataclasses
import html.parser
import json
import math
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from labkit import figures, labfile, page, plots
from labkit.errors import ToolError

sys.path.insert(0, os.path.join(ROOT, "tests/bench"))

from overlaykit import hardware, measures, mpi, results, rounds, ways  # noqa: E402

GOALS = {"more": ("ratio", 2, "higher"), "less": ("ratio", 2, "lower"),
         "any": ("ms", None, "lower")}


def row(number, way, key, value, stolen=0.0, **more):
    return {"round": number, "way": way, "measure": key, "unit": "x", "mtu": 1500,
            "value": value, "stolen": stolen, **more}


def both(number, way, forward, reverse):
    return [row(number, way, "tcp_1500_forward", forward),
            row(number, way, "tcp_1500_reverse", reverse)]


def test_an_interval_holds_the_median_and_nothing_beyond_the_runs():
    runs = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 9.0]
    low, high = figures.interval(runs)
    assert 1.0 <= low < 1.3 < high <= 9.0
    assert figures.interval(runs) == (low, high)
    assert figures.interval([3.0]) == (3.0, 3.0)


@pytest.mark.parametrize("name, runs, met", [
    ("more", [2.5, 2.6, 2.7], True), ("more", [1.5, 1.6, 1.7], False),
    ("more", [1.5, 2.0, 2.5], "inconclusive"), ("more", [2.0, 2.0, 2.0], True),
    ("less", [1.5, 1.6, 1.7], True), ("less", [2.5, 2.6, 2.7], False),
    ("less", [1.5, 2.0, 2.5], "inconclusive"), ("any", [1.0, 2.0], None)])
def test_a_goal_is_met_when_the_whole_interval_meets_it(name, runs, met):
    figure = figures.figure(GOALS, name, runs)
    assert figure["met"] is met if not isinstance(met, str) else figure["met"] == met
    assert figures.verdict(figure) in ("met", "missed", "inconclusive", "")
    assert figure["low"] <= figure["value"] <= figure["high"]


def test_the_table_of_figures_says_each_goal():
    text = figures.table([figures.figure(GOALS, name, [1.0, 1.5]) for name in GOALS])
    assert [line.split()[-1] for line in text.splitlines()[1:]] == ["missed", "met", "1.5"]
    assert ">= 2" in text and "<= 2" in text


def test_ways_take_turns():
    assert [rounds.order(["a", "b", "c"], n) for n in range(3)] == \
        [["a", "b", "c"], ["c", "b", "a"], ["a", "b", "c"]]


def test_a_ratio_is_of_one_round():
    rows = [row(0, "native", "rtt", 2.0), row(0, "guest", "rtt", 3.0),
            row(1, "guest", "rtt", 8.0), row(1, "native", "rtt", 4.0),
            row(2, "guest", "rtt", 5.0)]  # without its native
    assert results.ratios(rows, "guest", "rtt", "native") == [1.5, 2.0]


def test_what_failed_or_was_stolen_from_is_left_out():
    rows = [row(0, "native", "rtt", 2.0), row(0, "guest", "rtt", None),
            row(1, "native", "rtt", 2.0, stolen=0.5), row(1, "guest", "rtt", 2.0),
            row(2, "native", "rtt", 2.0), row(2, "guest", "rtt", 3.0)]
    assert results.ratios(rows, "guest", "rtt", "native") == [1.5]
    assert results.dropped(rows) == 1


def test_both_directions_make_one_rate():
    rows = both(0, "native", 300, 100) + both(0, "guest", 100, 100) + both(1, "native", 1, 1) \
        + [row(1, "guest", "tcp_1500_forward", 1)]
    assert results.ratios(rows, "guest", "tcp_1500", "native") == [0.5]


def test_ways_that_differ_in_kernel_or_clock_have_no_ratio():
    rows = [row(0, "native", "rtt", 2.0), row(0, "guest", "rtt", 2.2)]
    keys = ["native", "guest"]
    found = results.all_figures(rows, keys, {("guest", "native"): True})
    assert [(f["name"], round(f["value"], 3), f["met"]) for f in found] == \
        [("rtt_over_native", 1.1, True)]
    assert results.all_figures(rows, keys, {("guest", "native"): False}) == []


def test_counts_become_figures():
    counts = {"packets": 640, "exits": 5, "by_reason": {}, "drops": {},
              "frames": {"tx_frames": 320, "rx_frames": 320, "tx_copies": 0, "rx_copies": 320}}
    rows = [row(0, "vmm", "tcp_1500_forward", 1.0, counts=counts),
            row(0, "guest", "tcp_1500_reverse", 1.0, counts=counts)]
    found = {f["name"]: (f["value"], f["met"])
             for f in results.all_figures(rows, ["vmm", "guest"], {})}
    assert found == {"exits_per_packet_vmm": (5 / 640, True), "copies_tx": (0, True),
                     "copies_rx": (1, True)}


def test_locks_are_those_that_another_benchmark_counted(tmp_path):
    path = tmp_path / "path.json"
    assert results.borrowed(str(path)) == []
    path.write_text(json.dumps({"figures": [{"name": "locks_per_packet", "value": 0},
                                            {"name": "tx_cycles_64", "value": 90}]}))
    assert results.borrowed(str(path)) == [
        {"name": "locks_per_packet", "value": 0, "from": "make bench-path"}]
    path.write_text("[")
    assert results.borrowed(str(path)) == []


def test_other_modes_have_figures_of_their_own():
    rows = [row(0, way, "rtt", value) for way, value in
            (("native", 1.0), ("guest", 1.2), ("vmm", 1.4))]
    same = {(way, "native"): True for way in ("guest", "vmm")}
    names = {f["name"]: f["met"] for f in
             results.all_figures(rows, ["native", "guest", "vmm"], same)}
    assert names == {"rtt_over_native": True, "rtt_over_native_vmm": False}


def test_pings_give_their_median_and_all_times():
    found = measures.NET[0].read("time=1.00 ms\ntime=9.50 ms\ntime=2.00 ms\n")
    assert found.value == 2.0 and found.samples == (1.0, 9.5, 2.0)
    with pytest.raises(ToolError):
        measures.NET[0].read("")


def test_a_udp_rate_is_in_packets_that_arrived():
    udp = next(m for m in measures.NET if m.key == "udp64")
    assert udp.read("megabytes=1.0 rate_Mbps=5.12 pkt=3 drop=1").value == pytest.approx(10000)
    with pytest.raises(ToolError):
        udp.read("nuttcp-t: Error: connect")


def test_requests_and_responses_a_second():
    rr = next(m for m in measures.NET if m.key == "tcp_rr")
    said = ("sockperf: [Total Run] RunTime=2.000 sec; Warm up time=400 msec; SentMessages=1001; "
            "ReceivedMessages={}\nsockperf: ========= Printing statistics")
    assert rr.read(said.format(1000)).value == 500
    for failed in (said.format(0), "sockperf: ERROR: Can`t connect socket"):
        with pytest.raises(ToolError):
            rr.read(failed)


NETPIPE = """\
mpi-run: netpipe: 2 ranks on 10.1.0.1 10.1.0.2
netpipe bytes=1 mbits=0.010 usec=800.00
netpipe bytes=8192 mbits=80.500 usec=814.00
netpipe bytes=8195 mbits=70.500 usec=914.00
"""


def test_mpi_says_what_it_found():
    found = mpi.ALL["netpipe"].read(NETPIPE)
    assert found.value == 80.5 and found.detail[0] == (1, 0.01, 800.0) and len(found.detail) == 3
    found = mpi.ALL["hpcc"].read("hpcc MinPingPongBandwidth_GBytes=0.025\nhpcc Success=1\n")
    assert found.value == pytest.approx(200) and found.detail["Success"] == "1"
    for one in mpi.ALL.values():
        with pytest.raises(ToolError):
            one.read("mpi-run: 10.1.0.2 does not let us in")


def test_mpi_runs_between_both_ends():
    lengths = measures.Lengths(1, 1)
    for way in ways.WAYS.values():
        command = mpi.ALL["netpipe"].command(lengths, way)
        assert f"--hosts {way.peer[:-1]}1,{way.peer} " in command


def test_every_measure_has_a_name_and_a_goal_names_a_measure():
    keys = [m.key for m in (*measures.NET, *mpi.ALL.values())]
    assert len(set(keys)) == len(keys)
    for _, key, base in results.RATIOS.values():
        assert base in ways.WAYS
        assert set(results.BOTH.get(key, (key,))) <= set(keys)


def test_the_lab_is_one_that_can_be_read():
    lab = labfile.parse(ways.lab_text(ways.Setup(), list(ways.WAYS.values())), "bench.lab")
    for way in ways.WAYS.values():
        assert set(way.machines) <= set(lab.machines)
        assert len([w for w in lab.wires.values() if set(w.ends) == set(way.machines)]) == 1
    assert {m.nic for m in lab.machines.values()} == {"e1000"}
    assert len({lab.mac_of(m) for m in lab.machines.values()}) == len(lab.machines)


def test_the_rows_as_a_table(tmp_path):
    path = tmp_path / "rows.csv"
    results.write_csv(path, [row(0, "native", "rtt", 2.5, samples=[2.5])])
    with open(path, encoding="utf-8") as f:
        (found,) = csv.DictReader(f)
    assert found["way"] == "native" and float(found["value"]) == 2.5


# --- the page --------------------------------------------------------------------------

class Checker(html.parser.HTMLParser):
    """Every element is closed, nothing is fetched from elsewhere, coordinates are numbers."""

    VOID = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert name not in ("src", "href", "xlink:href", "onload"), (tag, name)
            if tag in ("rect", "circle", "line") and name in ("x", "y", "x1", "y1", "cx", "width"):
                assert math.isfinite(float(value))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(text):
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    assert "url(" not in text and "@import" not in text
    return checker.seen


def stage(name, cycles):
    return {"name": name, "count": 1, "cycles": cycles}


def full_report():
    rows = []
    for number in range(3):
        for at, way in enumerate(("native", "guest", "kvm"), 1):
            for one in (*measures.NET, *mpi.ALL.values()):
                found = row(number, way, one.key, at + number / 10)
                if one.key.startswith("rtt"):
                    found["samples"] = [at, at * 2]
                if one.key == "netpipe_bw":
                    found["detail"] = [(1, 0.5, 9.0), (1024, 80.0 * at, 10.0)]
                if one.key == "hpcc_bw":
                    found["detail"] = {"MinPingPongBandwidth_GBytes": "0.5", "Success": "1"}
                rows.append(found)
    keys = ["native", "guest", "kvm"]
    machine = {"kind": "emulated", "nic": "e1000", "dropped": 0, "rough": True, "void": ["a/b"],
               "restarts": {"kvm": 1},
               "ways": {key: {"kernel": "6.1", "clocksource": "tsc", "processors": 1}
                        for key in keys}}
    return {"name": "overlay", "date": "today", "machine": machine,
            "ways": {key: ways.WAYS[key].title for key in keys},
            "figures": results.all_figures(rows, keys, results.comparable(machine["ways"])),
            "summary": results.summary(rows, keys, [*measures.NET, *mpi.ALL.values()]),
            "ledger": {"guest": {"tx": {"packets": 10, "stages": [stage("exit", 500),
                                                                  stage("route", 70)]},
                                 "rx": {"packets": 0, "stages": []}}},
            "rows": rows, "failures": ["a <failure>\nwith more"]}


def test_a_page_stands_alone_and_shows_every_part():
    text = page.whole([full_report()], "A title & more")
    assert check_page(text).count("svg") > 10
    for said in ("A title &amp; more", "TCP throughput", "Round trips", "NetPIPE", "HPCC",
                 "The ledger", "exit", "Ratio to native", "a &lt;failure&gt;", "rough", "a/b",
                 "started again, 1 times", "no speed of any hardware"):
        assert said in text, said
    assert 'class="missed"' in text and 'class="met"' in text


def test_a_page_of_what_there_is_when_all_failed():
    report = full_report()
    for found in report["rows"]:
        found["value"] = None
    report["summary"] = results.summary(report["rows"], list(report["ways"]), measures.NET)
    report.update(figures=[], ledger={})
    check_page(page.whole([report], "Caisson"))


def test_a_page_of_any_other_benchmark():
    figure = figures.figure(GOALS, "more", [1.0, 2.5])
    text = page.whole([{"name": "new", "machine": {"kind": "host", "cpu": "<x>"},
                        "figures": [figure]}, full_report()], "Caisson")
    check_page(text)
    assert text.index('id="overlay"') < text.index('id="new"')
    assert "inconclusive" in text


@pytest.mark.parametrize("most", [0, 0.003, 1, 7, 99, 123456, 5e9])
def test_ticks_reach_the_largest_value(most):
    ticks = plots.nice_ticks(most)
    assert ticks[0] == 0 and ticks[-1] >= most and 2 <= len(ticks) <= 7
    assert all(len(plots.number(tick)) <= 6 for tick in ticks)


def test_the_report_tool_says_what_is_wrong(tmp_path):
    def report_of(text):
        path = tmp_path / "x.json"
        path.write_text(text)
        return subprocess.run([os.path.join(ROOT, "tools/bench-report"), "--out",
                               str(tmp_path / "x.html"), str(path)], capture_output=True,
                              text=True, check=False)
    assert "this is no JSON" in report_of("{").stderr
    assert "it lacks machine, figures" in report_of('{"name": "x"}').stderr
    done = report_of(json.dumps(full_report()))
    assert done.returncode == 0 and "overlay" in done.stdout
    check_page((tmp_path / "x.html").read_text())


# --- machines of one's own ---------------------------------------------------------------

CHOSEN = [*measures.NET, *mpi.ALL.values()]
LOG = """\
login: root\r
== overlay-run 0 about\r
6.1.0-57-amd64\r
tsc\r
4\r
== overlay-run 0 rtt\r
time=0.10 ms\r
time=0.30 ms\r
== overlay-run 0 udp64\r
nuttcp-t: Error\r
== overlay-run 0 end\r
== overlay-run 1 rtt\r
time=0.40 ms\r
== overlay-run 1 end\r
"""


def test_the_script_for_machines_is_one_a_shell_understands(tmp_path):
    path = tmp_path / "overlay-run"
    path.write_text(hardware.script(measures.Lengths(10, 1000), CHOSEN))
    done = subprocess.run(["dash", "-n", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for one in CHOSEN:
        assert f'echo "== overlay-run $round {one.key}"' in path.read_text()


def test_what_the_script_printed_is_read_again(tmp_path):
    path = tmp_path / "guest.log"
    path.write_text(LOG)
    rows, failures, machine = hardware.read_log(str(path), "guest", CHOSEN)
    assert [(r["round"], r["measure"], r["value"]) for r in rows] == \
        [(0, "rtt", pytest.approx(0.2)), (0, "udp64", None), (1, "rtt", 0.4)]
    assert len(failures) == 1 and "UDP of 64 bytes" in failures[0]
    assert machine == {"kernel": "6.1.0-57-amd64", "clocksource": "tsc", "processors": 4}
    path.write_text("nothing")
    with pytest.raises(ToolError):
        hardware.read_log(str(path), "guest", CHOSEN)


def run_bench(*arguments):
    return subprocess.run([os.path.join(ROOT, "tests/bench/overlay"), *arguments],
                          capture_output=True, text=True, check=False)


def test_logs_become_a_report(tmp_path):
    for way in ("native", "guest"):
        (tmp_path / f"{way}.log").write_text(LOG.replace("nuttcp-t: Error", "rate_Mbps=51.2"))
    logs = [f"{way}={tmp_path}/{way}.log" for way in ("native", "guest")]
    done = run_bench("--out", str(tmp_path / "o.json"), "--log", *logs)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "o.json").read_text())
    assert report["machine"]["kind"] == "hardware"
    assert {f["name"]: f["value"] for f in report["figures"]} == {
        "rtt_over_native": 1, "udp64_over_native": 1}
    check_page((tmp_path / "o.html").read_text())
    assert run_bench("--log", "guest").returncode == 2
    assert run_bench("--log", f"guest={tmp_path}/none").returncode == 2


def test_nodes_of_ones_own():
    nodes = hardware.parse_nodes(["52:54:00:00:00:0A,192.168.7.9/20",
                                  "52:54:00:00:00:02,192.168.7.2/20"])
    text = hardware.cluster(nodes)
    assert "node alpha mac 52:54:00:00:00:0a" in text
    assert "control listen from 192.168.0.0/20" in text
    assert "link add peer udp remote 192.168.7.9 port 9000" in text
    for wrong in ("52:54:00:00:00:01", "52:54:00:00:00:01,192.168.7.256/24", "x,10.0.0.1/24"):
        with pytest.raises(ToolError):
            hardware.parse_nodes([wrong, wrong])


# --- a run, on machines that are not there -------------------------------------------------

class Machines:
    """Stands for the lab: `broken` ways fail, `dead` ones answer again once restarted."""

    def __init__(self, broken=(), dead=(), fast=()):
        self.broken, self.dead, self.fast = set(broken), set(dead), set(fast)
        self.now = self.exits = 0
        self.asked = []
        self.checked = []

    def begin(self, way):
        if way.key in self.broken:
            raise ToolError(f"{way.key} is not running any more")

    def set_mtu(self, way, mtu):
        return min(mtu, way.mtu_most)

    def sh(self, target, command, _timeout):
        way = next(way for way in ways.WAYS.values() if way.ends[0] == target)
        self.asked.append(way.key)
        if way.key in self.dead:
            raise ToolError("not done within 1 s")
        return "time=2.0 ms\n", 0

    def check(self, target, command, _timeout=0):
        self.checked.append((target, command))
        return ""

    def show(self, node, _what):
        self.exits += 10
        return {"node": node, "vms": {"g1": {"exits": self.exits, "exits_by_reason": {}}},
                "interfaces": {}, "drops": {}}

    def clock(self, target):
        self.now += 10
        return self.now, self.now * (25 if target in self.fast else 1)

    def well(self, way):
        return way.key not in self.dead

    def restart_nested(self, way):
        self.dead.discard(way.key)

    def unbalanced(self, way):
        return [f"{way.key}: lost"] if way.key == "guest" else []


def run_rounds(bed, keys, count=2, every=1):
    one = dataclasses.replace(measures.NET[0], every=every)
    runner = rounds.Runner(bed, [ways.WAYS[key] for key in keys], [one],
                           measures.Lengths(1, 2), lambda _: None)
    for number in range(count):
        runner.round(number)
    return runner


def test_rounds_alternate_and_the_sum_over_frames_is_asked_for():
    bed = Machines()
    runner = run_rounds(bed, ["native", "guest"])
    assert bed.asked == ["native", "guest", "guest", "native"]
    assert [row["value"] for row in runner.rows] == [2.0] * 4
    assert runner.failures == ["guest: lost"] * 2


def test_counters_are_taken_while_the_stream_runs():
    bed = Machines()
    stream = next(one for one in measures.NET if one.counted)
    runner = rounds.Runner(bed, [ways.WAYS["vmm"]], [dataclasses.replace(
        stream, read=lambda text: measures.Result(len(text)))],
        measures.Lengths(1, 2), lambda _: None)
    runner.round(0)
    (_, started), = bed.checked
    assert "nuttcp" in started and "-T3 " in started and started.count("&") == 2
    assert runner.rows[0]["counts"]["exits"] == 40  # of two nodes, each asked twice
    assert runner.rows[0]["value"] == len("time=2.0 ms\n")


def test_what_takes_long_is_not_in_every_round():
    runner = run_rounds(Machines(), ["native"], 7, every=3)
    assert [row["round"] for row in runner.rows] == [0, 3, 6]


def test_a_way_that_fails_takes_no_other_with_it():
    runner = run_rounds(Machines(broken=["native"]), ["native", "kvm"])
    assert [row["way"] for row in runner.rows] == ["kvm", "kvm"]
    assert len(runner.failures) == 2 and "native" in runner.failures[0]


def test_guests_of_kvm_that_died_are_started_again_and_counted():
    runner = run_rounds(Machines(dead=["kvm"]), ["kvm"])
    assert [row["value"] for row in runner.rows] == [2.0, 2.0]
    assert runner.restarts == {"kvm": 1} and runner.failures == []


def test_what_a_wrong_clock_measured_does_not_count():
    runner = run_rounds(Machines(fast=["p1"]), ["native", "guest"])
    assert len(results.values(runner.rows, "guest", "rtt")) == 2
    assert results.values(runner.rows, "native", "rtt") == {}
    assert results.dropped(runner.rows) == 2


def test_a_machine_with_a_wrong_clock_is_left_out(monkeypatch):
    monkeypatch.setattr(rounds, "CLOCK_LOOK_S", 0)
    bed = Machines(fast=["p2"])
    bed.hosts = set()
    monkeypatch.setattr(bed, "check", lambda *_: "6.1 tsc 1")
    runner = rounds.Runner(bed, [ways.WAYS[key] for key in ("native", "guest")], measures.NET,
                           measures.Lengths(1, 2), lambda _: None)
    runner.warm_up()
    assert [way.key for way in runner.ways] == ["guest"]
    assert "p2: a second of its clock takes 0.04 s" in runner.failures[0]


def test_other_machines_are_not_started_again():
    runner = run_rounds(Machines(dead=["native"]), ["native"], 1)
    assert runner.rows[0]["value"] is None and runner.restarts == {}
    assert "not done within 1 s" in runner.failures[0]
