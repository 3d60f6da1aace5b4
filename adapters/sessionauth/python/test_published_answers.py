"""Which responses of an issuer are accepted, and which addresses."""

from __future__ import annotations

import gzip
import http.client
import http.server
import json
import pathlib
import socket
from typing import Any, Dict, List

import pytest

import sessionauth
from conftest import LONG, Clock, Issuer, compact, encode, group, keys_of, settle, verifier_of

JWS = group("JWS")


def trickle(handler: http.server.BaseHTTPRequestHandler) -> None:
    """Sends one byte after the other until the client disconnects."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.flush()
    while True:
        handler.wfile.write(b" ")
        handler.connection.settimeout(0.01)
        try:
            if handler.connection.recv(1) == b"":
                return
        except socket.timeout:
            pass


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_endless_slow_answer_is_cut(
    issuer: Issuer, secure: bool, certificate: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if secure:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        issuer.encrypt(certificate)
    issuer.write = trickle
    for timeout in (
        1.0,
        10.0,
        LONG,
    ):  # on a slow machine the shorter ones may end before the request arrives
        keys = keys_of(issuer, Clock(), timeout=timeout)
        with pytest.raises(
            (OSError, http.client.HTTPException)
        ):  # which one depends on where the fetch was cut off
            keys._fetch()
        if issuer.requests:
            break
    assert issuer.requests


def test_endless_answer_is_read_up_to_the_limit(issuer: Issuer) -> None:
    sent: List[int] = []

    def pour(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(256):
            handler.wfile.write(b" " * (1 << 20))
            sent.append(1)

    issuer.write = pour
    assert not keys_of(issuer, Clock()).load()
    assert len(sent) < 128  # in MiB; sockets hold some


def test_https_requires_a_trusted_certificate(
    issuer: Issuer, certificate: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.encrypt(certificate)
    assert not keys_of(issuer, Clock()).load()
    assert issuer.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert keys_of(issuer, Clock()).find("one")


def test_hanging_refresh_times_out(issuer: Issuer) -> None:
    issuer.go.clear()
    keys = keys_of(issuer, Clock(), timeout=0.1)
    assert not keys.load()
    settle(keys)


@pytest.mark.parametrize(
    "status, headers, body",
    [
        (200, {}, b""),
        (200, {}, b"{}"),
        (200, {}, b'{"keys":[' + b" " * (1 << 20) + b"]}"),
        (200, {}, b'{"keys":{}}'),
        (204, {}, b""),
        (404, {}, b'{"keys":[]}'),
        (302, {"Location": "/elsewhere"}, b'{"keys":[]}'),
        (103, {"Link": "</elsewhere>; rel=preload"}, b""),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"keys":[]}')),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(1 << 28))),
        (200, {}, b'{"keys":' + b"[" * 100000),
        (200, {}, b'{"keys":[' + b"{}," * 300 + b"{}]}"),
        (200, {}, b'{"keys":[],"keys":[]}'),
    ],
)
def test_bad_answers_change_nothing(
    issuer: Issuer, status: int, headers: Dict[str, str], body: bytes
) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.status, issuer.headers, issuer.body = status, headers, body
    clock.now += 600
    assert keys.find("one")
    assert issuer.requests == ["/.well-known/jwks.json"] * 2


def test_empty_first_set_is_not_accepted(issuer: Issuer) -> None:
    clock = Clock()
    issuer.publish()
    keys = keys_of(issuer, clock)
    with pytest.raises(sessionauth.Unavailable) as refused:
        keys.find("one")
    assert refused.value.reason == "keys_unavailable"


def test_empty_later_set_takes_effect(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish()
    clock.now += 600
    assert keys.find("one") is None


def test_published_symmetric_key_is_never_used(issuer: Issuer) -> None:
    secret = b"known to everybody who can read this address"
    key = {
        "kty": "oct",
        "alg": "HS256",
        "use": "sig",
        "kid": "hs",
        "k": encode(secret),
        "sign_from": "2026-01-01T00:00:00Z",
    }
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.body = json.dumps({"keys": [key]}).encode()
    clock.now += 600
    claims = {
        "v": 2,
        "kid": "hs",
        "iat": JWS["now"],
        "nbf": JWS["now"],
        "iss": JWS["issuer"],
        "aud": JWS["audience"],
        "exp": JWS["now"] + 9,
    }
    forged = compact(json.dumps({**claims, "install_id": "install-12345"}).encode(), secret)
    with pytest.raises(sessionauth.InvalidToken) as refused:
        verifier_of(JWS, keys).verify_token(forged)
    assert refused.value.reason == "unknown_key"
    # The token would be valid if the key were one of ours.
    assert verifier_of(JWS, sessionauth.Ring.from_secrets({"hs": secret.decode()})).verify_token(
        forged
    )


@pytest.mark.parametrize(
    "url",
    [
        "sessions.test/jwks.json",
        "ftp://sessions.test/",
        "file:///etc/passwd",
        "https://",
        "https://user:password@sessions.test/",
        "https://sessions.test:http/",
        "http://sessions.test/",
        "http://127.0.0.1.sessions.test/",
        "http://localhost.sessions.test/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://[::2]/",
        "https://@sessions.test/",
        "https://sessions.test/#a",
        "https://sessions.test/a\nb",
        "https://sessions\r.test/",
        "\nhttps://sessions.test/",
        "https://sessions.test/ ",
        "https://sessions.test/a b",
        "https://sessions.test/\x7f",
        "https://sessions.test/ä",
    ],
)
def test_refuses_addresses(url: str) -> None:
    with pytest.raises(ValueError):
        sessionauth.PublishedKeys(url)


@pytest.mark.parametrize("options", [{"fresh_for": 0}, {"timeout": 0}, {"wait": -1}])
def test_refuses_options(options: Dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        sessionauth.PublishedKeys("https://sessions.test/", **options)


def test_accepts_addresses() -> None:
    loopback = (
        "http://localhost:8080/",
        "http://127.0.0.1/",
        "http://127.8.9.1/",
        "http://[::1]:8080/",
        "http://[::ffff:127.0.0.1]/",
    )
    for url in (
        "https://sessions.test/a?b=c",
        "HTTPS://sessions.test",
        "https://[2001:db8::1]/",
        *loopback,
    ):
        sessionauth.PublishedKeys(url)
    sessionauth.PublishedKeys("http://sessiond:8080/.well-known/jwks.json", plain_http=True)
