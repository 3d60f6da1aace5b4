"""When the service may be asked for a session."""

from __future__ import annotations

import math
from typing import Optional

from ._errors import SessionError
from ._flight import Pause

_FIRST_RENEWAL_PAUSE, _LAST_RENEWAL_PAUSE = 10.0, 300.0
_FIRST_PAUSE, _LAST_PAUSE = 1.0, 60.0

_BETWEEN_REPLACEMENTS = 60.0
"""An application with wrong keys or a wrong clock must not cause requests without end."""

_SPENT = SessionError("session_rate_limited")
"""Stands for a refusal that RateLimit announces."""


class Budget:
    """Allows something once a minute."""

    def __init__(self) -> None:
        self._last = -math.inf

    def allows(self, now: float) -> bool:
        if now - self._last < _BETWEEN_REPLACEMENTS:
            return False
        self._last = now
        return True


class Rhythm:
    """Is changed under the client's mutex only."""

    def __init__(self) -> None:
        self.replacements = Budget()
        self.early_renewals = Budget()
        self.pause: Optional[Pause] = None
        self._pauses = 0  # refusals in sequence that did not say how long to wait
        self._renew_after = -math.inf
        self._failed_renewals = 0

    def may_renew(self, now: float) -> bool:
        """Reports whether a session that is still good may be renewed."""
        return now >= self._renew_after and (self.pause is None or now >= self.pause.until)

    def granted(self, arrival: float, pause: int) -> None:
        """Takes note of a session that came with a pause, which is 0 if it came with none."""
        self._pauses = self._failed_renewals = 0
        if pause > 0:
            self.pause = Pause(arrival + pause, _SPENT)

    def renewed(self) -> None:
        self._renew_after = -math.inf

    def refused(self, now: float, refusal: SessionError, jitter: float) -> None:
        """Takes note of an answer that asks to come back later."""
        if refusal.retry_after is not None:
            seconds = float(max(1, refusal.retry_after))
        else:
            seconds = min(_FIRST_PAUSE * 2.0 ** min(self._pauses, 10), _LAST_PAUSE)
            self._pauses += 1
        self.pause = Pause(now + seconds + jitter * max(1.0, seconds / 10), refusal)

    def renewal_failed(self, now: float) -> None:
        pause = _FIRST_RENEWAL_PAUSE * 2.0 ** min(self._failed_renewals, 10)
        self._renew_after = now + min(pause, _LAST_RENEWAL_PAUSE)
        self._failed_renewals += 1
