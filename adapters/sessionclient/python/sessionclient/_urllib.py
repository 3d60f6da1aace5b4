"""Requests to the application through urllib."""

from __future__ import annotations

import contextlib
import email.message
import http.client
import ssl
import typing
import urllib.request
from typing import Dict, Iterable, Optional, Union

from ._address import with_ascii_host, without_query
from ._binding import Session
from ._exchange import proxies_for
from ._sender import Sender
from ._sending import Sending, refusal_in


Data = Union[bytes, "typing.IO[bytes]", Iterable[bytes], None]

_OWN = ("Authorization", "Dpop", "Host")
"""The headers of one request alone, as urllib writes them."""


class _SessionHandler(urllib.request.BaseHandler):
    """Adds the session to the requests of one call, and handles the 401 that refuse it."""

    parent: urllib.request.OpenerDirector

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        # Each hop of a redirect is a request of its own.
        self._sent: Dict[urllib.request.Request, Sending] = {}
        self._sessions: Dict[urllib.request.Request, Session] = {}

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        if self._sender.serves(request.full_url) and not request.has_header("Authorization"):
            if request not in self._sent:
                self._sent[request] = self._sender.begin(_is_replayable(request))
            sending = self._sent[request]
            session = self._sessions[request] = self._sender.session(sending)
            method, uri = request.get_method(), _uri_of(request)
            # A redirect to another origin must not get the headers.
            for name, value in self._sender.headers(session, sending, method, uri).items():
                request.add_unredirected_header(name, value)
        return request

    https_request = http_request

    def http_error_401(
        self,
        request: urllib.request.Request,
        response: typing.IO[bytes],
        status: int,
        reason: str,
        headers: email.message.Message,
    ) -> Optional[http.client.HTTPResponse]:
        sending = self._sent.get(request)
        if sending is None:
            return None
        refusal = refusal_in(headers.get_all)
        if not self._sender.again(sending, self._sessions[request], refusal):
            return None
        response.close()
        again = _copy(request, _OWN)
        self._sent[again] = sending
        return typing.cast(
            http.client.HTTPResponse, self.parent.open(again, timeout=request.timeout)
        )


class _RedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows 307 and 308 with method and body, within the application (RFC 9110, 15.4.8).

    urllib alone raises an error for methods other than GET and HEAD.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: typing.IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> Optional[urllib.request.Request]:
        if code in (307, 308) and self._sender.serves(newurl) and _is_replayable(req):
            return _copy(req, _OWN, newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302  # missing before 3.11


def open_with(
    sender: Sender,
    context: Optional[ssl.SSLContext],
    url: Union[str, urllib.request.Request],
    data: Data,
    timeout: float,
) -> http.client.HTTPResponse:
    # A copy, because opening a request adds headers to it, and the caller may open it again.
    if isinstance(url, urllib.request.Request):
        request = _copy(url, ())
        if data is not None:
            request.data = data
    else:
        request = urllib.request.Request(url, data)
    with contextlib.suppress(ValueError):  # the URL of another service stays as it is
        sent = with_ascii_host(request.full_url)
        if sender.serves(sent):
            request.full_url = sent  # urllib would send the host in Latin-1
    proxies = [proxies_for(request.full_url)] if sender.serves(request.full_url) else []
    opener = urllib.request.build_opener(
        *proxies,
        urllib.request.HTTPSHandler(context=context),
        _RedirectHandler(sender),
        _SessionHandler(sender),
    )
    return typing.cast(http.client.HTTPResponse, opener.open(request, timeout=timeout))


def _is_replayable(request: urllib.request.Request) -> bool:
    return request.data is None or isinstance(request.data, (bytes, bytearray))


def _uri_of(request: urllib.request.Request) -> str:
    """Returns the URI that a request is sent to."""
    host = request.get_header("Host") or request.host
    return f"{request.type}://{host}{without_query(request.selector) or '/'}"


def _copy(
    request: urllib.request.Request, without: Iterable[str], url: Optional[str] = None
) -> urllib.request.Request:
    """Returns a request that has not been sent. Sending one adds headers, and a proxy's host."""
    copied = urllib.request.Request(
        request.full_url if url is None else url.replace(" ", "%20"),
        request.data,
        dict(request.headers),
        request.origin_req_host,
        request.unverifiable,
        request.get_method(),
    )
    for name, value in request.unredirected_hdrs.items():
        if name not in without:
            copied.add_unredirected_header(name, value)
    return copied
