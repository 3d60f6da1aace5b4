"""The clock of a client. Tests replace it."""

from __future__ import annotations

import random
import time


class Time:
    """Clocks in seconds. ``now`` is monotonic, and counts for everything but proofs."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        """Returns the time of the device since 1970, which may be wrong."""
        return time.time()

    def sleep_until(self, instant: float) -> None:
        while True:
            left = instant - self.now()
            if left <= 0:
                return
            time.sleep(min(left, 3600.0))

    def jitter(self) -> float:
        """Returns a random number of at least 0 and less than 1."""
        return random.random()

    def limit(self, seconds: float) -> float:
        """Returns for how many real seconds a caller waits that may wait this long."""
        return max(0.0, seconds)
