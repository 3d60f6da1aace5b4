"""The client's own text in a storage, and a copy in memory for a storage that fails."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import unicodedata
from typing import Iterator, NamedTuple, Optional

from ._storage import MAX_TEXT, Storage

_log = logging.getLogger("sessionclient")

_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,4096}")
_VERSION = 1
_MAX_REFRESH = 31_536_000

_MAX_LOST = 3
"""How many saves in sequence a storage may lose before it counts as failing."""


def is_token(value: object) -> bool:
    """Reports whether a value can be a session token."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def is_refresh_after(value: object) -> bool:
    """Reports whether a value can be the seconds after which a session is due."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_REFRESH


class Kept(NamedTuple):
    """What a storage holds.

    ``refresh_after`` is after how many seconds the session was due when it arrived. It is for other
    clients with the same storage.
    """

    install_id: Optional[str] = None
    token: Optional[str] = None
    refresh_after: Optional[int] = None


def parse(text: Optional[str]) -> Kept:
    """Returns what a text holds: a token only if it is the client's own, and with an install ID."""
    if text is None or len(text) > MAX_TEXT:
        return Kept()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Kept()
    if not isinstance(value, dict):
        return Kept()
    install_id, token, version = (
        value.get(name) for name in ("install_id", "session_token", "version")
    )
    if not is_install_id(install_id):
        return Kept()
    if version != _VERSION or version is True or not is_token(token):
        return Kept(install_id)
    refresh_after = value.get("refresh_after")
    return Kept(install_id, token, refresh_after if is_refresh_after(refresh_after) else None)


def is_install_id(value: object) -> bool:
    """Reports whether sessiond accepts an install ID, as far as characters and length decide it."""
    if not isinstance(value, str) or not 8 <= len(value) <= 128 or value.isspace():
        return False
    return not any(unicodedata.category(each) in ("Cc", "Cs") for each in value)


def _write(kept: Kept) -> Optional[str]:
    if kept == Kept():
        return None
    members = {
        "version": _VERSION,
        "install_id": kept.install_id,
        "session_token": kept.token,
        "refresh_after": kept.refresh_after,
    }
    return json.dumps({name: value for name, value in members.items() if value is not None})


class Vault:
    """Reads and writes what a storage holds.

    If the storage fails, the copy in memory is used; after a failed save until one succeeds, which
    is tried at each use.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._copy: Optional[str] = None
        self._unsaved = False
        self._failing = False
        self._lost = 0

    def load(self) -> Kept:
        if self._unsaved:
            self._save()
        if not self._unsaved:
            try:
                text = self._storage.load()
                self._copy = text if isinstance(text, str) else None
            except Exception as error:
                self._report(error)
        return parse(self._copy)

    def save(self, kept: Kept) -> Optional[Exception]:
        """Keeps something, in memory in any case. Returns the error of the storage, if it fails."""
        self._copy, self._unsaved = _write(kept), True
        return self._save()

    def _save(self) -> Optional[Exception]:
        try:
            self._storage.save(self._copy)
            self._check()
        except Exception as error:
            self._report(error)
            return error
        self._unsaved = self._failing = False
        return None

    def _check(self) -> None:
        """Raises an error if the storage does not return what it is given.

        Another client may have replaced it already, so only several saves in sequence count. Such
        a storage must not cause a session for each request.
        """
        text = self._storage.load()
        kept = parse(text if isinstance(text, str) else None) == parse(self._copy)
        self._lost = 0 if kept else self._lost + 1
        if self._lost >= _MAX_LOST:
            raise OSError("the storage loses what is saved")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the storage's lock. Without it, processes obtain a session each, and no more."""
        held = None
        try:
            entering = self._storage.lock()
            entering.__enter__()
            held = entering
        except Exception as error:
            self._report(error)
        try:
            yield
        finally:
            if held is not None:
                try:
                    held.__exit__(None, None, None)
                except Exception as error:
                    self._report(error)

    def _report(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            _log.warning("the storage of the session fails: %s", type(error).__name__)
