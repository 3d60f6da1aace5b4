"""Answers to servers that do not accept the time of a proof, some of them hostile."""

from __future__ import annotations

import asyncio
import email.message
import http.server
import urllib.error
from typing import Any, Dict, List, Optional

import httpx
import pytest

from conftest import WALL, Clock, Sessiond, answer
from proofs import claims, verified
from sessionclient import MemoryKey, SessionClient, SessionError, _service
from sessionclient._exchange import Response
from sessionclient._proof import parse_date
from sessionclient._sending import Refusal, refusal_in
from sessionclient.httpx import SessionAuth

DATE = "Sun, 13 Sep 2020 13:26:40 GMT"  # an hour later than WALL
NONCE = {"X-Error-Code": "proof_nonce_required", "DPoP-Nonce": "n-1", "Date": DATE}


def test_nonce_and_time_of_a_challenge(
    sessiond: Sessiond, bound: SessionClient, clock: Clock
) -> None:
    bound.open(sessiond.url).close()
    sessiond.refuse = [NONCE]
    bound.open(sessiond.url).close()
    clock.advance(10)
    clock.move_wall(-1_000_000)  # no longer counts
    bound.open(sessiond.url).close()
    assert [(each["iat"] - WALL, each.get("nonce")) for each in claims(sessiond)] == [
        (0, None), (0, None), (3600, "n-1"), (3610, None),
    ]  # fmt: skip
    assert len({each["jti"] for each in claims(sessiond)}) == 4


def test_time_for_a_challenge_is_bounded() -> None:
    def headers(name: str) -> List[str]:
        # Without a bound it would take days.
        return ["a" * 10_000_000, 'Bearer error="invalid_token"'] if "WWW" in name else []

    assert refusal_in(headers).code == ""


def test_nonce_is_for_one_proof(sessiond: Sessiond, bound: SessionClient) -> None:
    sessiond.refuse = [NONCE, {"X-Error-Code": "expired_token"}]
    bound.open(sessiond.url).close()
    assert [each.get("nonce") for each in claims(sessiond)] == [None, "n-1", None]


@pytest.mark.parametrize(
    "dates, seconds",
    [
        ([DATE], WALL + 3600),
        (["Thu, 01 Jan 1970 00:00:01 GMT"], 1),
        (["Tue, 29 Feb 2028 23:59:60 GMT"], 1835481600),
        ([DATE, DATE], None),
        ([], None),
    ]
    + [
        ([text], None)
        for text in (
            "", "yesterday", "0", "Thu, 01 Jan 1970 00:00:00 GMT", "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sun, 13 Sep 2020 13:26:40", "Sun, 13 Sep 2020 13:26:40 +0100", DATE + " ", DATE + ",",
            "Sun, 31 Feb 2020 13:26:40 GMT", "Sun, 00 Sep 2020 13:26:40 GMT",
            "Sun, 13 Sep 2020 24:00:00 GMT", "Sun, 13 Sep 2020 13:60:40 GMT",
            "Sun, 13 Xyz 2020 13:26:40 GMT", "Sun, 13 Sep 0000 13:26:40 GMT",
            "Sun, ١٣ Sep 2020 13:26:40 GMT", "Sun, 13 Sep 20200 13:26:40 GMT", "9" * 10000,
        )
    ],
)  # fmt: skip
def test_dates(dates: List[str], seconds: Optional[int], bound: SessionClient) -> None:
    if len(dates) == 1:
        assert parse_date(dates[0]) == seconds
    binding, time = bound._source.binding, bound._source.time
    refusal = Refusal("proof_nonce_required", "n", dates)
    assert binding.challenge(refusal, time) == "n"
    headers = binding.headers(binding.device(), None, "GET", "https://a.example/", None, time)
    assert verified(headers["DPoP"])["iat"] == (WALL if seconds is None else seconds)
    assert binding.challenge(refusal._replace(code="invalid_proof"), time) is None


