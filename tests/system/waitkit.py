# SPDX-License-Identifier: BSD-2-Clause
"""Waiting for what a machine or a process does in its own time."""

import time

WAIT_S = 120
PAUSE_S = 0.05


def wait_for(condition, what, timeout=WAIT_S, pause=PAUSE_S):
    """What condition() gives once that is true."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s"
        time.sleep(pause)
