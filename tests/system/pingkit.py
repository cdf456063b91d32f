# SPDX-License-Identifier: BSD-2-Clause
"""Echo requests from a guest, of which the first so many have to be answered, however late.

What ping itself counts is no judge of that: it waits for the last answer only twice as long as
the others took, and calls lost what a busy host keeps for longer."""

import json
import re

WAIT_S = 120
TRIES = 3
# ping's lines, but those about errors ("From 10.1.0.1 icmp_seq=1 Destination ...").
ONLY_NUMBERS = r"sed -n 's/^[0-9]* bytes from .*icmp_seq=\([0-9]*\) .*/\1/p'"


def answered(lab, target, address, count=20, options="", interval=0.05, ping="ping"):
    """The numbers of the requests that were answered, in order: `count` at least, of as many as
    that takes. `options` are further ones of ping's, `ping` is the shell's words for it. An error
    that ends ping before (an address that nobody has told yet) makes it begin again."""
    for _ in range(TRIES):
        status, output = lab.sh(target, f"{ping} -c {count} -w {WAIT_S + count} -i {interval} "
                                f"{options} {address} 2>&1 | tee /tmp/ping | {ONLY_NUMBERS}",
                                timeout=2 * (WAIT_S + count))
        numbers = sorted({int(number) for number in re.findall(r"^\d+$", output, re.MULTILINE)})
        if status == 0 and len(numbers) >= count:
            return numbers
    _, said = lab.sh(target, "tail -n 30 /tmp/ping")
    raise AssertionError(f"{target} to {address}: {len(numbers)} of {count} answered: {said}")


def lost(numbers):
    """Those without an answer although a later one has it: answers do not overtake each other."""
    return sorted(set(range(1, numbers[-1])) - set(numbers))


def none_lost(lab, target, address, *arguments, **options):
    """Frames on their way there and back arrive, all of them. Gives the requests' numbers."""
    numbers = answered(lab, target, address, *arguments, **options)
    assert not lost(numbers), f"{target} to {address}: no answer to {lost(numbers)}"
    return numbers


def dropped(lab, nodes, reasons):
    """Whether one of the nodes has dropped frames for one of these reasons."""
    found = (json.loads(lab.ctl(node, "show stats json")) for node in nodes)
    return any(told[kind].get(reason) for told in found for kind in ("drops", "uplink_drops")
               for reason in reasons)


def lost_only_for(lab, nodes, reasons, numbers):
    """None is lost, but for what the nodes say: where an emulated machine may stand still for
    longer than fragments, or a peer's hello, are waited for."""
    assert not lost(numbers) or dropped(lab, nodes, reasons), f"no answer to {lost(numbers)}"
