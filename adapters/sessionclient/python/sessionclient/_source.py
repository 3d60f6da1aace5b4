"""The session: when it is obtained, renewed, replaced and forgotten."""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
import weakref
from typing import Optional, Tuple

from ._binding import Binding, Session
from ._errors import SessionError
from ._exchange import session_in
from ._flight import Flight, Waiter
from ._proof import Device, is_thumbprint
from ._rhythm import Rhythm
from ._sending import Sending
from ._service import Service
from ._storage import Storage
from ._time import Time
from ._vault import Kept, Vault


class Source:
    """Obtains one session, keeps it and renews it. All callers of a client share it.

    Sessions are obtained in threads of its own. A forked child has its own.
    """

    def __init__(
        self,
        service: Service,
        storage: Storage,
        install_id: Optional[str],
        binding: Binding,
    ) -> None:
        self._service = service
        self._vault = Vault(storage)
        self._install_id = install_id
        self.binding = binding
        self.time = Time()

        # From a read of the storage to the write that depends on it. Taken before _mutex.
        self._saving = threading.Lock()
        # For what follows. Never held while waiting, nor during an access to the storage.
        self._mutex = threading.Lock()
        self._flight: Optional[Flight] = None
        self._issued = ("", 0.0)  # a token whose age is known, and when its renewal is due
        # The token that the storage held at the last look or save, and when that was.
        self._looked: Optional[Tuple[Optional[str], float]] = None
        self._expired: Optional[str] = None  # a token that can only be renewed
        self._rhythm = Rhythm()
        _sources.add(self)

    def use(self, sending: Sending, now: float) -> Tuple[Optional[Session], Optional[Waiter]]:
        """Returns the session that is held, if it is good, and what to wait for, if anything.

        If both are returned, the session is used if what is waited for fails.
        """
        kept, device = self._load()
        stored = kept.token
        with self._mutex:
            if stored is None or stored == self._expired:
                return None, self._join(stored, now + max(0.0, sending.left))
            held = Session(stored, device)
            known, due = self._issued
            may_renew = self._rhythm.may_renew(now)
            if known != stored:
                if may_renew and not sending.replayable:
                    return held, self._join(stored, now)
            elif now >= due and may_renew:
                # Without a thread, for example while the interpreter ends, the session goes on.
                with contextlib.suppress(RuntimeError):
                    self._take_off(stored)
            return held, None

    def refused(self, token: str, code: str) -> bool:
        """Takes note that the application refused a token. Reports whether to send again."""
        with self._saving:
            try:
                kept, _ = self._load()
            except SessionError:
                return False  # without its key, it cannot be sent again
            if kept.token != token:
                return True  # another caller has replaced it already
            with self._mutex:
                now = self.time.now()
                if code == "expired_token":
                    issued, due = self._issued
                    # Before it is due: or the clock stood still while the device slept.
                    if self._expired != token and issued == token and now < due:
                        if not self._rhythm.early_renewals.allows(now):
                            return False
                    self._expired = token
                    return True
                if not self._rhythm.replacements.allows(now):
                    return False
                self._expired = None
                self._looked = (None, now)
            self._vault.save(Kept(kept.install_id))
            return True

    def sign_out(self) -> None:
        """Forgets the session, the install ID that the client created, and the key. Raises the
        error of a key that cannot be forgotten, and uses none until it is; or else that of the
        storage, which may still hold the session.
        """
        with self._saving:
            try:
                self.binding.forget()
            finally:
                with self._mutex:
                    self._issued, self._expired = ("", 0.0), None
                    self._looked = (None, self.time.now())
                unsaved = self._vault.save(Kept())
            if unsaved is not None:
                raise unsaved

    def _load(self) -> Tuple[Kept, Optional[Device]]:
        """Returns what the storage holds, and the key. Raises SessionError if the key fails.

        The session of another installation does not count. One that another client has stored since
        the last look is younger than that look, so that it is renewed in time, and not by each of
        the clients in turn.
        """
        device = self.binding.device()
        now = self.time.now()
        kept = self._vault.load()
        own = self._own(device)
        # Without a key, the session of one that the app has given up cannot be used either.
        if is_thumbprint(kept.install_id) if own is None else kept.install_id != own:
            kept = Kept()
        with self._mutex:
            if self._looked is not None and kept.token not in (None, self._looked[0]):
                if kept.token != self._issued[0] and kept.refresh_after is not None:
                    self._issued = (str(kept.token), self._looked[1] + kept.refresh_after)
            self._looked = (kept.token, now)
        return kept, device

    def _own(self, device: Optional[Device]) -> Optional[str]:
        """Returns the install ID that does not come from the storage."""
        return self._install_id if device is None else device.install_id

    # The flight. _join and _take_off are called with the mutex held.

    def _join(self, began: Optional[str], deadline: float) -> Waiter:
        self._take_off(began)
        assert self._flight is not None
        return self._flight.join(deadline, self.time.now())

    def _take_off(self, began: Optional[str]) -> None:
        if self._flight is not None:
            return
        flight = Flight(began)
        threading.Thread(
            target=self._fly, args=(flight,), name="sessionclient", daemon=True
        ).start()
        self._flight = flight

    def _fly(self, flight: Flight) -> None:
        try:
            session = self._obtain(flight)
        except BaseException as error:
            self._end(flight)
            flight.fail(error)
        else:
            self._end(flight)
            flight.land(session)

    def _end(self, flight: Flight) -> None:
        with self._mutex:
            if self._flight is flight:
                self._flight = None

    def _obtain(self, flight: Flight) -> Session:
        self._wait(flight, None)
        while True:
            try:
                session = self._attempt(flight)
            except SessionError as error:
                if not self._failed(error):
                    raise
                self._wait(flight, error)
                continue
            if session is not None:
                return session
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
                now, pause = self.time.now(), self._rhythm.pause
                if pause is None or now >= pause.until:
                    return
                error = pause.error(now) if refusal is None else refusal
                if not flight.pause(pause, error):
                    self._flight = None
                    raise error
            self.time.sleep_until(pause.until)
            with self._mutex:
                if not flight.wanted():
                    self._flight = None
                    raise error

    def _attempt(self, flight: Flight) -> Optional[Session]:
        """Makes one exchange. Returns None if its result is dropped, because of a sign-out."""
        with self._vault.lock():
            with self._saving:
                kept, device = self._load()
                if kept.token is not None and kept.token not in (flight.began, self._expired):
                    return Session(kept.token, device)  # another client has obtained it
                if kept.token is None and flight.began is not None and not flight.wanted():
                    return None  # it was to be renewed, and is forgotten
                install_id = self._own(device) or kept.install_id or str(uuid.uuid4())
                if install_id != kept.install_id:
                    # Saved now, so that an attempt that fails does not lead to another one.
                    kept = Kept(install_id)
                    self._vault.save(kept)
            response = self._service.ask(
                install_id, kept.token, self.binding, device, self.time
            )
            arrival = self.time.now()
            session = session_in(response)
            with self._saving:
                with self._mutex:
                    self._rhythm.granted(arrival, session.pause)
                if self._load()[0] != kept:
                    return None  # forgotten or replaced in the meantime, perhaps by another process
                with self._mutex:
                    self._issued = (session.token, arrival + session.refresh_after)
                    self._looked = (session.token, arrival)
                    self._expired = None
                    self._rhythm.renewed()
                self._vault.save(Kept(install_id, session.token, session.refresh_after))
            return Session(session.token, device)

    def _failed(self, error: SessionError) -> bool:
        """Takes note of a failed exchange. Reports whether the flight goes on, with a pause."""
        try:
            stored = self._load()[0].token
        except SessionError:
            stored = None  # without its key, it cannot be used
        with self._mutex:
            now = self.time.now()
            if error.status in (429, 503):
                self._rhythm.refused(now, error, self.time.jitter())
                return True
            if stored is not None and stored != self._expired:
                self._rhythm.renewal_failed(now)
            return False

    def _after_fork(self) -> None:
        """Replaces what threads of the parent held: the child does not have them."""
        self._saving, self._mutex = threading.Lock(), threading.Lock()
        self._flight = None


_sources: weakref.WeakSet[Source] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for source in list(_sources):
        source._after_fork()


if hasattr(os, "register_at_fork"):  # missing on platforms without fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
