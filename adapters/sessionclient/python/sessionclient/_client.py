"""The client: when a session is obtained, renewed, replaced and forgotten."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import http.client
import logging
import math
import os
import ssl
import threading
import urllib.request
import uuid
import weakref
from typing import Optional, Sequence, Tuple, Union

from . import _urllib
from ._address import base_url, origin_of
from ._errors import SessionError
from ._exchange import exchange, session_in
from ._flight import Flight, Pause, Waiter
from ._sending import Sending
from ._storage import MemoryStorage, Storage
from ._time import Time
from ._vault import Kept, Vault

_log = logging.getLogger("sessionclient")

_PATH = "/v1/sessions/anonymous"

_FIRST_RENEWAL_PAUSE, _LAST_RENEWAL_PAUSE = 10.0, 300.0
_FIRST_PAUSE, _LAST_PAUSE = 1.0, 60.0

_BETWEEN_REPLACEMENTS = 60.0
"""An application with wrong keys or a wrong clock must not cause requests without end."""

_SPENT = SessionError("session_rate_limited")
"""Stands for a refusal that RateLimit announces."""


class SessionClient:
    """Obtains one session from sessiond, keeps it and renews it. Threads and tasks may share it.

    ``sessions`` is the base URL of sessiond. ``application`` is the base URL, or several, of the
    services whose origins the session is sent to; it is sent to no others. Without ``install_id``
    the client creates a UUID and keeps it in the storage. ``timeout`` bounds one exchange with
    sessiond, and ``max_wait`` all waiting for a session within one call, both in seconds.
    ``ssl_context`` replaces the default one, for services with a private CA.

    Sessions are obtained in threads of the client. A forked child has its own.
    """

    def __init__(
        self,
        sessions: str,
        application: Union[str, Sequence[str]],
        *,
        app_version: str,
        platform: str,
        storage: Optional[Storage] = None,
        install_id: Optional[str] = None,
        timeout: float = 10.0,
        max_wait: float = 150.0,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        for name, value in (("timeout", timeout), ("max_wait", max_wait)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number of seconds")
        base, _ = base_url("sessions", sessions)
        several = [application] if isinstance(application, str) else application
        if not several:
            raise ValueError("application must name at least one base URL")
        self._url = base + _PATH
        self._origins = frozenset(base_url("application", each)[1] for each in several)
        self._app_version = app_version
        self._platform = platform
        self._install_id = install_id
        self._timeout = timeout
        self._max_wait = max_wait
        self._ssl_context = ssl_context
        self._vault = Vault(MemoryStorage() if storage is None else storage)
        self._time = Time()

        # From a read of the storage to the write that depends on it. Taken before _mutex.
        self._saving = threading.Lock()
        # For what follows. Never held while waiting, nor during an access to the storage.
        self._mutex = threading.Lock()
        self._flight: Optional[Flight] = None
        self._issued = ("", 0.0)  # a token whose age is known, and when its renewal is due
        # The token that the storage held at the last look or save, and when that was.
        self._looked: Optional[Tuple[Optional[str], float]] = None
        self._expired: Optional[str] = None  # a token that can only be renewed
        self._replaced_at = self._renewed_early_at = -math.inf
        self._pause: Optional[Pause] = None
        self._pauses = 0  # refusals in sequence that did not say how long to wait
        self._renew_after = -math.inf
        self._failed_renewals = 0
        _clients.add(self)

    def token(self) -> str:
        """Returns a session token, for what does not go through ``open`` or httpx.

        The caller cannot report that the token was refused, so a stored session of unknown age is
        renewed first.
        """
        return self._token(self._sending(replayable=False))

    async def token_async(self) -> str:
        """Does the same as ``token`` without blocking the event loop of asyncio."""
        return await self._token_async(self._sending(replayable=False))

    def open(
        self,
        url: Union[str, urllib.request.Request],
        data: _urllib.Data = None,
        timeout: float = 60.0,
    ) -> http.client.HTTPResponse:
        """Does the same as ``urllib.request.urlopen``, with the session.

        Raises SessionError if no session can be obtained.
        """
        return _urllib.open_with(self, url, data, timeout)

    def sign_out(self) -> None:
        """Forgets the session and the install ID that the client created, in the storage too."""
        with self._saving:
            with self._mutex:
                self._issued, self._expired = ("", 0.0), None
                self._looked = (None, self._time.now())
            self._vault.save(Kept())

    # What follows is shared with sessionclient.httpx, and not part of the public API.

    def _serves(self, url: str) -> bool:
        """Reports whether requests to a URL get the session."""
        return origin_of(url) in self._origins

    def _sending(self, replayable: bool) -> Sending:
        return Sending(self._max_wait, replayable)

    def _token(self, sending: Sending) -> str:
        began = self._time.now()
        held, waiter = self._use(sending, began)
        if waiter is None:
            assert held is not None
            return held
        try:
            return waiter.future.result(self._time.limit(sending.left))
        except concurrent.futures.TimeoutError:
            if held is None:
                raise SessionError("timeout") from None
        except SessionError:
            if held is None:
                raise
        finally:
            waiter.future.cancel()
            sending.left -= self._time.now() - began
        return held

    async def _token_async(self, sending: Sending) -> str:
        began = self._time.now()
        held, waiter = self._use(sending, began)
        if waiter is None:
            assert held is not None
            return held
        # Cancelling the wrapper cancels the waiter, and not the flight.
        wrapped = asyncio.wrap_future(waiter.future)
        try:
            await asyncio.wait({wrapped}, timeout=self._time.limit(sending.left))
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
            sending.left -= self._time.now() - began
        return held

    def _use(self, sending: Sending, now: float) -> Tuple[Optional[str], Optional[Waiter]]:
        """Returns the session that is held, if it is good, and what to wait for, if anything.

        If both are returned, the session is used if what is waited for fails.
        """
        stored = self._load().token
        with self._mutex:
            if stored is None or stored == self._expired:
                return None, self._join(stored, now + max(0.0, sending.left))
            known, due = self._issued
            may_renew = now >= self._renew_after and not self._paused(now)
            if known != stored:
                if may_renew and not sending.replayable:
                    return stored, self._join(stored, now)
            elif now >= due and may_renew:
                # Without a thread, for example while the interpreter ends, the session goes on.
                with contextlib.suppress(RuntimeError):
                    self._take_off(stored)
            return stored, None

    def _refused(self, token: str, code: str) -> bool:
        """Takes note that the application refused a token. Reports whether to send again."""
        with self._saving:
            kept = self._load()
            if kept.token != token:
                return True  # another caller has replaced it already
            with self._mutex:
                now = self._time.now()
                if code == "expired_token":
                    issued, due = self._issued
                    # Before it is due: or the clock stood still while the device slept.
                    if self._expired != token and issued == token and now < due:
                        if now - self._renewed_early_at < _BETWEEN_REPLACEMENTS:
                            return False
                        self._renewed_early_at = now
                    self._expired = token
                    return True
                if now - self._replaced_at < _BETWEEN_REPLACEMENTS:
                    return False
                self._replaced_at, self._expired = now, None
                self._looked = (None, now)
            self._vault.save(Kept(kept.install_id))
            return True

    def _load(self) -> Kept:
        """Returns what the storage holds. The session of another installation does not count.

        A session that another client has stored since the last look is younger than that look, so
        that it is renewed in time, and not by each of the clients in turn.
        """
        now = self._time.now()
        kept = self._vault.load()
        if self._install_id is not None and kept.install_id != self._install_id:
            kept = Kept()
        with self._mutex:
            if self._looked is not None and kept.token not in (None, self._looked[0]):
                if kept.token != self._issued[0] and kept.refresh_after is not None:
                    self._issued = (str(kept.token), self._looked[1] + kept.refresh_after)
            self._looked = (kept.token, now)
        return kept

    # The flight. _join, _take_off, _paused and _set_pause are called with the mutex held.

    def _join(self, began: Optional[str], deadline: float) -> Waiter:
        self._take_off(began)
        assert self._flight is not None
        return self._flight.join(deadline, self._time.now())

    def _take_off(self, began: Optional[str]) -> None:
        if self._flight is not None:
            return
        flight = Flight(began)
        threading.Thread(
            target=self._fly, args=(flight,), name="sessionclient", daemon=True
        ).start()
        self._flight = flight

    def _paused(self, now: float) -> bool:
        return self._pause is not None and now < self._pause.until

    def _fly(self, flight: Flight) -> None:
        try:
            token = self._obtain(flight)
        except BaseException as error:
            self._end(flight)
            flight.fail(error)
        else:
            self._end(flight)
            flight.land(token)

    def _end(self, flight: Flight) -> None:
        with self._mutex:
            if self._flight is flight:
                self._flight = None

    def _obtain(self, flight: Flight) -> str:
        self._wait(flight, None)
        while True:
            try:
                token = self._attempt(flight)
            except SessionError as error:
                if not self._failed(error):
                    raise
                self._wait(flight, error)
                continue
            if token is not None:
                return token
            with self._mutex:
                if not flight.wanted():
                    self._flight = None  # here, so that no caller joins it any more
                    raise SessionError("signed_out")  # reaches no caller
            self._wait(flight, None)

    def _wait(self, flight: Flight, refusal: Optional[SessionError]) -> None:
        """Waits out a pause, or raises an error if no caller waits that long.

        It is the refusal that callers have just got, or else one with the time that remains.
        """
        while True:
            with self._mutex:
                now, pause = self._time.now(), self._pause
                if pause is None or now >= pause.until:
                    return
                error = pause.error(now) if refusal is None else refusal
                if not flight.pause(pause, error):
                    self._flight = None
                    raise error
            self._time.sleep_until(pause.until)
            with self._mutex:
                if not flight.wanted():
                    self._flight = None
                    raise error

    def _attempt(self, flight: Flight) -> Optional[str]:
        """Makes one exchange. Returns None if its result is dropped, because of a sign-out."""
        with self._vault.lock():
            with self._saving:
                kept = self._load()
                if kept.token is not None and kept.token not in (flight.began, self._expired):
                    return kept.token  # another client has obtained it
                if kept.token is None and flight.began is not None and not flight.wanted():
                    return None  # it was to be renewed, and is forgotten
                install_id = self._install_id or kept.install_id or str(uuid.uuid4())
                if install_id != kept.install_id:
                    # Saved now, so that an attempt that fails does not lead to another one.
                    kept = Kept(install_id)
                    self._vault.save(kept)
            body = {
                "install_id": install_id,
                "app_version": self._app_version,
                "platform": self._platform,
            }
            response = exchange(self._url, body, kept.token, self._timeout, self._ssl_context)
            arrival = self._time.now()
            session = session_in(response)
            with self._saving:
                with self._mutex:
                    self._pauses = self._failed_renewals = 0
                    if session.pause > 0:
                        self._pause = Pause(arrival + session.pause, _SPENT)
                if self._load() != kept:
                    return None  # forgotten or replaced in the meantime, perhaps by another process
                with self._mutex:
                    self._issued = (session.token, arrival + session.refresh_after)
                    self._looked = (session.token, arrival)
                    self._expired = None
                    self._renew_after = -math.inf
                self._vault.save(Kept(install_id, session.token, session.refresh_after))
            return session.token

    def _failed(self, error: SessionError) -> bool:
        """Takes note of a failed exchange. Reports whether the flight goes on, with a pause."""
        stored = self._load().token
        with self._mutex:
            now = self._time.now()
            if error.status in (429, 503):
                self._set_pause(now, error)
                return True
            if stored is not None and stored != self._expired:
                pause = _FIRST_RENEWAL_PAUSE * 2.0 ** min(self._failed_renewals, 10)
                self._renew_after = now + min(pause, _LAST_RENEWAL_PAUSE)
                self._failed_renewals += 1
            return False

    def _set_pause(self, now: float, refusal: SessionError) -> None:
        if refusal.retry_after is not None:
            seconds = float(max(1, refusal.retry_after))
        else:
            seconds = min(_FIRST_PAUSE * 2.0 ** min(self._pauses, 10), _LAST_PAUSE)
            self._pauses += 1
        jitter = self._time.jitter() * max(1.0, seconds / 10)
        self._pause = Pause(now + seconds + jitter, refusal)

    def _after_fork(self) -> None:
        """Replaces what threads of the parent held: the child does not have them."""
        self._saving, self._mutex = threading.Lock(), threading.Lock()
        self._flight = None


_clients: weakref.WeakSet[SessionClient] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client._after_fork()


if hasattr(os, "register_at_fork"):  # missing on platforms without fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
