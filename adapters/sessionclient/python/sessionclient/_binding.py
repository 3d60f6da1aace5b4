"""The key of a client: which one it is, and what it adds to requests."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional

from ._errors import SessionError
from ._key import Key
from ._proof import Device, ProofTime
from ._sending import NONCE_REQUIRED, Refusal
from ._time import Time


class Session(NamedTuple):
    """A session to send, and the key that it is bound to, if it is."""

    token: str
    device: Optional[Device]


class Binding:
    """Reads the key before each use. Without a key, sessions are bearer tokens."""

    def __init__(self, key: Optional[Key]) -> None:
        self._key = key
        self._device: Optional[Device] = None
        self._remembered = False  # a key that a sign-out could not have forgotten
        self._time = ProofTime()

    def device(self) -> Optional[Device]:
        """Returns the key, or None if the client has none. Raises SessionError if it fails."""
        if self._key is None:
            return None
        try:
            if self._remembered:
                self._key.forget()
                self._remembered = False
            signer, device = self._key.signer(), self._device
            if device is None or device.signer is not signer:
                device = self._device = Device(signer)
        except Exception as error:
            raise SessionError("key_unavailable") from _cause_of(error)
        return device

    def forget(self) -> None:
        """Forgets the key. If that fails, it is tried again before each use."""
        if self._key is not None:
            self._device, self._remembered = None, True
            self._key.forget()
            self._remembered = False

    def headers(
        self,
        device: Optional[Device],
        token: Optional[str],
        method: str,
        uri: str,
        nonce: Optional[str],
        clock: Time,
    ) -> Dict[str, str]:
        """Returns the headers of one request. Raises SessionError if the key fails."""
        headers: Dict[str, str] = {}
        if token is not None:
            headers["Authorization"] = ("Bearer " if device is None else "DPoP ") + token
        if device is not None:
            try:
                now = self._time.now(clock)
                headers["DPoP"] = device.prove(method, uri, token, nonce, now)
            except Exception as error:
                raise SessionError("key_unavailable") from _cause_of(error)
        return headers

    def challenge(self, refusal: Refusal, clock: Time) -> Optional[str]:
        """Returns the nonce to answer with another proof, if a 401 asks for that.

        The server did not accept the time of the proof. So the time is corrected, and later proofs
        need no nonce. No other answer corrects it: a cached one has an old Date.
        """
        if self._key is None or refusal.code != NONCE_REQUIRED:
            return None
        self._time.correct(clock, refusal.dates)
        return refusal.nonce


def _cause_of(error: Exception) -> Exception:
    """Returns the cause to show, without its traceback, whose variables may hold the key."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
