"""What the constructors and methods are given, and what they refuse at once."""

from __future__ import annotations

import json
import logging
import pathlib
import ssl
from typing import Any, Dict, List, Tuple

import pytest

import sessionauth
from conftest import LONG, SECOND, Clock, Issuer, compact, keys_of

NOW = 1771243200
SECRET = "a secret of tests, as long as it must be"


def verifier(**changed: Any) -> sessionauth.Verifier:
    given = {"issuer": "offload-backend", "audience": "offload-ios", **changed}
    ring = sessionauth.Ring.from_secrets({"kid": SECRET})
    return sessionauth.Verifier(ring, clock=lambda: NOW * SECOND, **given)


def token(**changed: Any) -> str:
    claims = {
        "v": 2, "kid": "kid", "iat": NOW, "nbf": NOW, "iss": "offload-backend",
        "aud": "offload-ios", "install_id": "install-12345", "exp": NOW + 60,
    }  # fmt: skip
    return compact(json.dumps({**claims, **changed}).encode(), SECRET.encode())


def test_several_audiences() -> None:
    both = verifier(audience=None, audiences=("ios", "android"))
    for name in ("ios", "android"):
        assert both.verify_token(token(aud=name)).audience == name
    for name in ("web", "ios,android", "io", "iOS"):
        with pytest.raises(sessionauth.InvalidToken) as refused:
            both.verify_token(token(aud=name))
        assert refused.value.reason == "audience"


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": ["offload-backend"]},
        {"issuer": ("offload-backend",)},
        {"issuer": b"offload-backend"},
        {"issuer": None},
        {"audience": ["offload-ios"]},
        {"audience": ("offload-ios",)},
        {"audience": b"offload-ios"},
        {"audience": None},
        {"audiences": ("offload-ios",)},  # both
        {"audience": None, "audiences": ["offload-ios"]},
        {"audience": None, "audiences": "offload-ios"},
        {"audience": None, "audiences": ("offload-ios", None)},
        {"audience": None, "audiences": (b"offload-ios",)},
        {"clock_skew_seconds": "2"},
        {"clock_skew_seconds": 2.5},
        {"clock_skew_seconds": True},
    ],
)
def test_verifier_refuses_other_types(changed: Dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        verifier(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": ""},
        {"audience": ""},
        {"audience": None, "audiences": ()},
        {"audience": None, "audiences": ("offload-ios", "")},
    ],
)
def test_verifier_refuses_empty_names(changed: Dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        verifier(**changed)


@pytest.mark.parametrize("source", [SECRET, SECRET.encode(), {"kid": SECRET}, [], None])
def test_verifier_refuses_other_sources(source: Any) -> None:
    with pytest.raises(TypeError) as refused:
        sessionauth.Verifier(source, issuer="a", audience="b")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "values",
    [
        "Bearer " + token(),
        b"Bearer " + token().encode(),
        [b"Bearer " + token().encode()],
        [None],
        None,
        {"Authorization": "Bearer " + token()},
    ],
)
def test_header_must_be_a_list_of_text(values: Any) -> None:
    for take in (verifier().verify, sessionauth.request_id):
        with pytest.raises(TypeError) as refused:
            take(values)
        assert "Bearer" not in str(refused.value)


def test_header_may_be_any_list() -> None:
    value = "Bearer " + token()
    for values in ([value], (value,), {value}, iter([value])):
        assert verifier().verify(values)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        verifier().verify_token(token().encode())  # type: ignore[arg-type]


@pytest.mark.parametrize("secrets", [SECRET, [SECRET], None, {"kid": SECRET.encode()}, {1: SECRET}])
def test_secrets_must_be_text_by_id(secrets: Any) -> None:
    with pytest.raises(TypeError) as refused:
        sessionauth.Ring.from_secrets(secrets)
    assert SECRET not in str(refused.value)


def test_sets_must_be_bytes() -> None:
    for read in (sessionauth.Ring.from_keyset, sessionauth.Ring.from_jwks):
        with pytest.raises(TypeError):
            read('{"keys":[]}')  # type: ignore[arg-type]


HEADERS: List[Tuple[Any, type]] = [
    ({"X-Key": "hunter2\r\nHost: elsewhere"}, ValueError),
    ({"X-Key": "hunter2\n"}, ValueError),
    ({"X-Key": "hunter2\u20ac"}, ValueError),
    ({"X-Key:": "hunter2"}, ValueError),
    ({"": "hunter2"}, ValueError),
    ({"X-Key": b"hunter2"}, TypeError),
    ({b"X-Key": "hunter2"}, TypeError),
    ([("X-Key", "hunter2")], TypeError),
    ("hunter2", TypeError),
]


