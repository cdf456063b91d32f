# SPDX-License-Identifier: BSD-2-Clause
"""What is measured on a way: the command at its near end, and what its output says."""

import dataclasses
import re
import statistics

from labkit import measure
from labkit.errors import ToolError

TIMES = re.compile(r"time=([\d.]+) ms")
PING_INTERVAL_S = 0.01
LOADED_INTERVAL_S = 0.04
STREAM_HEAD_S = 1   # of a stream, before pings beside it count
STREAM_TAIL_S = 1
SLACK_S = 120       # for a command on a busy machine, beside the time it takes


@dataclasses.dataclass(frozen=True)
class Lengths:
    """How long a measurement is: seconds of a stream, pings of a series."""

    seconds: int
    pings: int


@dataclasses.dataclass(frozen=True)
class Result:
    value: float
    samples: tuple = ()  # the single ones, where they are worth keeping


@dataclasses.dataclass(frozen=True)
class Measure:
    """`command` and `read` are functions: of Lengths and the address measured against, and
    of the output. `counted`: the nodes' counters over it are noted."""

    key: str
    title: str
    unit: str
    better: str
    mtu: int
    command: object
    read: object
    takes: object = dataclasses.field(default=lambda lengths: lengths.seconds)
    counted: bool = False


def _median_of_times(text):
    times = tuple(float(time) for time in TIMES.findall(text))
    if not times:
        raise ToolError(f"no ping came back:\n{text.strip()}")
    return Result(statistics.median(times), times)


def _mbps(text):
    return Result(measure.parse_nuttcp(text))


def ping(key, title, mtu):
    return Measure(key, title, "ms", "lower", mtu,
                   lambda lengths, peer: f"ping -i {PING_INTERVAL_S} -c {lengths.pings} {peer} | "
                   "grep -o 'time=.*'", _median_of_times,
                   takes=lambda lengths: lengths.pings * PING_INTERVAL_S)


def _loaded_seconds(lengths):
    return STREAM_HEAD_S + lengths.seconds + STREAM_TAIL_S


def ping_under_tcp(key, title, mtu):
    """Round trips beside a TCP stream that takes what it can get."""
    def command(lengths, peer):
        count = int(lengths.seconds / LOADED_INTERVAL_S)
        return (f"nuttcp -T{_loaded_seconds(lengths)} {peer} >/dev/null & "
                f"sleep {STREAM_HEAD_S}; ping -i {LOADED_INTERVAL_S} -c {count} -W 5 {peer} | "
                "grep -o 'time=.*'; wait")
    return Measure(key, title, "ms", "lower", mtu, command, _median_of_times,
                   takes=_loaded_seconds)


def tcp(key, title, mtu, reverse, counted=False):
    option = "-r " if reverse else ""
    return Measure(key, title, "Mbit/s", "higher", mtu,
                   lambda lengths, peer: f"nuttcp -fparse {option}-T{lengths.seconds} {peer}",
                   _mbps, counted=counted)


def udp(size):
    """Packets that arrive, of as many as can be sent."""
    def read(text):
        return Result(measure.parse_nuttcp(text) * 1e6 / (8 * size))
    return Measure(f"udp{size}", f"UDP of {size} bytes received", "packets/s", "higher", 1500,
                   lambda lengths, peer: f"nuttcp -u -Ru -l{size} -fparse -T{lengths.seconds} "
                   f"{peer}", read)


MTUS = {1500: "1500", 8958: "8958", 65000: "64 KB"}
MEASURES = [
    ping("rtt", "round trip", 1500),
    ping_under_tcp("rtt_under_tcp", "round trip beside TCP", 1500),
    *(tcp(f"tcp_{mtu}_{way}", f"TCP {way}, MTU {name}", mtu, way == "reverse",
          counted=mtu == 1500)
      for mtu, name in MTUS.items() if mtu == 1500 for way in ("forward", "reverse")),
    *(udp(size) for size in (64, 512, 1472)),
    *(tcp(f"tcp_{mtu}_{way}", f"TCP {way}, MTU {name}", mtu, way == "reverse")
      for mtu, name in MTUS.items() if mtu != 1500 for way in ("forward", "reverse")),
]
