# SPDX-License-Identifier: BSD-2-Clause
"""What is measured on a way: the command at its near end, and what its output says."""

import dataclasses
import re
import statistics

from labkit import measure
from labkit.errors import ToolError
from overlaykit.ways import PLAIN_MTU_MOST

TIMES = re.compile(r"time=([\d.]+) ms")
PING_INTERVAL_S = 0.01
LOADED_INTERVAL_S = 0.04
STREAM_HEAD_S = 1   # of a stream, before what is counted in it or runs beside it
STREAM_TAIL_S = 1
SLACK_S = 120       # for a command on a busy machine, beside the time it takes
SOCKPERF_PORT = 11111
# What has to run at the far end, beside the image's own nuttcp.
SERVERS = (f"pidof sockperf >/dev/null || sockperf server --tcp -p {SOCKPERF_PORT} "
           "--no-rdtsc >/dev/null 2>&1 &")


@dataclasses.dataclass(frozen=True)
class Lengths:
    """How long a measurement is: seconds of a stream, pings of a series; NetPIPE's largest
    message in bytes."""

    seconds: int
    pings: int
    netpipe: int = 1 << 20


@dataclasses.dataclass(frozen=True)
class Result:
    """`samples`: the single ones, where they are worth keeping; `detail`: all that was said."""

    value: float
    samples: tuple = ()
    detail: object = None


@dataclasses.dataclass(frozen=True)
class Measure:
    """`command` and `read` are functions: of Lengths and the way, and of the output.
    `counted`: the nodes' counters are noted, of so many seconds within it, STREAM_HEAD_S from
    its start and STREAM_TAIL_S from its end. `group`: what a way may skip.
    `quick`: part of a quick run, too. `every`: so many rounds, the first one included."""

    key: str
    title: str
    unit: str
    better: str
    mtu: int
    command: object
    read: object
    takes: object = dataclasses.field(default=lambda lengths: lengths.seconds)
    counted: bool = False
    group: str = "net"
    quick: bool = True
    every: int = 1


def _with_ends(lengths):
    return STREAM_HEAD_S + lengths.seconds + STREAM_TAIL_S


def _median_of_times(text):
    times = tuple(float(time) for time in TIMES.findall(text))
    if not times:
        raise ToolError(f"no ping came back:\n{text.strip()}")
    return Result(statistics.median(times), times)


def _mbps(text):
    return Result(measure.parse_nuttcp(text))


def ping(key, title, mtu):
    return Measure(key, title, "ms", "lower", mtu,
                   lambda lengths, way: f"ping -i {PING_INTERVAL_S} -c {lengths.pings} "
                   f"{way.peer} | grep -o 'time=.*'", _median_of_times,
                   takes=lambda lengths: lengths.pings * PING_INTERVAL_S)


def ping_under_tcp(key, title, mtu):
    """Round trips beside a TCP stream that takes what it can get."""
    def command(lengths, way):
        count = int(lengths.seconds / LOADED_INTERVAL_S)
        return (f"nuttcp -T{_with_ends(lengths)} {way.peer} >/dev/null & "
                f"sleep {STREAM_HEAD_S}; ping -i {LOADED_INTERVAL_S} -c {count} -W 5 "
                f"{way.peer} | grep -o 'time=.*'; wait")
    return Measure(key, title, "ms", "lower", mtu, command, _median_of_times,
                   takes=_with_ends)


def tcp(mtu, name, direction, counted=False):
    option = "-r " if direction == "reverse" else ""

    def takes(lengths):
        return _with_ends(lengths) if counted else lengths.seconds

    return Measure(f"tcp_{mtu}_{direction}", f"TCP {direction}, MTU {name}", "Mbit/s", "higher",
                   mtu, lambda lengths, way: f"nuttcp -fparse {option}-T{takes(lengths)} "
                   f"{way.peer}", _mbps, takes=takes, counted=counted,
                   quick=mtu <= PLAIN_MTU_MOST)


def udp(size):
    """Packets that arrive, of as many as can be sent."""
    def read(text):
        return Result(measure.parse_nuttcp(text) * 1e6 / (8 * size))
    return Measure(f"udp{size}", f"UDP of {size} bytes received", "packets/s", "higher", 1500,
                   lambda lengths, way: f"nuttcp -u -Ru -l{size} -fparse -T{lengths.seconds} "
                   f"{way.peer}", read, quick=size == 64)


def request_response():
    """A small message there and one back, over TCP, one at a time."""
    def read(text):
        match = re.search(r"Total Run\] RunTime=([\d.]+) sec; .*ReceivedMessages=(\d+)", text)
        if not match or not float(match[1]) or not int(match[2]):
            raise ToolError(f"sockperf did not finish:\n{text.strip()}")
        return Result(int(match[2]) / float(match[1]))
    return Measure("tcp_rr", "TCP request and response", "1/s", "higher", 1500,
                   lambda lengths, way: f"sockperf ping-pong --tcp -i {way.peer} "
                   f"-p {SOCKPERF_PORT} -t {lengths.seconds} --no-rdtsc 2>&1", read)


MTUS = {1500: "1500", 8958: "8958", 65000: "64 KB"}
DIRECTIONS = ("forward", "reverse")
NET = [
    ping("rtt", "round trip", 1500),
    request_response(),
    ping_under_tcp("rtt_under_tcp", "round trip beside TCP", 1500),
    *(tcp(1500, MTUS[1500], direction, counted=True) for direction in DIRECTIONS),
    *(udp(size) for size in (64, 512, 1472)),
    *(tcp(mtu, name, direction) for mtu, name in MTUS.items() if mtu != 1500
      for direction in DIRECTIONS),
]
