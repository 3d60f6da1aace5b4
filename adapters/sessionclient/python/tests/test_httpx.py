"""Requests through httpx, beyond the cases of the table."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import pathlib
import threading
from typing import Any, AsyncIterator, Iterator

import httpx
import pytest

import sessionclient
from conftest import LONG, Clock, Sessiond, answer, until
from sessionclient import FileStorage, SessionError
from sessionclient.httpx import SessionAuth
from test_urllib import EXPIRED, INVALID, elsewhere

__all__ = ["elsewhere"]  # a fixture


def made(client: sessionclient.SessionClient, **options: Any) -> httpx.Client:
    return httpx.Client(auth=SessionAuth(client), timeout=LONG, verify=False, **options)


def test_streams_and_multipart_are_sent_once(sessiond: Sessiond) -> None:
    client = sessiond.client()

    def stream() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    with made(client) as http:
        http.get(sessiond.url)
        for options in ({"content": stream()}, {"files": {"file": b"text"}}):
            sessiond.refuse = [EXPIRED]
            before = len(sessiond.application)
            assert http.post(sessiond.url, **options).status_code == 401
            assert len(sessiond.application) == before + 1
            assert http.get(sessiond.url).status_code == 200
    assert sessiond.application[1]["body"] == "onetwo"


def test_stream_that_was_read_is_sent_again(sessiond: Sessiond) -> None:
    def stream() -> Iterator[bytes]:
        yield b"one"

    with made(sessiond.client()) as http:
        request = http.build_request("POST", sessiond.url, content=stream())
        request.read()
        sessiond.refuse = [EXPIRED]
        assert http.send(request).status_code == 200
    assert [each["body"] for each in sessiond.application] == ["one", "one"]


def test_request_that_the_app_sends_again_has_the_session_of_then(sessiond: Sessiond) -> None:
    with made(sessiond.client()) as http:
        request = http.build_request("POST", sessiond.url, content=b"one")
        response = http.send(request)
        assert "Authorization" not in request.headers
        assert response.request.content == b"one"
        sessiond.refuse = [EXPIRED]
        assert http.send(request).status_code == 200

    async def twice() -> None:
        async with httpx.AsyncClient(
            auth=SessionAuth(sessiond.client()), timeout=LONG, verify=False
        ) as http:
            request = http.build_request("GET", sessiond.url)
            await http.send(request)
            sessiond.refuse = [EXPIRED]
            assert (await http.send(request)).status_code == 200

    asyncio.run(twice())


def test_client_keeps_its_own_things_to_itself(sessiond: Sessiond) -> None:
    """Cookies, headers and base URL of the httpx client do not reach sessiond."""
    seen = []
    with made(
        sessiond.client(),
        base_url=sessiond.url + "/base",
        cookies={"a": "b"},
        event_hooks={"request": [lambda request: seen.append(str(request.url))]},
    ) as http:
        assert http.get("x").status_code == 200
    assert seen == [sessiond.url + "/base/x"]
    assert len(sessiond.bodies) == 1


def test_several_clients_share_one_session(sessiond: Sessiond) -> None:
    client = sessiond.client()

    async def other() -> int:
        async with httpx.AsyncClient(auth=SessionAuth(client), verify=False) as http:
            return (await http.get(sessiond.url, timeout=LONG)).status_code

    with made(client) as one, made(client) as two:
        assert [each.get(sessiond.url).status_code for each in (one, two)] == [200, 200]
    assert asyncio.run(other()) == 200
    client.open(sessiond.url).close()
    assert sessiond.tokens() == ["Bearer token-1"] * 4
    assert sessiond.issued == 1


def test_401_of_another_origin_says_nothing(
    sessiond: Sessiond, elsewhere: Sessiond  # noqa: F811
) -> None:
    elsewhere.refuse = [INVALID]
    with made(sessiond.client(), follow_redirects=True) as http:
        answer = http.get(sessiond.url + "/to/" + elsewhere.url + "/x")
        assert answer.status_code == 401
        http.get(sessiond.url)
    assert elsewhere.tokens() == [""]
    assert sessiond.issued == 1


def test_redirect_to_another_origin_of_the_application(
    sessiond: Sessiond, elsewhere: Sessiond  # noqa: F811
) -> None:
    """httpx takes the session away, so the 401 is answered with one."""
    elsewhere.refuse = [{"X-Error-Code": "unauthorized"}, EXPIRED]
    client = sessiond.client(application=[sessiond.url, elsewhere.url])
    with made(client, follow_redirects=True) as http:
        answer = http.post(sessiond.url + "/to/" + elsewhere.url + "/x", content=b"body")
        assert (answer.status_code, str(answer.url)) == (200, elsewhere.url + "/x")
    assert elsewhere.tokens() == ["", "Bearer token-1", "Bearer token-2"]
    assert sessiond.tokens() == ["Bearer token-1"]
    assert [each["body"] for each in elsewhere.application] == ["body"] * 3


def test_redirects_without_end_are_not_followed(
    sessiond: Sessiond, elsewhere: Sessiond  # noqa: F811
) -> None:
    client = sessiond.client(application=[sessiond.url, elsewhere.url])

    def to_and_fro(handler: http.server.BaseHTTPRequestHandler) -> None:
        if "Authorization" not in handler.headers:
            answer(handler, 401, {}, {"X-Error-Code": "unauthorized"})
            return
        other = elsewhere if handler.headers["Host"] in sessiond.url else sessiond
        answer(handler, 307, {}, {"Location": other.url})

    sessiond.apply, elsewhere.apply = [to_and_fro] * 99, [to_and_fro] * 99
    with made(client, follow_redirects=True) as app:
        with pytest.raises(httpx.TooManyRedirects):
            app.get(sessiond.url)
    assert len(sessiond.application) + len(elsewhere.application) < 50


def test_waits_of_one_request_stay_within_max_wait(sessiond: Sessiond, clock: Clock) -> None:
    """Two waits, for a renewal and for another session, share the time of the request."""
    client = sessiond.client(max_wait=15)
    client._source.time = clock
    client.token()
    waits = [503, 200, 503]

    def write(handler: Any) -> None:
        status = waits.pop(0)
        body = {"session_token": f"token.{len(waits)}", "refresh_after": 90}
        answer(handler, status, body, {"Retry-After": "9"})

    sessiond.write = write
    sessiond.refuse = [EXPIRED, INVALID]
    raised = []

    def run() -> None:
        with made(client) as http:
            with pytest.raises(SessionError) as caught:
                http.get(sessiond.url)
            raised.append(caught.value)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: clock.sleeping == 1, "the wait")
    clock.advance(10)
    thread.join(LONG)
    assert (waits, [each.retry_after for each in raised]) == ([], [9])


def test_refused_responses_are_in_the_history(sessiond: Sessiond) -> None:
    with made(sessiond.client()) as http:
        sessiond.refuse = [EXPIRED, INVALID]
        response = http.get(sessiond.url)
    assert [each.status_code for each in response.history] == [401, 401]
    assert sessiond.tokens() == ["Bearer token-1", "Bearer token-2", "Bearer token-3"]


def refuse_without_end(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(401)
    handler.send_header("X-Error-Code", "expired_token")
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(1000 * b"x")


def test_401_without_an_end_is_not_read(sessiond: Sessiond) -> None:
    async def asynchronously() -> int:
        auth = SessionAuth(sessiond.client())
        async with httpx.AsyncClient(auth=auth, timeout=LONG) as http:
            return (await http.get(sessiond.url)).status_code

    sessiond.apply = [refuse_without_end]
    with made(sessiond.client()) as http:
        assert http.get(sessiond.url).status_code == 200
    sessiond.apply = [refuse_without_end]
    assert asyncio.run(asynchronously()) == 200
    assert sessiond.issued == 4


class Loop:
    """Counts the turns of an event loop."""

    def __init__(self) -> None:
        self.turns = 0

    async def run(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)

    async def until(self, condition: Any, what: str) -> None:
        for _ in range(int(LONG / 0.005)):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"waited for {what}")


def test_lock_of_another_process_does_not_block_the_loop(
    sessiond: Sessiond, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "session"
    client = sessiond.client(storage=FileStorage(path), timeout=LONG)

    async def run() -> None:
        loop = Loop()
        counting = asyncio.ensure_future(loop.run())
        async with httpx.AsyncClient(auth=SessionAuth(client), verify=False) as http:
            with FileStorage(path).lock():
                request = asyncio.ensure_future(http.get(sessiond.url, timeout=LONG))
                left = asyncio.ensure_future(http.get(sessiond.url, timeout=LONG))
                await loop.until(lambda: client._source._flight is not None, "the flight")
                turns = loop.turns
                await loop.until(lambda: loop.turns > turns + 100, "turns of the loop")
                assert sessiond.bodies == []
                left.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await left
                assert not request.done()
            response = await asyncio.wait_for(request, LONG)
            assert response.status_code == 200
        counting.cancel()

    asyncio.run(run(), debug=True)
    assert sessiond.tokens() == ["Bearer token-1"]


def test_cancelled_caller_leaves_and_the_flight_goes_on(sessiond: Sessiond) -> None:
    client = sessiond.client(timeout=LONG)
    sessiond.go.clear()

    async def run() -> None:
        loop = Loop()
        first = asyncio.ensure_future(client.token_async())
        await loop.until(lambda: sessiond.waiting == 1, "the exchange")
        second = asyncio.ensure_future(client.token_async())
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert sessiond.waiting == 1
        sessiond.go.set()
        assert await asyncio.wait_for(second, LONG) == "token-1"

    asyncio.run(run(), debug=True)
    assert sessiond.issued == 1


def test_wait_without_callers_ends_without_a_request(sessiond: Sessiond, clock: Clock) -> None:
    sessiond.write = lambda handler: answer(handler, 429, {}, {"Retry-After": "10"})
    client = sessiond.client()
    client._source.time = clock

    async def run() -> None:
        caller = asyncio.ensure_future(client.token_async())
        await Loop().until(lambda: clock.sleeping == 1, "the wait")
        caller.cancel()

    asyncio.run(run())
    clock.advance(11)
    until(lambda: client._source._flight is None, "the end of the flight")
    assert len(sessiond.bodies) == 1


def test_sign_out_ends_a_flight_that_is_not_wanted(sessiond: Sessiond) -> None:
    storage = sessionclient.MemoryStorage()
    client = sessiond.client(storage=storage, timeout=LONG)
    sessiond.go.clear()

    async def run() -> None:
        caller = asyncio.ensure_future(client.token_async())
        await Loop().until(lambda: sessiond.waiting == 1, "the exchange")
        caller.cancel()

    asyncio.run(run())
    client.sign_out()
    sessiond.go.set()
    until(lambda: client._source._flight is None, "the end of the flight")
    assert (storage.load(), len(sessiond.bodies)) == (None, 1)


def test_loop_that_ends_leaves_the_flight_alone(sessiond: Sessiond) -> None:
    client = sessiond.client(timeout=LONG)
    sessiond.go.clear()

    async def run() -> None:
        asyncio.ensure_future(client.token_async())
        await Loop().until(lambda: sessiond.waiting == 1, "the exchange")

    asyncio.run(run())
    sessiond.go.set()
    until(lambda: client._source._flight is None, "the end of the flight")
    with client.open(sessiond.url) as response:
        assert response.status == 200
    assert sessiond.issued == 1


def test_caller_waits_no_longer_than_max_wait(sessiond: Sessiond) -> None:
    sessiond.go.clear()
    client = sessiond.client(timeout=LONG, max_wait=0.2)
    with pytest.raises(SessionError) as raised:
        asyncio.run(client.token_async())
    assert raised.value.code == "timeout"


def test_async_stream_renews_first(sessiond: Sessiond, clock: Clock) -> None:
    storage = sessionclient.MemoryStorage()
    sessiond.client(storage=storage).token()
    client = sessiond.client(storage=storage)

    async def stream() -> AsyncIterator[bytes]:
        yield b"one"

    async def run() -> None:
        async with httpx.AsyncClient(auth=SessionAuth(client), verify=False) as http:
            await http.get(sessiond.url, timeout=LONG)
            await http.post(sessiond.url, content=stream(), timeout=LONG)

    asyncio.run(run())
    assert sessiond.tokens() == ["Bearer token-1", "Bearer token-2"]
    assert sessiond.bearers == [None, "Bearer token-1"]


def test_threads_share_one_flight(sessiond: Sessiond) -> None:
    sessiond.go.clear()
    client = sessiond.client(timeout=LONG)
    with made(client) as http:
        threads = [threading.Thread(target=http.get, args=(sessiond.url,)) for _ in range(8)]
        for each in threads:
            each.start()
        source = client._source
        until(lambda: source._flight is not None and len(source._flight._waiters) == 8, "8 waiters")
        sessiond.go.set()
        for each in threads:
            each.join(LONG)
    assert sessiond.tokens() == ["Bearer token-1"] * 8
    assert sessiond.issued == 1
