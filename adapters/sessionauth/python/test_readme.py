"""Runs the examples of the README unchanged under the real FastAPI."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any, Dict, List, Tuple

import fastapi
import pytest
from fastapi.testclient import TestClient

import sessionauth
from conftest import HERE, SECOND, Issuer, compact, decode, group, jws

NOW = 1771243200
SECRET = "a secret of tests, as long as it must be"
JWS = group("JWS")

CHALLENGE = 'Bearer realm="offload"'
INVALID = (401, "invalid_token", "Invalid session token", CHALLENGE + ', error="invalid_token"')
EXPIRED = (
    401,
    "expired_token",
    "Session token expired",
    CHALLENGE + ', error="invalid_token", error_description="expired"',
)
MISSING = (401, "unauthorized", "Missing bearer token", CHALLENGE)


def examples() -> List[str]:
    found = re.findall(
        r"^```python\n(.*?)^```$", (HERE / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(found) == 3
    return found


def run(source: str, names: Dict[str, Any]) -> None:
    exec(compile(source, "README.md", "exec", dont_inherit=True), names)


def claims(kid: str, **changed: Any) -> bytes:
    sound = {
        "v": 2, "kid": kid, "iat": NOW - 60, "nbf": NOW - 60, "iss": "offload-backend",
        "aud": "offload-ios", "install_id": "инсталляция-🔑", "exp": NOW + 60,
    }  # fmt: skip
    return json.dumps({**sound, **changed}).encode()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Returns a client of the first example, whose clock shows the time of the tests."""
    monkeypatch.setenv("OFFLOAD_SESSION_SECRET", SECRET)
    names: Dict[str, Any] = {"__name__": "example"}
    run(examples()[0], names)
    names["verifier"]._clock = lambda: NOW * SECOND
    return TestClient(names["app"])


def token(**changed: Any) -> str:
    return compact(claims("v2-default", **changed), SECRET.encode())


def test_valid_session_is_accepted(client: TestClient) -> None:
    answer = client.get("/v1/library", headers={"Authorization": "Bearer " + token()})
    assert (answer.status_code, answer.json()) == (200, {"install_id": "инсталляция-🔑"})


REFUSED: List[Tuple[List[str], Tuple[int, str, str, str]]] = [
    ([], MISSING),
    (["Basic dXNlcjpw"], MISSING),
    (["Bearer "], MISSING),
    (["Bearer " + token(), "Bearer " + token()], INVALID),
    (["Bearer " + token() + " more"], INVALID),
    (["Bearer " + token(v=1)], INVALID),
    (["Bearer " + token(iss="x", exp=NOW)], INVALID),
    (["Bearer " + token(exp=NOW)], EXPIRED),
]


@pytest.mark.parametrize("values, want", REFUSED)
def test_refusal_is_exactly_the_envelope(
    client: TestClient, values: List[str], want: Tuple[int, str, str, str]
) -> None:
    status, code, message, challenge = want
    headers = [("Authorization", value) for value in values] + [("X-Request-ID", "request-1")]
    answer = client.get("/v1/library", headers=headers)
    body = f'{{"error":{{"code":"{code}","message":"{message}","request_id":"request-1"}}}}'
    assert answer.status_code == status
    assert answer.content == body.encode()
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-request-id": "request-1",
        "x-error-code": code,
        "www-authenticate": challenge,
        "content-length": str(len(body)),
    }


@pytest.mark.parametrize("given", [[], ["a b"], ["a", "b"], ["ä".encode()]])
def test_malformed_request_id_is_replaced(client: TestClient, given: List[Any]) -> None:
    answer = client.get("/v1/library", headers=[("X-Request-ID", value) for value in given])
    shown = answer.headers["x-request-id"]
    assert str(uuid.UUID(shown)) == shown == answer.json()["error"]["request_id"]


def published_app(url: str) -> Tuple[fastapi.FastAPI, sessionauth.PublishedKeys]:
    """Returns both examples, with the second one in place of the first one's verifier and app."""
    first, second, _ = examples()
    imports, rest = first.split("verifier = ", 1)
    routes = rest.split("app = FastAPI()\n", 1)[1]
    address = "https://sessions.example.com/.well-known/jwks.json"
    assert address in second
    names: Dict[str, Any] = {"__name__": "example"}
    run(imports + second.replace(address, url) + routes, names)
    names["verifier"]._clock = lambda: NOW * SECOND
    return names["app"], names["keys"]


def test_published_keys(issuer: Issuer) -> None:
    key = JWS["keyset"]["keys"][0]
    header = json.dumps({"alg": "EdDSA", "kid": key["kid"], "typ": "JWT"}).encode()
    issuer.body = json.dumps(
        {"keys": [{name: key[name] for name in ("kty", "crv", "alg", "kid", "x")}]}
    ).encode()
    app, _ = published_app(issuer.url)
    with TestClient(app) as client:
        assert len(issuer.requests) == 1
        sound = jws(header, claims(key["kid"]), decode(key["d"]))
        answer = client.get("/v1/library", headers={"Authorization": "Bearer " + sound})
        assert (answer.status_code, answer.json()) == (200, {"install_id": "инсталляция-🔑"})
        old = jws(header, claims(key["kid"], exp=NOW), decode(key["d"]))
        assert (
            client.get("/v1/library", headers={"Authorization": "Bearer " + old}).json()["error"][
                "code"
            ]
            == "expired_token"
        )
    assert len(issuer.requests) == 1


def test_unavailable_issuer(issuer: Issuer) -> None:  # noqa: F811
    issuer.status = 500
    app, keys = published_app(issuer.url)
    keys._steady = lambda: 1000.0  # no pause passes
    sound = next(
        case["token"]
        for case in JWS["cases"]
        if case["want"] == "valid" and case["token"].count(".") == 2
    )
    with TestClient(app) as client:
        answer = client.get(
            "/v1/library", headers={"Authorization": "Bearer " + sound, "X-Request-ID": "request-1"}
        )
    body = (
        '{"error":{"code":"service_unavailable","message":"Service unavailable; retry later",'
        '"request_id":"request-1"}}'
    )
    assert (answer.status_code, answer.text) == (503, body)
    assert answer.headers["retry-after"] == "1"
    assert "www-authenticate" not in answer.headers
