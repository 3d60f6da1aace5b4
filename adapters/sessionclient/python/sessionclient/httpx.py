"""An ``httpx.Auth`` that sends the session with the requests of httpx clients."""

from __future__ import annotations

import typing

import httpx

from ._client import SessionClient
from ._sending import Sending

__all__ = ["SessionAuth"]


class SessionAuth(httpx.Auth):
    """Sends the session of a client with requests to its application.

    Use it with ``httpx.Client`` and, under asyncio, with ``httpx.AsyncClient``. The session of one
    client may serve several of them. Sessions are obtained by the client, with its own timeouts,
    and not through the httpx client, whose cookies, base URL, hooks and redirects have nothing to
    do with sessiond. A request whose content is a stream, or multipart, is sent once: it is never
    read into memory to send it again.
    """

    def __init__(self, client: SessionClient) -> None:
        self._client = client

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> typing.Generator[httpx.Request, httpx.Response, None]:
        if not _takes_session(self._client, request):
            yield request
            return
        sending = self._client._sending(_is_replayable(request))
        while True:
            token = self._client._token(sending)
            request.headers["Authorization"] = "Bearer " + token
            response = yield request
            code = _code_of(response, sending, token)
            if code is None or not self._client._refused(token, code) or not sending.replayable:
                return

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> typing.AsyncGenerator[httpx.Request, httpx.Response]:
        if not _takes_session(self._client, request):
            yield request
            return
        sending = self._client._sending(_is_replayable(request))
        while True:
            token = await self._client._token_async(sending)
            request.headers["Authorization"] = "Bearer " + token
            response = yield request
            code = _code_of(response, sending, token)
            if code is None or not self._client._refused(token, code) or not sending.replayable:
                return


def _takes_session(client: SessionClient, request: httpx.Request) -> bool:
    return client._serves(str(request.url)) and "Authorization" not in request.headers


def _is_replayable(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)


def _code_of(response: httpx.Response, sending: Sending, token: str) -> typing.Optional[str]:
    """Returns the code to handle. A 401 of another service, after a redirect, has none."""
    if response.status_code != 401:
        return None
    if response.request.headers.get("Authorization") != "Bearer " + token:
        return None
    return sending.first(
        response.headers.get("X-Error-Code"), response.headers.get("WWW-Authenticate")
    )
