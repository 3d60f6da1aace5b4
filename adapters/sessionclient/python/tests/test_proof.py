"""Proofs: what they say, and for which request."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.server
import json
import socket
import urllib.request
from typing import Optional

import httpx
import pytest

from conftest import WALL, Sessiond, answer
from proofs import claims, header_of, thumbprint, verified
from sessionclient import MemoryKey, SessionClient, SessionError, _address
from sessionclient._proof import Device, is_thumbprint
from sessionclient.httpx import SessionAuth


def ath(token: str) -> str:
    digest = hashlib.sha256(token.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_each_request_has_a_proof_of_its_own(sessiond: Sessiond, bound: SessionClient) -> None:
    bound.open(sessiond.url + "/a?b=c#d").close()
    bound.open(sessiond.url + "/a", b"body").close()
    one, other = claims(sessiond)
    expected = {"htm": "GET", "htu": sessiond.url + "/a", "iat": WALL, "ath": ath("token-1")}
    assert one == {**expected, "jti": one["jti"]}
    assert other == {**expected, "htm": "POST", "jti": other["jti"]}
    assert one["jti"] != other["jti"]
    assert sessiond.tokens() == ["DPoP token-1"] * 2


def test_install_id_is_the_thumbprint(sessiond: Sessiond, bound: SessionClient) -> None:
    bound.open(sessiond.url).close()
    jwk = header_of(sessiond.application[0]["headers"]["dpop"])["jwk"]
    assert sessiond.bodies[0]["install_id"] == thumbprint(jwk)
    assert is_thumbprint(thumbprint(jwk))
    assert sessiond.bearers == [None]


def test_thumbprint_of_rfc_8037() -> None:
    class Fixed:
        algorithm = "EdDSA"
        jwk = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        }

        def sign(self, message: bytes) -> bytes:
            return bytes(64)

    device = Device(Fixed())
    assert device.install_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    jwk = header_of(device.prove("GET", "https://a.example/", "t", None, 0.0))["jwk"]
    assert set(jwk) == {"kty", "crv", "x"}  # without the private member


@pytest.mark.parametrize(
    "text, form",
    [
        ("A" * 43, True),
        ("A" * 42 + "B", False),  # bits after the 32nd byte
        ("A" * 42, False),
        ("A" * 44, False),
        ("A" * 42 + "=", False),
        (None, False),
    ],
)
def test_form_of_a_thumbprint(text: Optional[str], form: bool) -> None:
    assert is_thumbprint(text) == form


URLS = {
    "/a%20b/%7Euser/x%2Fy?q=%3F": "/a%20b/%7Euser/x%2Fy",
    "/a//b/../c/": "/a//b/../c/",
    "": "/",
    "?q=1": "/",
    "/#fragment": "/",
}


@pytest.mark.parametrize("path", URLS)
def test_proof_names_what_urllib_sends(
    path: str, sessiond: Sessiond, bound: SessionClient
) -> None:
    url = sessiond.url + path
    bound.open(url).close()
    bound.open(urllib.request.Request(url, headers={"Host": "other.example:80"})).close()
    for got, sent in zip(claims(sessiond), sessiond.application):
        assert got["htu"] == "http://" + sent["headers"]["host"] + sent["path"].split("?")[0]
    assert claims(sessiond)[0]["htu"] == sessiond.url + URLS[path]
    assert sessiond.application[1]["headers"]["host"] == "other.example:80"


@pytest.mark.parametrize("path", [*URLS, "/ü b/%zz?ü", "/a|b"])
def test_proof_names_what_httpx_sends(
    path: str, sessiond: Sessiond, bound: SessionClient
) -> None:
    with httpx.Client(auth=SessionAuth(bound)) as app:
        assert app.get(sessiond.url + path).status_code == 200
        app.get(sessiond.url + path, headers={"Host": "other.example:80"})
    for got, sent in zip(claims(sessiond), sessiond.application):
        assert got["htu"] == "http://" + sent["headers"]["host"] + sent["path"].split("?")[0]
    assert sessiond.application[1]["headers"]["host"] == "other.example:80"


def test_proof_names_a_host_beyond_ascii_as_it_is_sent(
    sessiond: Sessiond, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _, *rest, **options: resolve("127.0.0.1", *rest, **options)
    )
    monkeypatch.setattr(_address, "_is_loopback", lambda _: True)
    url = sessiond.url.replace("127.0.0.1", "Bücher.example")
    client = sessiond.client(sessions=url, application=url, key=MemoryKey())
    client.open(url + "/a").close()
    client.open(urllib.request.Request(url + "/b", b"body")).close()
    with httpx.Client(auth=SessionAuth(client)) as app:
        assert app.get(url + "/c").status_code == 200
    host = "xn--bcher-kva.example" + sessiond.url[sessiond.url.rindex(":") :]
    assert [each["headers"]["host"] for each in sessiond.application] == [host] * 3
    assert [each["htu"] for each in claims(sessiond)] == [f"http://{host}/{x}" for x in "abc"]


def test_urllib_proves_each_hop_of_a_redirect(sessiond: Sessiond, bound: SessionClient) -> None:
    bound.open(sessiond.url + "/to/" + sessiond.url + "/b", b"body").close()
    assert [each["htu"].rpartition("/")[2] for each in claims(sessiond)] == ["b", "b"]
    one, other = claims(sessiond)
    assert one["jti"] != other["jti"] and other["htu"] == sessiond.url + "/b"
    assert [each["body"] for each in sessiond.application] == ["body", "body"]


def test_another_origin_gets_no_proof(sessiond: Sessiond, bound: SessionClient) -> None:
    elsewhere = sessiond.url.replace("127.0.0.1", "localhost")
    bound.open(sessiond.url + "/to/" + elsewhere + "/b").close()
    bound.open(elsewhere + "/c").close()
    assert ["dpop" in each["headers"] for each in sessiond.application] == [True, False, False]


def test_request_with_an_authorization_header_gets_no_proof(
    sessiond: Sessiond, bound: SessionClient
) -> None:
    bound.open(urllib.request.Request(sessiond.url, headers={"Authorization": "Basic x"})).close()
    with httpx.Client(auth=SessionAuth(bound)) as app:
        app.get(sessiond.url, headers={"Authorization": "Basic x"})
    assert ["dpop" in each["headers"] for each in sessiond.application] == [False, False]
    assert sessiond.bodies == []


def test_proof_of_the_caller_is_replaced(sessiond: Sessiond, bound: SessionClient) -> None:
    bound.open(urllib.request.Request(sessiond.url, headers={"DPoP": "x"})).close()
    with httpx.Client(auth=SessionAuth(bound)) as app:
        app.get(sessiond.url, headers={"DPoP": "x"})
    assert len(claims(sessiond)) == 2


def test_credentials(sessiond: Sessiond, bound: SessionClient) -> None:
    web_socket = sessiond.url.replace("http", "ws")
    for url in (sessiond.url + "/a?b", web_socket + "/a?b"):
        for headers in (
            bound.credentials("PUT", url),
            asyncio.run(bound.credentials_async("PUT", url)),
        ):
            assert set(headers) == {"Authorization", "DPoP"}
            assert headers["Authorization"] == "DPoP token-1"
            got = verified(headers["DPoP"])
            assert (got["htm"], got["htu"]) == ("PUT", sessiond.url + "/a")
    assert sessiond.issued == 1


def test_credentials_without_a_key(sessiond: Sessiond) -> None:
    headers = sessiond.client().credentials("GET", sessiond.url)
    assert headers == {"Authorization": "Bearer token-1"}


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/", "/a", "", "{}/ü", "{}/a b", "ftp://127.0.0.1/", "{}/\n"]
)
def test_credentials_are_for_the_application(
    url: str, sessiond: Sessiond, bound: SessionClient
) -> None:
    with pytest.raises(ValueError):
        bound.credentials("GET", url.format(sessiond.url))
    assert sessiond.bodies == []


def test_errors_do_not_show_what_is_secret(sessiond: Sessiond, bound: SessionClient) -> None:
    def write(handler: http.server.BaseHTTPRequestHandler) -> None:
        answer(handler, 401, {"error": {"code": "invalid_proof"}})

    sessiond.write = write
    with pytest.raises(SessionError) as caught:
        bound.token()
    assert str(caught.value) == "no session: invalid_proof, status 401"
    assert json.dumps(sessiond.bodies[0]["install_id"]) not in repr(caught.value)
