# SPDX-License-Identifier: BSD-2-Clause
"""What a bad wire does to frames: some are lost, some come twice, some are overtaken by
others. Each way of a wire has dice of its own, so that the same seed and the same frames
give the same faults whatever goes the other way."""

import random

KEYS = ("loss", "reorder", "duplicate")
# A frame that is held back is overtaken by so many at most, and for so long.
BEHIND_FRAMES = 8
HOLD_S = 0.02

# Names of counts; one for each of KEYS.
NAMES = {"loss": "dropped on purpose", "reorder": "held back on purpose",
         "duplicate": "doubled on purpose"}
PASSED = "frames"


class Line:
    """One way through a wire. `rates` are parts of 1 by key; `now` is in seconds."""

    def __init__(self, rates, seed, counts):
        self.rates = rates
        self.dice = random.Random(seed)
        self.counts = counts
        self.held = []  # [how many may overtake it still, until when, frame], oldest first

    def _happens(self, key):
        # Each die is thrown for each frame: one rate does not move another's faults.
        if self.dice.random() >= self.rates.get(key, 0):
            return False
        self.counts[NAMES[key]] += 1
        return True

    def take(self, frame, now):
        """A frame comes; gives those that go on now, in order."""
        self.counts[PASSED] += 1
        lost, held, twice = [self._happens(key) for key in KEYS]
        overtake = self.dice.randint(1, BEHIND_FRAMES)
        if lost:
            return []
        frames = [frame, frame] if twice else [frame]
        if held:
            self.held.append([overtake, now + HOLD_S, frames])
            return []
        for one in self.held:
            one[0] -= 1
        return frames + self._release(lambda one: one[0] <= 0)

    def overdue(self, now):
        """Those that nothing came to overtake."""
        return self._release(lambda one: one[1] <= now)

    def _release(self, ready):
        frames = [frame for one in self.held if ready(one) for frame in one[2]]
        self.held = [one for one in self.held if not ready(one)]
        return frames
