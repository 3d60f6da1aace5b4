"""What all that sends requests with the session has in common."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Container, Dict, Optional

from ._address import Origin, origin_of, requested
from ._binding import Session
from ._errors import SessionError
from ._sending import NONCE_REQUIRED, Refusal, Sending
from ._source import Source


class Sender:
    """Waits for the session, makes the headers of a request, and handles its 401."""

    def __init__(
        self, source: Source, origins: Container[Optional[Origin]], max_wait: float
    ) -> None:
        self._source = source
        self._origins = origins
        self._max_wait = max_wait

    def serves(self, url: str) -> bool:
        """Reports whether requests to a URL get the session."""
        return origin_of(url) in self._origins

    def target(self, url: str) -> str:
        """Returns the URI of a request to the application that others send. Raises ValueError."""
        return requested(url, self._origins)

    def begin(self, replayable: bool) -> Sending:
        return Sending(self._max_wait, replayable)

    def session(self, sending: Sending) -> Session:
        began = self._source.time.now()
        held, waiter = self._source.use(sending, began)
        if waiter is None:
            assert held is not None
            return held
        try:
            return waiter.future.result(self._source.time.limit(sending.left))
        except concurrent.futures.TimeoutError:
            if held is None:
                raise SessionError("timeout") from None
        except SessionError:
            if held is None:
                raise
        finally:
            waiter.future.cancel()
            sending.left -= self._source.time.now() - began
        return held

    async def session_async(self, sending: Sending) -> Session:
        began = self._source.time.now()
        held, waiter = self._source.use(sending, began)
        if waiter is None:
            assert held is not None
            return held
        # Cancelling the wrapper cancels the waiter, and not the flight.
        wrapped = asyncio.wrap_future(waiter.future)
        try:
            await asyncio.wait({wrapped}, timeout=self._source.time.limit(sending.left))
            if wrapped.done():
                return wrapped.result()
            if held is None:
                raise SessionError("timeout")
        except SessionError:
            if held is None:
                raise
        finally:
            if not wrapped.cancel() and not wrapped.cancelled():
                wrapped.exception()  # marks it as seen
            sending.left -= self._source.time.now() - began
        return held

    def headers(self, session: Session, sending: Sending, method: str, uri: str) -> Dict[str, str]:
        """Returns the headers of a request that is sent once."""
        token, device, nonce = session.token, session.device, sending.take_nonce()
        return self._source.binding.headers(device, token, method, uri, nonce, self._source.time)

    def again(self, sending: Sending, session: Session, refusal: Refusal) -> bool:
        """Takes note of a 401 of the application. Reports whether to send the request again."""
        if session.device is not None and refusal.code == NONCE_REQUIRED:
            nonce = self._source.binding.challenge(refusal, self._source.time)
            if nonce is None or not sending.first(refusal.code):
                return False
            sending.answer(nonce)
        elif refusal.code not in ("expired_token", "invalid_token"):
            return False
        elif not sending.first(refusal.code):
            return False
        elif not self._source.refused(session.token, refusal.code):
            return False
        return sending.replayable
