"""An ``httpx.Auth`` that sends the session with the requests of httpx clients."""

from __future__ import annotations

from typing import AsyncGenerator, AsyncIterator, Generator, Iterator, Optional, Union

import httpx

from ._address import without_query
from ._binding import Session
from ._client import SessionClient
from ._sender import Sender
from ._sending import Refusal, Sending, refusal_in

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
        self._sender = client._sender

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        if not _takes_session(self._sender, request):
            yield request
            return
        request, sending = _copy(request), self._sender.begin(_is_replayable(request))
        while True:
            session = self._sender.session(sending)
            self._authorize(request, session, sending)
            response = yield request
            again = self._again(response, session, sending, request)
            if again is None:
                return
            request = again

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if not _takes_session(self._sender, request):
            yield request
            return
        request, sending = _copy(request), self._sender.begin(_is_replayable(request))
        while True:
            session = await self._sender.session_async(sending)
            self._authorize(request, session, sending)
            response = yield request
            again = self._again(response, session, sending, request)
            if again is None:
                return
            request = again

    def _authorize(self, request: httpx.Request, session: Session, sending: Sending) -> None:
        method, uri = request.method, _uri_of(request)
        request.headers.update(self._sender.headers(session, sending, method, uri))

    def _again(
        self,
        response: httpx.Response,
        session: Session,
        sending: Sending,
        request: httpx.Request,
    ) -> Optional[httpx.Request]:
        """Returns the request to send after a 401, if there is one. A 401 of another service, which
        a redirect led to, has not got the session.
        """
        if response.status_code != 401:
            return None
        sent, refusal = response.request, refusal_in(response.headers.get_list)
        if self._led_astray(sent, session, request, refusal):
            again = _copy(sent)  # httpx counts the redirects, with the 401 among them
        elif sent.headers.get("Authorization") != request.headers["Authorization"]:
            return None
        elif self._sender.again(sending, session, refusal):
            again = request
        else:
            return None
        response.stream = _Unread(response.stream)  # httpx reads it, and it may have no end
        return again

    def _led_astray(
        self, sent: httpx.Request, session: Session, request: httpx.Request, refusal: Refusal
    ) -> bool:
        """Reports whether a redirect led to a URL of the application that the session and the proof
        of the first request are not for.

        httpx repeats the headers, though not Authorization to another origin.
        """
        if sent is request or not self._sender.serves(str(sent.url)) or not _is_replayable(sent):
            return False
        if "Authorization" not in sent.headers:
            return refusal.code == "unauthorized"
        return session.device is not None and refusal.code == "invalid_proof"


class _Unread(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Takes the place of a body that is not read."""

    def __init__(self, body: Union[httpx.SyncByteStream, httpx.AsyncByteStream]) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for nothing in self:
            yield nothing

    def close(self) -> None:
        if isinstance(self._body, httpx.SyncByteStream):
            self._body.close()

    async def aclose(self) -> None:
        if isinstance(self._body, httpx.AsyncByteStream):
            await self._body.aclose()


def _takes_session(sender: Sender, request: httpx.Request) -> bool:
    return sender.serves(str(request.url)) and "Authorization" not in request.headers


def _copy(request: httpx.Request) -> httpx.Request:
    """Returns a copy to send with the session. The app may send its own again, in which the session
    would count as an Authorization of the app's, and would not be renewed.
    """
    copied = httpx.Request(
        request.method,
        request.url,
        headers=request.headers,
        stream=request.stream,
        extensions=request.extensions,
    )
    if _is_replayable(copied):
        copied.read()  # for response.request.content
    return copied


def _is_replayable(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)


def _uri_of(request: httpx.Request) -> str:
    """Returns the URI that a request is sent to."""
    host = request.headers.get("Host") or request.url.netloc.decode("ascii")
    return f"{request.url.scheme}://{host}{without_query(request.url.raw_path.decode('ascii'))}"
