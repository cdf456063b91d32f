# SPDX-License-Identifier: BSD-2-Clause
"""MPI between the two ends of a way, by the guest image's mpi-run (tools/guest/mpi-run):
NetPIPE's ping-pong between one rank at each end, HPCC with two ranks at each."""

import re

from labkit.errors import ToolError
from overlaykit.measures import Measure, Result

NETPIPE = re.compile(r"^netpipe bytes=(\d+) mbits=([\d.]+) usec=([\d.]+)", re.MULTILINE)
HPCC = re.compile(r"^hpcc (\w+)=(\S+)", re.MULTILINE)
TIMEOUT_S = 900
HPCC_SIZE = 128
HPCC_EVERY = 3  # it takes minutes
# The pair of ranks that is slowest has the two ends of the way between it.
BANDWIDTH, LATENCY = "MinPingPongBandwidth_GBytes", "MaxPingPongLatency_usec"
MBITS_A_GBYTE = 8000


def _hosts(way):
    return f"{way.peer.rpartition('.')[0]}.1,{way.peer}"


def _curve(text):
    """[(bytes, Mbit/s, us)]"""
    found = [(int(size), float(mbits), float(usec))
             for size, mbits, usec in NETPIPE.findall(text)]
    if not found:
        raise ToolError(f"NetPIPE gave nothing:\n{text.strip()[-1000:]}")
    return found


def netpipe():
    """The most that any message size gets; the curve is kept."""
    def read(text):
        curve = _curve(text)
        return Result(max(mbits for _, mbits, _ in curve), detail=curve)
    return Measure("netpipe_bw", "NetPIPE, the most", "Mbit/s", "higher", 1500,
                   lambda lengths, way: f"mpi-run netpipe --hosts {_hosts(way)} "
                   f"--max {lengths.netpipe} --repeat 20 --timeout {TIMEOUT_S} 2>&1", read,
                   takes=lambda _: TIMEOUT_S / 4, group="mpi")


def hpcc():
    """Bandwidth across the way; everything that HPCC says is kept."""
    def read(text):
        said = dict(HPCC.findall(text))
        if BANDWIDTH not in said:
            raise ToolError(f"HPCC gave no {BANDWIDTH}:\n{text.strip()[-1000:]}")
        return Result(float(said[BANDWIDTH]) * MBITS_A_GBYTE, detail=said)
    return Measure("hpcc_bw", "HPCC ping-pong, slowest pair", "Mbit/s", "higher", 1500,
                   lambda lengths, way: f"mpi-run hpcc --hosts {_hosts(way)} "
                   f"--size {HPCC_SIZE} --timeout {TIMEOUT_S} 2>&1", read,
                   takes=lambda _: TIMEOUT_S / 4, group="mpi", every=HPCC_EVERY)


ALL = {"netpipe": netpipe(), "hpcc": hpcc()}
QUICK = ("netpipe",)
