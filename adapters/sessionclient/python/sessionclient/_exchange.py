"""One exchange with sessiond: a request for a session, and its response."""

from __future__ import annotations

import email.message
import functools
import http.client
import io
import json
import math
import re
import socket
import ssl
import threading
import urllib.error
import urllib.request
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ._errors import Detail, SessionError
from ._vault import is_refresh_after, is_token

_MAX_BODY = 64 << 10
_MAX_RECEIVED = 1 << 20
"""How many bytes of a connection are read at most, with headers and everything around them."""

_MAX_DETAILS = 16
_MAX_SECONDS = 2 * 24 * 60 * 60
"""What more seconds in headers count as. The service asks for two windows at most, each a day."""

_SECONDS = re.compile(r"[0-9]+")
_QUOTED = re.compile(r'"[^"]*"')
_WORD = re.compile(r"[a-z_]{1,64}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_USER_AGENT = "sessionclient-python"


class Response(NamedTuple):
    """A response of sessiond, or of something in its place. A body that is too large is None."""

    status: int
    headers: email.message.Message
    body: Optional[bytes]


class Issued(NamedTuple):
    """A session, with the seconds after which it is renewed and for which no other is requested."""

    token: str
    refresh_after: int
    pause: int


class Cut:
    """Ends an exchange from another thread, by closing its connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sock: Optional[socket.socket] = None
        self.over = False

    def watch(self, sock: socket.socket) -> None:
        with self._lock:
            if self.over:
                raise TimeoutError
            self._sock = sock

    def end(self) -> None:
        with self._lock:
            self.over = True
            if self._sock is not None:
                try:
                    # Not SSLSocket.shutdown, which would change the TLS state under the reader.
                    socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
                except OSError:
                    pass


class _Bounded(io.RawIOBase):
    """Reads what a socket receives, until there is too much of it or the exchange is cut.

    http.client has no such bound: for interim responses, or a chunk of a negative size. And while a
    server sends, a socket that was shut down still receives.
    """

    def __init__(self, received: io.BufferedReader, cut: Cut) -> None:
        self._received = received
        self._cut = cut
        self._left = _MAX_RECEIVED

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._cut.over:
            raise TimeoutError
        size = self._received.readinto1(buffer)
        self._left -= size
        if self._left < 0:
            raise ConnectionError("the response is too long")
        return size

    def close(self) -> None:
        self._received.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, cut: Cut, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Bounded(self.fp, cut))


class _Connection(http.client.HTTPConnection):
    """Can be cut."""

    def __init__(self, *args: Any, cut: Cut, **options: Any) -> None:
        super().__init__(*args, **options)
        self._cut = cut
        self.response_class: Any = functools.partial(_Response, cut=cut)

    def connect(self) -> None:
        super().connect()
        self._cut.watch(self.sock)


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    """Can be cut, once the handshake has ended."""


class _Handler(urllib.request.AbstractHTTPHandler):
    """Opens connections that can be cut."""

    def __init__(self, cut: Cut, context: Optional[ssl.SSLContext]) -> None:
        super().__init__()
        self._plain = functools.partial(_Connection, cut=cut)
        self._secure = functools.partial(_SecureConnection, cut=cut, context=context)

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._plain, request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._secure, request)

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        prepared: urllib.request.Request = self.do_request_(request)
        return prepared

    https_request = http_request


def exchange(
    url: str,
    body: Dict[str, str],
    credentials: Dict[str, str],
    timeout: float,
    context: Optional[ssl.SSLContext],
) -> Response:
    """Sends a request for a session and returns the response, or raises SessionError.

    Redirects are not followed: without a handler for them they are responses like others. Proxies
    are those of the platform, as with urlopen. The timeouts of sockets bound single steps only, and
    nothing bounds the resolution of a name, so a thread of its own does it all.
    """
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode("utf-8"),
        headers={
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": _USER_AGENT,
        },
        method="POST",
    )
    for name, value in credentials.items():
        request.add_unredirected_header(name, value)
    cut = Cut()
    outcome: List[object] = []

    def run() -> None:
        try:
            outcome.append(_open(request, timeout, cut, context))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name="sessionclient exchange", daemon=True)
    thread.start()
    thread.join(timeout)
    if not outcome:
        cut.end()
        raise SessionError("timeout")
    if isinstance(outcome[0], Response):
        return outcome[0]
    assert isinstance(outcome[0], BaseException)
    raise _failure_of(outcome[0]) from _cause_of(outcome[0])


def _open(
    request: urllib.request.Request,
    timeout: float,
    cut: Cut,
    context: Optional[ssl.SSLContext],
) -> Response:
    opener = urllib.request.OpenerDirector()
    opener.add_handler(proxies_for(request.full_url))
    opener.add_handler(_Handler(cut, context))
    with opener.open(request, timeout=timeout) as response:
        assert isinstance(response, http.client.HTTPResponse)
        body: Optional[bytes] = response.read(_MAX_BODY + 1)
        if body is not None and len(body) > _MAX_BODY:
            body = None
        elif response.length:  # a body that is shorter than announced raises nothing
            raise ConnectionError("the response ended early")
        return Response(response.status, response.headers, body)


def proxies_for(url: str) -> urllib.request.ProxyHandler:
    """Returns the proxies of the platform. Plain http, which is for loopback, takes none: they
    would get the session in clear text.
    """
    return urllib.request.ProxyHandler(None if url.lower().startswith("https:") else {})


def _failure_of(error: BaseException) -> BaseException:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, (TimeoutError, socket.timeout)):
        return SessionError("timeout")
    # UnicodeError: of a host that has no form in ASCII, such as one with an empty label.
    if isinstance(error, (OSError, http.client.HTTPException, UnicodeError)):
        return SessionError("unreachable")
    return error


def _cause_of(error: BaseException) -> Optional[BaseException]:
    """Returns the cause to show: an error of the system.

    It comes without its traceback, whose variables hold the request with its secrets, and not in
    place of what has a part of the response.
    """
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if not isinstance(reason, OSError) or isinstance(reason, http.client.HTTPException):
        return None
    reason.__cause__ = reason.__context__ = None
    return reason.with_traceback(None)


def session_in(response: Response) -> Issued:
    """Returns the session that a response brings, or raises SessionError."""
    members = _object(response.body)
    if response.status != 200:
        raise _refusal(response, members)
    token, refresh_after = members.get("session_token"), members.get("refresh_after")
    if (
        not isinstance(token, str)
        or not is_token(token)
        or not isinstance(refresh_after, int)
        or not is_refresh_after(refresh_after)
    ):
        raise SessionError(
            "unexpected_response", status=response.status, request_id=_request_id(response.headers)
        )
    return Issued(token, refresh_after, _pause(response.headers))


def _pause(headers: email.message.Message) -> int:
    """Returns for how long a limit is exhausted (draft-ietf-httpapi-ratelimit-headers)."""
    pause = 0
    # Without the names of the limits, which may hold anything.
    for limit in _QUOTED.sub("", ", ".join(headers.get_all("RateLimit") or [])).split(","):
        members = [each.strip().partition("=") for each in limit.split(";")]
        values = {name: value for name, _, value in members}
        if values.get("r") == "0":
            pause = max(pause, _seconds(values.get("t")) or 0)
    return pause


def _refusal(response: Response, members: Dict[str, Any]) -> SessionError:
    code = code_of(response)
    retry_after = None
    if response.status in (429, 503):
        every = ",".join(response.headers.get_all("Retry-After") or []).split(",")
        retry_after = max((_seconds(each) or 0 for each in every), default=0) or None
    return SessionError(
        "unexpected_response" if response.status < 400 or code is None else code,
        status=response.status,
        details=_details(_error_in(members).get("details")),
        retry_after=retry_after,
        request_id=_request_id(response.headers),
    )


def code_of(response: Response) -> Optional[str]:
    """Returns the error code of a response: that of its header, or else that of its body."""
    # Two servers may each have set the header.
    header = (response.headers.get("X-Error-Code") or "").split(",")[0].strip()
    body = _error_in(_object(response.body)).get("code")
    return next((each for each in (header, body) if _is_word(each)), None)


def _error_in(members: Dict[str, Any]) -> Dict[str, Any]:
    error = members.get("error")
    return error if isinstance(error, dict) else {}


def _is_word(value: object) -> bool:
    """Reports whether a value is a word of sessiond's errors. Anything else is not shown."""
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _details(value: object) -> Tuple[Detail, ...]:
    details = []
    for each in value[:_MAX_DETAILS] if isinstance(value, list) else []:
        if isinstance(each, dict) and _is_word(each.get("field")) and _is_word(each.get("rule")):
            bounds = [each.get("min"), each.get("max")]
            if not all(type(bound) is int and bound >= 0 for bound in bounds):
                bounds = [None, None]
            details.append(Detail(each["field"], each["rule"], *bounds))
    return tuple(details)


def _object(body: Optional[bytes]) -> Dict[str, Any]:
    try:
        value = json.loads(body or b"")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(value: Optional[str]) -> Optional[int]:
    """Parses whole seconds, at least one. A date would depend on the device's clock."""
    if value is None or not _SECONDS.fullmatch(value.strip()):
        return None
    digits = value.strip().lstrip("0")
    if len(digits) > 9:
        return _MAX_SECONDS
    return min(max(1, int(digits or "0")), _MAX_SECONDS)


def _request_id(headers: email.message.Message) -> Optional[str]:
    value = headers.get("X-Request-ID")
    return value if value is not None and _REQUEST_ID.fullmatch(value) else None


def whole(seconds: float) -> int:
    """Rounds up, so that waiting this long is enough."""
    return max(0, math.ceil(seconds))
