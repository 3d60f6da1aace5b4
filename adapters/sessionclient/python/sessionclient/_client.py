"""The client: what an app makes and calls."""

from __future__ import annotations

import http.client
import ssl
import urllib.request
from typing import Dict, Optional, Sequence, Union

from . import _urllib
from ._address import base_url
from ._binding import Binding
from ._key import Key
from ._sender import Sender
from ._service import Service
from ._source import Source
from ._storage import MemoryStorage, Storage
from ._vault import is_install_id


_MAX_WAIT = 86_400.0
"""The longest timeout and wait, in seconds. Waits of threads hold no arbitrary number."""


class SessionClient:
    """Obtains one session from sessiond, keeps it and renews it. Threads and tasks may share it.

    ``sessions`` is the base URL of sessiond. ``application`` is the base URL, or several, of the
    services whose origins the session is sent to; it is sent to no others. It may be an empty list
    if only ``token`` is used. Without ``install_id`` the client creates a UUID and keeps it in the
    storage; with ``key`` the sessions are bound to that key, of which the install ID is the
    thumbprint. ``timeout`` bounds one exchange with sessiond, and ``max_wait`` all waiting for a
    session within one call, both in seconds. ``ssl_context`` replaces the default one, for services
    with a private CA.

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
        key: Optional[Key] = None,
        timeout: float = 10.0,
        max_wait: float = 150.0,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        for name, value in (("timeout", timeout), ("max_wait", max_wait)):
            if not 0 < value <= _MAX_WAIT:
                raise ValueError(f"{name} must be a number of seconds, at most a day")
        if key is not None and install_id is not None:
            raise ValueError("with a key there must be no install_id: it is that of the key")
        if install_id is not None and not is_install_id(install_id):
            raise ValueError(
                "install_id must be text of 8 to 128 characters, not blank, without control characters"
            )
        base, _ = base_url("sessions", sessions)
        several = [application] if isinstance(application, str) else application
        origins = frozenset(base_url("application", each)[1] for each in several)
        self._source = Source(
            Service(base, app_version, platform, timeout, ssl_context),
            MemoryStorage() if storage is None else storage,
            install_id,
            Binding(key),
        )
        self._sender = Sender(self._source, origins, max_wait)  # for sessionclient.httpx, too
        self._ssl_context = ssl_context

    def token(self) -> str:
        """Returns a session token, for what does not go through ``open`` or httpx.

        The caller cannot report that the token was refused, so a stored session of unknown age is
        renewed first. With a key, a token alone is of no use: see ``credentials``.
        """
        return self._sender.session(self._sender.begin(replayable=False)).token

    async def token_async(self) -> str:
        """Does the same as ``token`` without blocking the event loop of asyncio."""
        return (await self._sender.session_async(self._sender.begin(replayable=False))).token

    def credentials(self, method: str, url: str) -> Dict[str, str]:
        """Returns the headers for one request that does not go through ``open`` or httpx.

        They are ``Authorization`` and, with a key, ``DPoP``, and good for one request with this
        method to this URL, which is to be sent soon. The scheme may be ws or wss. A stored session
        of unknown age is renewed first. Raises ValueError if the URL is not the application's.
        """
        uri, sending = self._sender.target(url), self._sender.begin(replayable=False)
        return self._sender.headers(self._sender.session(sending), sending, method, uri)

    async def credentials_async(self, method: str, url: str) -> Dict[str, str]:
        """Does the same as ``credentials`` without blocking the event loop of asyncio."""
        uri, sending = self._sender.target(url), self._sender.begin(replayable=False)
        return self._sender.headers(await self._sender.session_async(sending), sending, method, uri)

    def open(
        self,
        url: Union[str, urllib.request.Request],
        data: _urllib.Data = None,
        timeout: float = 60.0,
    ) -> http.client.HTTPResponse:
        """Does the same as ``urllib.request.urlopen``, with the session.

        Raises SessionError if no session can be obtained.
        """
        return _urllib.open_with(self._sender, self._ssl_context, url, data, timeout)

    def sign_out(self) -> None:
        """Forgets the session, the install ID that the client created, and the key.

        If the key cannot be forgotten, this raises its error, and the client uses no key until it
        is: it tries before each use. If the storage fails, this raises its error: the client has
        forgotten the session even so, and tries with each use to remove it from there.
        """
        self._source.sign_out()
