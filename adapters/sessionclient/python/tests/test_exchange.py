"""Exchanges with sessiond: bounds, proxies, what is sent and what errors say."""

from __future__ import annotations

import http.server
import pickle
import socket
import threading
import time
from typing import Any, Callable, Dict

import pytest

import sessionclient
from conftest import LONG, Clock, Sessiond, answer, until
from sessionclient import Detail, SessionError

Handler = http.server.BaseHTTPRequestHandler


def failure(client: sessionclient.SessionClient) -> SessionError:
    with pytest.raises(SessionError) as raised:
        client.token()
    return raised.value


def test_request_is_the_documented_one(sessiond: Sessiond) -> None:
    client = sessiond.client(sessions=sessiond.url + "/prefix/", install_id="install-12345")
    client.token()
    assert sessiond.bodies == [
        {"install_id": "install-12345", "app_version": "1.0", "platform": "tests"}
    ]
    assert sessiond.bearers == [None]


def test_host_without_a_form_in_ascii_is_unreachable() -> None:
    client = sessionclient.SessionClient(
        "https://sessions..example.com",
        "https://api.example.com",
        app_version="1.0",
        platform="tests",
    )
    assert failure(client).code == "unreachable"


def trickle_head(handler: Handler) -> None:
    _trickle(handler, b"HTTP/1.1 200 OK\r\nX-")


def trickle_body(handler: Handler) -> None:
    _trickle(handler, b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")


def _trickle(handler: Handler, begin: bytes) -> None:
    handler.wfile.write(begin)
    try:
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.01)
    except OSError:
        handler.server.noticed = True  # type: ignore[attr-defined]
        raise


def continue_for_ever(handler: Handler) -> None:
    _flood(handler, b"HTTP/1.1 100 Continue\r\n\r\n")


