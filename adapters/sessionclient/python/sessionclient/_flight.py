"""One attempt to obtain a session, however many callers wait for it."""

from __future__ import annotations

import concurrent.futures
import contextlib
from typing import List, NamedTuple, Optional

from ._binding import Session
from ._errors import SessionError, copy_of
from ._exchange import whole


class Waiter(NamedTuple):
    """A caller. One that has given up has cancelled its future."""

    future: concurrent.futures.Future[Session]
    deadline: float


class Pause(NamedTuple):
    """No request for a session until this instant, because of a refusal."""

    until: float
    refusal: SessionError

    def error(self, now: float) -> BaseException:
        return copy_of(self.refusal, whole(self.until - now))


class Flight:
    """Is changed under the client's mutex only.

    ``began`` is the token that the storage held at the start. If it holds another one later,
    another client has obtained it in the meantime.
    """

    def __init__(self, began: Optional[str]) -> None:
        self.began = began
        self._waiters: List[Waiter] = []
        self._pause: Optional[Pause] = None

    def join(self, deadline: float, now: float) -> Waiter:
        waiter = Waiter(concurrent.futures.Future(), deadline)
        if self._pause is not None and deadline < self._pause.until:
            waiter.future.set_exception(self._pause.error(now))
        else:
            self._waiters.append(waiter)
        return waiter

    def wanted(self) -> bool:
        """Reports whether a caller still waits."""
        return any(not each.future.done() for each in self._waiters)

    def pause(self, pause: Pause, error: BaseException) -> bool:
        """Fails the callers that cannot wait so long. Reports whether others wait."""
        self._pause = pause
        for each in self._waiters:
            if each.deadline < pause.until:
                _fail(each, copy_of(error))
        return self.wanted()

    def land(self, session: Session) -> None:
        for each in self._waiters:
            with contextlib.suppress(concurrent.futures.InvalidStateError):
                each.future.set_result(session)

    def fail(self, error: BaseException) -> None:
        for each in self._waiters:
            _fail(each, copy_of(error))


def _fail(waiter: Waiter, error: BaseException) -> None:
    with contextlib.suppress(concurrent.futures.InvalidStateError):
        waiter.future.set_exception(error)