@pytest.mark.parametrize(
    "nonces, answered",
    [
        (["n"], True),
        (["!~" * 128], True),
        (["n"] * 2, False),
        (["n" * 257], False),
        ([""], False),
        (["a b"], False),
        (["a\x7f"], False),
        (["ü"], False),
        ([], False),
    ],
)
def test_nonces(nonces: List[str], answered: bool, sessiond: Sessiond) -> None:
    got: List[Dict[str, Any]] = []

    def write(handler: http.server.BaseHTTPRequestHandler) -> None:
        got.append(verified(handler.headers["DPoP"]))
        if len(got) > 1:
            answer(handler, 200, {"session_token": "t", "refresh_after": 90})
            return
        handler.send_response_only(401)
        handler.send_header("X-Error-Code", "proof_nonce_required")
        for each in nonces:
            handler.send_header("DPoP-Nonce", each)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    sessiond.write = write
    client = sessiond.client(key=MemoryKey())
    if answered:
        assert client.token() == "t"
        assert [each.get("nonce") for each in got] == [None, *nonces]
        return
    with pytest.raises(SessionError) as caught:
        client.token()
    assert (caught.value.code, caught.value.status) == ("proof_nonce_required", 401)
    assert len(got) == 1


@pytest.mark.parametrize("kind", ["header", "body", "challenge", "two challenges"])
def test_code_of_the_service(kind: str, sessiond: Sessiond) -> None:
    seen: List[Dict[str, Any]] = []

    def write(handler: http.server.BaseHTTPRequestHandler) -> None:
        seen.append(verified(handler.headers["DPoP"]))
        if len(seen) > 1:
            answer(handler, 200, {"session_token": "t", "refresh_after": 90})
            return
        headers, body = {"DPoP-Nonce": "n"}, {}
        if kind == "header":
            headers["X-Error-Code"] = "proof_nonce_required"
        elif kind == "body":
            body = {"error": {"code": "proof_nonce_required"}}
        else:
            bearer = 'Bearer realm="error=\\"invalid_token\\"", ' if kind != "challenge" else ""
            headers["WWW-Authenticate"] = bearer + 'DPoP error="use_dpop_nonce", algs="ES256"'
        answer(handler, 401, body, headers)

    sessiond.write = write
    assert sessiond.client(key=MemoryKey()).token() == "t"
    assert [each.get("nonce") for each in seen] == [None, "n"]
    assert "ath" not in seen[0]


def test_both_requests_of_an_exchange_share_its_timeout(
    sessiond: Sessiond, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts: List[float] = []
    instants = iter([100.0, 101.0, 107.0])  # the start, and each request
    headers = email.message.Message()
    for name, value in NONCE.items():
        headers[name] = value

    def exchange(_: str, __: Any, ___: Any, timeout: float, ____: Any) -> Response:
        timeouts.append(timeout)
        return Response(401, headers, b"")

    monkeypatch.setattr(_service, "exchange", exchange)
    monkeypatch.setattr(_service, "monotonic", lambda: next(instants))
    with pytest.raises(SessionError):
        sessiond.client(key=MemoryKey(), timeout=10.0).token()
    assert timeouts == [9.0, 3.0]


def test_without_a_key_a_challenge_is_returned(sessiond: Sessiond) -> None:
    sessiond.refuse = [NONCE]
    with pytest.raises(urllib.error.HTTPError) as caught:
        sessiond.client().open(sessiond.url)
    caught.value.close()
    assert (caught.value.code, len(sessiond.application)) == (401, 1)


def test_asyncio_answers_a_challenge(sessiond: Sessiond, bound: SessionClient) -> None:
    async def run() -> int:
        async with httpx.AsyncClient(auth=SessionAuth(bound)) as app:
            return (await app.post(sessiond.url, json={})).status_code

    sessiond.refuse = [NONCE]
    assert asyncio.run(run()) == 200
    assert [each.get("nonce") for each in claims(sessiond)] == [None, "n-1"]