def send_a_chunk_without_end(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n")
    _flood(handler, b"x")


def _flood(handler: Handler, data: bytes) -> None:
    try:
        while True:
            handler.wfile.write(1000 * data)
    except OSError:
        handler.server.noticed = True  # type: ignore[attr-defined]
        raise


@pytest.mark.parametrize("write", [continue_for_ever, send_a_chunk_without_end])
def test_server_that_sends_without_end_is_unreachable(
    sessiond: Sessiond, write: Callable[[Handler], None]
) -> None:
    sessiond.write = write
    assert failure(sessiond.client(timeout=LONG)).code == "unreachable"
    until(lambda: getattr(sessiond.server, "noticed", False), "the end of the connection")
    until(lambda: not exchanging(), "the end of the exchange's thread")


@pytest.mark.parametrize("write", [trickle_head, trickle_body])
def test_trickling_server_ends_by_the_timeout(
    sessiond: Sessiond, write: Callable[[Handler], None]
) -> None:
    sessiond.write = write
    assert failure(sessiond.client(timeout=1)).code == "timeout"
    # The connection is closed, and no thread is left behind.
    until(lambda: getattr(sessiond.server, "noticed", False), "the end of the connection")
    until(lambda: not exchanging(), "the end of the exchange's thread")


def exchanging() -> bool:
    return any(each.name.startswith("sessionclient") for each in threading.enumerate())


def test_resolution_that_hangs_ends_by_the_timeout(
    sessiond: Sessiond, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        go.wait(LONG)
        raise OSError("not resolved")

    client = sessiond.client(timeout=0.2)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    assert failure(client).code == "timeout"
    go.set()
    until(lambda: not exchanging(), "the end of the exchange's thread")


def test_caller_waits_no_longer_than_max_wait(sessiond: Sessiond) -> None:
    sessiond.go.clear()
    assert failure(sessiond.client(timeout=LONG, max_wait=0.2)).code == "timeout"


@pytest.mark.parametrize(
    "response",
    [
        b"token-1\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ntoken-1",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ntoken-1",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ntoken-1\r\n", b"",
    ],
)  # fmt: skip
def test_cause_holds_no_secret(sessiond: Sessiond, response: bytes) -> None:
    def write(handler: Handler) -> None:
        handler.wfile.write(response)

    sessiond.write = write
    error = failure(sessiond.client(install_id="install-12345"))
    assert error.code == "unreachable"
    chain = error.__cause__
    while chain is not None:  # a crash report has the variables of every traceback
        shown = f"{chain!r} {vars(chain)} {chain.args}"
        assert "token-1" not in shown
        assert chain.__traceback__ is None
        chain = chain.__cause__ or chain.__context__


def test_response_that_ends_early_is_unreachable(sessiond: Sessiond) -> None:
    def write(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")

    sessiond.write = write
    assert failure(sessiond.client()).code == "unreachable"


def test_what_is_not_http_is_unreachable(sessiond: Sessiond) -> None:
    def write(handler: Handler) -> None:
        handler.wfile.write(b"SSH-2.0-server\r\n")

    sessiond.write = write
    assert failure(sessiond.client()).code == "unreachable"


def test_closed_port_is_unreachable() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        client = sessionclient.SessionClient(url, url, app_version="1.0", platform="tests")
        error = failure(client)
    assert (error.code, error.status) == ("unreachable", None)
    assert isinstance(error.__cause__, OSError)


def test_redirect_is_not_followed(sessiond: Sessiond) -> None:
    sessiond.write = lambda handler: answer(
        handler, 307, {}, {"Location": sessiond.url + "/elsewhere"}
    )
    error = failure(sessiond.client())
    assert (error.code, error.status) == ("unexpected_response", 307)
    assert (len(sessiond.bodies), sessiond.application) == (1, [])


def test_proxy_of_the_environment_does_not_get_what_is_for_loopback(
    sessiond: Sessiond, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as bound:  # a proxy that does not accept connections
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{bound.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "")
        client = sessiond.client()
        assert client.token() == "token-1"
        with client.open(sessiond.url + "/protected") as response:
            assert response.status == 200


def test_proxy_of_the_environment_is_used_for_https(
    sessiond: Sessiond, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", sessiond.url)
    monkeypatch.setenv("no_proxy", "")
    assert failure(sessiond.client(sessions="https://sessions.example")).code == "unreachable"
    assert [each["path"] for each in sessiond.application] == ["sessions.example:443"]


def test_error_says_everything_but_secrets(sessiond: Sessiond) -> None:
    details = [
        {"field": "app_version", "rule": "length", "min": 1, "max": 32},
        {"field": "platform", "rule": "blank"},
    ]
    body = {"error": {"code": "validation_error", "message": "-", "details": details}}
    sessiond.write = lambda handler: answer(
        handler, 422, body, {"X-Request-ID": "r-1"}
    )
    error = failure(sessiond.client(install_id="install-12345"))
    want: Dict[str, Any] = {
        "code": "validation_error",
        "status": 422,
        "details": (Detail("app_version", "length", 1, 32), Detail("platform", "blank")),
        "retry_after": None,
        "request_id": "r-1",
    }
    assert vars(error) == want
    assert str(error) == (
        "no session: validation_error, status 422, app_version: length, platform: blank, "
        "request r-1"
    )
    again = pickle.loads(pickle.dumps(error))
    assert (vars(again), str(again)) == (want, str(error))


def test_each_caller_has_an_error_of_its_own(sessiond: Sessiond, clock: Clock) -> None:
    sessiond.go.clear()
    sessiond.write = lambda handler: answer(handler, 500, b"")
    client = sessiond.client()
    client._source.time = clock
    raised = []

    def call() -> None:
        raised.append(failure(client))

    threads = [threading.Thread(target=call) for _ in range(3)]
    for each in threads:
        each.start()
    source = client._source
    until(lambda: source._flight is not None and len(source._flight._waiters) == 3, "3 waiters")
    sessiond.go.set()
    for each in threads:
        each.join(LONG)
    assert {each.status for each in raised} == {500}
    assert len({id(each) for each in raised}) == 3
    assert len(sessiond.bodies) == 1


def test_retry_after_of_nothing_is_one_second(sessiond: Sessiond, clock: Clock) -> None:
    answers = [429, 200]
    sessiond.write = lambda handler: answer(
        handler,
        answers.pop(0),
        {"session_token": "a.b", "refresh_after": 90},
        {"Retry-After": "0"},
    )
    client = sessiond.client()
    client._source.time = clock
    thread = threading.Thread(target=client.token)
    thread.start()
    until(lambda: clock.sleeping == 1, "the wait")
    clock.advance(1)
    assert clock.sleeping == 1
    clock.advance(0.5)  # of jitter
    thread.join(LONG)
    assert answers == []


@pytest.mark.parametrize(
    "header, pause",
    [
        ('"ip";q=8;r=7;t=60', 0),
        ('"ip";r=0;t=20, "install_id";r=0;t=30', 30),
        ('"ip";t=20;r=0', 20),
        ('"ip";r=0', 0),
        ('"ip";r=0;t=x', 0),
        ("r=0;t=20", 20),
        ('"a,b;r=0;t=20";r=1;t=5', 0),
        ('"ip";r=0;t=' + "9" * 30, 172_800),
    ],
)
def test_exhausted_limit_delays_the_next_request(
    sessiond: Sessiond, clock: Clock, header: str, pause: int
) -> None:
    sessiond.write = lambda handler: answer(
        handler, 200, {"session_token": "a.b", "refresh_after": 90}, {"RateLimit": header}
    )
    client = sessiond.client(max_wait=5)
    client._source.time = clock
    client.token()
    client.sign_out()
    if pause == 0:
        assert client.token() == "a.b"
        return
    error = failure(client)
    assert (error.code, error.retry_after) == ("session_rate_limited", pause)
    clock.advance(pause)
    assert client.token() == "a.b"
