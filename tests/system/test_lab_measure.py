# SPDX-License-Identifier: BSD-2-Clause
"""What the demo makes of the guests' output and of the nodes' counters."""

import pytest
from labkit import measure
from labkit.errors import ToolError

PING = """\
--- 10.1.0.2 ping statistics ---
{sent} packets transmitted, {received} received, 0% packet loss, time 2013ms
rtt min/avg/max/mdev = {low}/{mean}/9.000/0.1 ms, pipe 2
"""


def ping(sent, received, low, mean):
    return measure.parse_ping(PING.format(sent=sent, received=received, low=low, mean=mean))


def node(exits, tx, rx, drops=0, cut=1):
    """`cut`: so many packets become of each frame that was sent."""
    return {"node": "n", "vms": {"g1": {"exits": exits, "exits_by_reason": {"io": exits}}},
            "interfaces": {"g1.eth0": {"tx_frames": tx, "rx_frames": rx, "tx_segments": cut * tx,
                                       "rx_segments": rx, "tx_copies": 0, "rx_copies": rx}},
            "drops": {"no route": drops}}


def test_pings_are_joined_by_their_counts():
    total = measure.join_pings([ping(100, 100, 1.0, 2.0), ping(100, 50, 0.5, 5.0)])
    assert total == {"sent": 200, "received": 150, "rtt_min_ms": 0.5, "rtt_avg_ms": 3.0,
                     "rtt_max_ms": 9.0}


def test_a_ping_without_an_answer():
    lost = measure.parse_ping("4 packets transmitted, 0 received, 100% packet loss")
    assert lost["received"] == 0 and lost["rtt_avg_ms"] is None
    assert measure.join_pings([lost])["rtt_avg_ms"] is None
    with pytest.raises(ToolError):
        measure.parse_ping("ping: connect: Network is unreachable")


def test_nuttcp():
    assert measure.parse_nuttcp("megabytes=197.2 real_seconds=5.01 rate_Mbps=329.96") == 329.96
    with pytest.raises(ToolError):
        measure.parse_nuttcp("nuttcp-t: Error: connect: Connection refused")


def test_counters_between_two_moments():
    before = measure.Counters([node(10, 5, 5), node(20, 5, 5)])
    after = measure.Counters([node(40, 15, 25, drops=1), node(60, 25, 15)])
    between = after - before
    assert between.exits_per_packet() == round(70 / 60, 3)
    assert between.by_reason_per_packet() == {"io": round(70 / 60, 3)}
    assert (between.copies_tx(), between.copies_rx()) == (0, 1)
    assert between.drops == {"no route": 1} and between.by_reason == {"io": 70}
    assert (measure.Counters([]) + between).exits_per_packet() == between.exits_per_packet()


def test_long_frames_are_as_many_packets_as_go_out_for_them():
    counted = measure.Counters([node(40, 10, 0, cut=45), node(40, 0, 450)])
    assert counted.packets() == 900 and counted.exits_per_packet() == round(80 / 900, 3)
    assert counted.copies_rx() == 1


def test_nothing_counted_is_no_ratio():
    assert measure.Counters([]).exits_per_packet() is None
    assert measure.Counters([]).by_reason_per_packet() == {}


def test_a_counter_that_is_missing_is_named():
    broken = node(1, 1, 1)
    del broken["vms"]["g1"]["exits"]
    with pytest.raises(ToolError, match="exits"):
        measure.Counters([broken])


def test_table_is_aligned():
    assert measure.table([["a", "b"], ["long", "1"], ["x", "100"]]) == \
        "a       b\nlong    1\nx     100"
