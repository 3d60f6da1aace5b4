"""The constructor, and which requests get the session."""

from __future__ import annotations

import uuid
from typing import Any, Dict

import pytest

import sessionclient

SERVICE = "https://sessions.example.com"


def made(**options: Any) -> sessionclient.SessionClient:
    given: Dict[str, Any] = {
        "sessions": SERVICE,
        "application": "https://api.example.com",
        "app_version": "1.0",
        "platform": "tests",
        **options,
    }
    return sessionclient.SessionClient(**given)


@pytest.mark.parametrize(
    "url",
    [
        "http://sessions.example.com", "http://10.0.0.1", "http://127.0.0.1.example.com",
        "http://[::2]", "sessions.example.com", "ftp://sessions.example.com", "",
        "https://user:secret@sessions.example.com", "https://sessions.example.com?secret",
        "https://sessions.example.com#secret", "https://straße.example", "https://", "http://bücher",
        "https://user@bücher.example", "https://b%C3%BCcher.example", "https://bücher..example",
        "https://[fe80::1%25eth0]", "https://sessions.example.com/ü", "https://\udc80.example",
        "https://a b", "https://example.com:port", "https://example.com\\@evil.example",
        "https://sessions.example.com/?", "https://sessions.example.com/base\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["sessions", "application"])
def test_unusable_base_url_is_refused(name: str, url: str) -> None:
    with pytest.raises(ValueError, match=name) as raised:
        made(**{name: url})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://127.8.8.8", "http://[::1]:80/"])
def test_plain_http_is_for_loopback(url: str) -> None:
    made(sessions=url, application=[url])


@pytest.mark.parametrize(
    "options",
    [{"timeout": 0}, {"max_wait": -1.0}, {"timeout": float("inf")},
        {"timeout": float("nan")}, {"timeout": 1e10}, {"max_wait": 86401}],
)
def test_unusable_value_is_refused(options: Dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        made(**options)


@pytest.mark.parametrize("given", ["", "short", " " * 8, "install-\x00", "x" * 129, uuid.uuid4()])
def test_unusable_install_id_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="install_id"):
        made(install_id=given)


def test_application_may_be_empty() -> None:
    assert not made(application=[])._sender.serves("https://api.example.com")


def test_base_url_is_text() -> None:
    with pytest.raises(TypeError):
        made(sessions=None)


@pytest.mark.parametrize(
    "url, gets",
    [
        ("https://api.example.com", True),
        ("HTTPS://API.example.com:443/v1?q#f", True),
        ("https://other.example.com:8443/x", True),
        ("https://other.example.com/x", False),
        ("http://api.example.com", False),
        ("https://api.example.com:8443", False),
        ("https://sessions.example.com", False),
        ("https://api.example.com.evil.example", False),
        ("https://api.example.com@evil.example", False),
        ("https://api.example.com:443@evil.example", False),
        ("https://api.example.com\\@evil.example", False),
        ("https://api.example.com:99999999", False),
        ("//api.example.com", False),
        ("file:///etc/passwd", False),
        ("https://xn--bcher-kva.example/x", True),
        ("https://bucher.example/x", False),
        ("https://[fe80::1%25eth0]/", False),
    ],
)
def test_origin_decides(url: str, gets: bool) -> None:
    client = made(
        application=[
            "https://api.example.com/v1", "https://other.example.com:8443", "https://BÜCHER.example"
        ],
    )  # fmt: skip
    assert client._sender.serves(url) == gets
