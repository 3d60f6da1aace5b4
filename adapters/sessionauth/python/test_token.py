"""What the vectors do not cover: headers, the order of checks, responses, and hidden values."""

from __future__ import annotations

import ast
import json
import logging
import traceback
import uuid
from typing import Any, Dict, List, Optional, Type

import pytest

import sessionauth
from conftest import HERE, SECOND, compact, encode

NOW = 1771243200
SECRET = "a secret of tests, as long as it must be"


def claims(**changed: Any) -> Dict[str, Any]:
    sound: Dict[str, Any] = {
        "v": 2,
        "kid": "kid-1",
        "iat": NOW,
        "nbf": NOW,
        "iss": "issuer",
        "aud": "audience",
        "install_id": "install-12345",
        "exp": NOW + 60,
    }
    return {**sound, **changed}


def token(**changed: Any) -> str:
    return compact(json.dumps(claims(**changed)).encode(), SECRET.encode())


def verifier(
    now: int = NOW * SECOND, skew: int = 2, ring: Optional[sessionauth.Ring] = None
) -> sessionauth.Verifier:
    ring = ring or sessionauth.Ring.from_secrets({"kid-1": SECRET})
    return sessionauth.Verifier(
        ring, issuer="issuer", audience="audience", clock_skew_seconds=skew, clock=lambda: now
    )


def reason(values: List[str]) -> str:
    with pytest.raises(sessionauth.SessionAuthError) as refused:
        verifier().verify(values)
    return refused.value.reason


def test_valid_session() -> None:
    assert verifier().verify(["Bearer " + token()]) == sessionauth.Session(
        install_id="install-12345",
        key_id="kid-1",
        issuer="issuer",
        audience="audience",
        issued_at=NOW,
        not_before=NOW,
        expires_at=NOW + 60,
    )


@pytest.mark.parametrize("before", ["Bearer ", "bearer ", "BEARER    ", " \tBearer "])
def test_accepts_credentials(before: str) -> None:
    assert verifier().verify([before + token() + " \t"]).key_id == "kid-1"


@pytest.mark.parametrize(
    "values, word",
    [
        ([], "missing"),
        ([""], "missing"),
        (["Bearer"], "missing"),
        (["Bearer  "], "missing"),
        (["Basic dXNlcjpw"], "missing"),
        (["Bearer\ttoken"], "missing"),
        (["\xa0Bearer token"], "missing"),
        (["Bearer a b"], "credentials"),
        (["Bearer a\tb"], "credentials"),
        (["Bearer a", "Bearer a"], "credentials"),
        (["Bearer \xa0a.b"], "encoding"),
    ],
)
def test_refuses_credentials(values: List[str], word: str) -> None:
    assert reason(values) == word


@pytest.mark.parametrize(
    "text, word",
    [
        ("A" * 4097, "too_long"),
        ("A" * 4096, "segments"),
        ("ä" * 4096, "segments"),  # a byte each, as servers decode a header
        ("€" * 1365 + "ab", "too_long"),  # text that a header cannot contain is encoded as UTF-8
        ("\ud800" * 1365, "segments"),
    ],
)
def test_length_is_in_bytes(text: str, word: str) -> None:
    with pytest.raises(sessionauth.InvalidToken) as refused:
        verifier().verify_token(text)
    assert refused.value.reason == word


def test_times_are_exact_to_the_nanosecond() -> None:
    sound = token(nbf=NOW, exp=NOW + 60)
    assert verifier((NOW + 60) * SECOND - 1).verify_token(sound)
    with pytest.raises(sessionauth.ExpiredToken):
        verifier((NOW + 60) * SECOND).verify_token(sound)
    assert verifier((NOW - 2) * SECOND).verify_token(sound)
    with pytest.raises(sessionauth.InvalidToken) as refused:
        verifier((NOW - 2) * SECOND - 1).verify_token(sound)
    assert refused.value.reason == "not_yet_valid"


def test_clock_is_read_once_per_token() -> None:
    reads: List[int] = []
    ring = sessionauth.Ring.from_secrets({"kid-1": SECRET})

    def clock() -> int:
        reads.append(1)
        return NOW * SECOND

    counted = sessionauth.Verifier(ring, issuer="issuer", audience="audience", clock=clock)
    counted.verify_token(token())
    assert len(reads) == 1


def test_order_of_checks() -> None:
    """Each token fails its own check and every later one."""
    late = {"iss": "x", "aud": "x", "exp": NOW - 1, "nbf": NOW + 90, "iat": NOW + 99}
    payload = encode(json.dumps(claims(**late)).encode())
    worse = {"v": 1, **late}
    ladder = [
        ("too_long", "." * 4097),
        ("segments", ".!"),
        ("encoding", "!.AA"),
        ("signature_length", encode(b"{") + ".AA"),
        ("json", encode(b"{") + "." + encode(b"s" * 32)),
        ("unknown_key", encode(json.dumps({"kid": 1}).encode()) + "." + encode(b"s" * 32)),
        ("signature", payload + "." + encode(b"s" * 32)),
        (
            "claim_missing",
            compact(json.dumps({"kid": "kid-1", "v": 1, "exp": "x"}).encode(), SECRET.encode()),
        ),
        ("claim_type", token(**{**worse, "iat": "x", "install_id": ""})),
        ("claim_type", token(**{**worse, "exp": "x", "install_id": ""})),
        ("claim_bounds", token(**{**worse, "install_id": "short"})),
        ("version", token(**worse)),
        ("issuer", token(**late)),
        ("audience", token(**{**late, "iss": "issuer"})),
        ("instants", token(**{**late, "iss": "issuer", "aud": "audience"})),
        ("not_yet_valid", token(nbf=NOW + 90, exp=NOW + 91)),
        ("expired", token(iat=NOW - 9, nbf=NOW - 9, exp=NOW - 1)),
    ]
    assert [(reason(["Bearer " + text])) for _, text in ladder] == [word for word, _ in ladder]