@pytest.mark.parametrize("headers, error", HEADERS)
def test_refuses_headers(headers: Any, error: type) -> None:
    with pytest.raises(Exception) as refused:
        sessionauth.PublishedKeys("https://sessions.test/", headers=headers)
    assert type(refused.value) is error
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "options, error",
    [
        ({"ssl_context": ssl._create_unverified_context()}, ValueError),
        ({"ssl_context": True}, TypeError),
        ({"timeout": "2"}, TypeError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": float("inf")}, ValueError),
        ({"wait": 1e300}, ValueError),
        ({"fresh_for": None}, TypeError),
    ],
)
def test_refuses_options(options: Dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        sessionauth.PublishedKeys("https://sessions.test/", **options)
    with pytest.raises(TypeError):
        sessionauth.PublishedKeys(b"https://sessions.test/")  # type: ignore[arg-type]


def test_fetch_sends_headers(issuer: Issuer) -> None:
    assert keys_of(issuer, Clock()).load()
    assert issuer.last is not None
    assert issuer.last.get_all("User-Agent") == ["sessionauth-python"]
    given = {"user-agent": "shop/1", "X-Key": "hunter2"}
    assert keys_of(issuer, Clock(), headers=given).load()
    assert issuer.last.get_all("User-Agent") == ["shop/1"]
    assert issuer.last.get_all("X-Key") == ["hunter2"]
    assert issuer.last.get_all("Accept") == ["application/jwk-set+json, application/json"]


def test_fetch_trusts_what_the_context_trusts(issuer: Issuer, certificate: pathlib.Path) -> None:
    issuer.encrypt(certificate)
    context = ssl.create_default_context(cafile=str(certificate))
    assert keys_of(issuer, Clock(), ssl_context=context).load()
    untrusting = keys_of(issuer, Clock())
    assert not untrusting.load()
    assert untrusting.failure is not None and untrusting.failure.reason == "certificate"
    elsewhere = keys_of(issuer, Clock(), ssl_context=context)
    elsewhere._host = "localhost"
    assert not elsewhere.load()
    assert str(elsewhere.failure) == "certificate: it is for another host"


@pytest.mark.parametrize(
    "status, body, want",
    [
        (403, b"secret of the issuer", "status 403"),
        (200, b" " * ((1 << 20) + 1), "too_large"),
        (200, b"secret of the issuer", "malformed: the set: is not JSON, or has a name twice"),
        (200, b'{"keys":[]}', "no_keys"),
        (200, None, "unreachable: IncompleteRead"),
    ],
)
def test_failure_states_why(
    issuer: Issuer, caplog: pytest.LogCaptureFixture, status: int, body: Any, want: str
) -> None:
    issuer.status = status
    if body is None:
        issuer.headers = {"Connection": "close"}
        issuer.length = 1000
    else:
        issuer.body = body
    keys = keys_of(issuer, Clock(), headers={"X-Key": "hunter2"})
    with caplog.at_level(logging.WARNING):
        assert not keys.load()
    failure = keys.failure
    assert failure is not None and str(failure) == want
    assert failure.reason == want.split(":")[0].split(" ")[0]
    assert [each.getMessage() for each in caplog.records] == [
        f"published keys cannot be read; there is no copy yet ({want})"
    ]
    with pytest.raises(sessionauth.Unavailable) as refused:
        keys.find("one")
    assert refused.value.__cause__ is failure


def test_failure_of_the_connection(issuer: Issuer) -> None:
    keys = keys_of(issuer, Clock())
    keys._port = 1
    assert not keys.load()
    assert str(keys.failure) == "unreachable: ConnectionRefusedError"
    issuer.go.clear()
    late = keys_of(issuer, Clock(), timeout=0.05, wait=LONG)
    assert not late.load()
    assert str(late.failure) == "late"


def test_failure_ends_with_the_next_success(issuer: Issuer) -> None:
    clock = Clock()
    issuer.status = 500
    keys = keys_of(issuer, clock)
    assert not keys.load()
    issuer.status = 200
    clock.now += 1
    assert keys.load()
    assert keys.failure is None