ANSWERS = [
    (
        sessionauth.Unauthorized,
        401,
        "unauthorized",
        "Missing bearer token",
        {"WWW-Authenticate": 'Bearer realm="offload"'},
    ),
    (
        sessionauth.InvalidToken,
        401,
        "invalid_token",
        "Invalid session token",
        {"WWW-Authenticate": 'Bearer realm="offload", error="invalid_token"'},
    ),
    (
        sessionauth.ExpiredToken,
        401,
        "expired_token",
        "Session token expired",
        {
            "WWW-Authenticate": 'Bearer realm="offload", error="invalid_token", '
            'error_description="expired"'
        },
    ),
    (
        sessionauth.Unavailable,
        503,
        "service_unavailable",
        "Service unavailable; retry later",
        {"Retry-After": "1"},
    ),
]


@pytest.mark.parametrize("kind, status, code, message, more", ANSWERS)
def test_envelope(
    kind: Type[sessionauth.SessionAuthError],
    status: int,
    code: str,
    message: str,
    more: Dict[str, str],
) -> None:
    answer = kind("word").envelope("request-1")
    assert answer.status == status
    assert (
        answer.body.decode()
        == f'{{"error":{{"code":"{code}","message":"{message}","request_id":"request-1"}}}}'
    )
    assert answer.headers == {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Request-ID": "request-1",
        "X-Error-Code": code,
        **more,
    }


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, 'a"', "a\r\nX-Evil: 1", "ä", "a\n"])
def test_malformed_request_id_is_replaced(given: str) -> None:
    for shown in (
        sessionauth.request_id([given]),
        sessionauth.Unauthorized("missing").envelope(given).headers["X-Request-ID"],
    ):
        assert str(uuid.UUID(shown)) == shown


def test_request_ids() -> None:
    assert sessionauth.request_id(["Aa0._-"]) == "Aa0._-"
    assert sessionauth.request_id(["a" * 128]) == "a" * 128
    assert uuid.UUID(sessionauth.request_id([]))
    assert uuid.UUID(sessionauth.request_id(["a", "a"]))


def test_tokens_and_keys_are_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ring = sessionauth.Ring.from_secrets({"kid-1": SECRET})
    session = verifier().verify_token(token())
    shown = [
        repr(session),
        str(session),
        repr(ring.find("kid-1")),
        repr(ring),
        repr(verifier()),
        caplog.text,
    ]
    for text in (
        token(v=1),
        token(exp=NOW),
        token(install_id="short"),
        token() + "A",
        token()[:40],
    ):
        with pytest.raises(sessionauth.SessionAuthError) as refused:
            verifier().verify_token(text)
        shown.append(
            "".join(
                traceback.format_exception(
                    type(refused.value), refused.value, refused.value.__traceback__
                )
            )
        )
        shown.append(repr(refused.value))
    for text in shown:
        assert "install-12345" not in text
        assert SECRET not in text
        assert token()[:20] not in text


@pytest.mark.parametrize(
    "wrong",
    [{"issuer": ""}, {"audience": ""}, {"clock_skew_seconds": -1}, {"clock_skew_seconds": 61}],
)
def test_refuses_configurations(wrong: Dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        sessionauth.Verifier(
            sessionauth.Ring.from_secrets({"kid-1": SECRET}),
            **{"issuer": "i", "audience": "a", **wrong},
        )
    with pytest.raises(ValueError):
        sessionauth.Verifier(issuer="i", audience="a")


def test_sources_are_searched_in_order() -> None:
    first = sessionauth.Ring.from_secrets({"kid-1": "another secret"})
    second = sessionauth.Ring.from_secrets({"kid-1": SECRET, "kid-2": "a third one"})
    both = sessionauth.Verifier(
        first, second, issuer="issuer", audience="audience", clock=lambda: NOW * SECOND
    )
    other = compact(json.dumps(claims(kid="kid-2")).encode(), b"a third one")
    assert both.verify_token(other).key_id == "kid-2"
    with pytest.raises(sessionauth.InvalidToken) as refused:
        both.verify_token(token())
    assert refused.value.reason == "signature"


def test_module_needs_only_python_3_9() -> None:
    tree = ast.parse((HERE / "sessionauth.py").read_text("utf-8"), feature_version=(3, 9))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported == {
        "__future__", "base64", "binascii", "dataclasses", "datetime", "hashlib", "hmac", "http",
        "importlib", "ipaddress", "json", "logging", "os", "re", "socket", "ssl", "threading",
        "time", "typing", "urllib", "uuid", "weakref",
    }  # fmt: skip
