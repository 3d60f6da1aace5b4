"""Requests through SessionClient.open, beyond the cases of the table."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from typing import Any, Iterator

import pytest

from conftest import Clock, Sessiond, answer
from sessionclient import SessionError

INVALID = {"X-Error-Code": "invalid_token"}
EXPIRED = {"X-Error-Code": "expired_token"}


@pytest.fixture
def elsewhere() -> Iterator[Sessiond]:
    running = Sessiond()
    yield running
    running.close()


def test_request_of_the_caller_stays_as_it_was(sessiond: Sessiond) -> None:
    client = sessiond.client()
    request = urllib.request.Request(
        sessiond.url + "/x", b"body", {"X-One": "1"}, method="PUT"
    )
    request.add_unredirected_header("X-Two", "2")
    sessiond.refuse = [EXPIRED]
    for _ in range(2):
        with client.open(request) as response:
            assert response.status == 200
    assert request.headers == {"X-one": "1"}
    assert request.unredirected_hdrs == {"X-two": "2"}
    assert sessiond.tokens() == ["Bearer token-1", "Bearer token-2", "Bearer token-2"]
    for each in sessiond.application:
        assert (each["method"], each["path"], each["body"]) == ("PUT", "/x", "body")
        assert (each["headers"]["x-one"], each["headers"]["x-two"]) == ("1", "2")


def test_request_without_a_timeout_is_sent_again(sessiond: Sessiond) -> None:
    sessiond.refuse = [EXPIRED]
    without: Any = None  # as urlopen takes it
    with sessiond.client().open(sessiond.url, timeout=without) as response:
        assert response.status == 200


def test_text_and_data_are_a_post(sessiond: Sessiond) -> None:
    sessiond.client().open(sessiond.url + "/x", b"a=b").close()
    assert [each["method"] for each in sessiond.application] == ["POST"]


def test_data_replaces_that_of_the_request(sessiond: Sessiond) -> None:
    request = urllib.request.Request(sessiond.url + "/x", b"one")
    sessiond.client().open(request, b"two").close()
    assert [each["body"] for each in sessiond.application] == ["two"]
    assert request.data == b"one"


@pytest.mark.parametrize("stream", [True, False])
def test_file_is_sent_once(sessiond: Sessiond, stream: bool) -> None:
    client = sessiond.client()
    client.open(sessiond.url).close()
    sessiond.refuse = [EXPIRED]
    data = io.BytesIO(b"body") if stream else b"body"
    if stream:
        with pytest.raises(urllib.error.HTTPError) as raised:
            client.open(sessiond.url, data)
        raised.value.close()
        assert raised.value.code == 401
    else:
        client.open(sessiond.url, data).close()
    assert [each["body"] for each in sessiond.application[1:]] == ["body"] * (1 if stream else 2)


def test_redirect_to_another_origin_takes_nothing_along(
    sessiond: Sessiond, elsewhere: Sessiond
) -> None:
    client = sessiond.client()
    with client.open(sessiond.url + "/to/" + elsewhere.url + "/x") as response:
        assert response.status == 200
    assert (sessiond.tokens(), elsewhere.tokens()) == (["Bearer token-1"], [""])
    request = urllib.request.Request(sessiond.url + "/to/" + elsewhere.url + "/x", b"body")
    with pytest.raises(urllib.error.HTTPError) as raised:
        client.open(request)
    raised.value.close()
    assert raised.value.code == 307
    assert len(elsewhere.application) == 1


def test_401_of_another_origin_says_nothing(sessiond: Sessiond, elsewhere: Sessiond) -> None:
    client = sessiond.client()
    elsewhere.refuse = [INVALID]
    with pytest.raises(urllib.error.HTTPError) as raised:
        client.open(sessiond.url + "/to/" + elsewhere.url + "/x")
    raised.value.close()
    client.open(sessiond.url).close()
    assert sessiond.issued == 1


def test_401_after_a_redirect_is_handled(sessiond: Sessiond, elsewhere: Sessiond) -> None:
    client = sessiond.client(application=[sessiond.url, elsewhere.url])
    elsewhere.refuse = [INVALID]
    request = urllib.request.Request(sessiond.url + "/to/" + elsewhere.url + "/x", b"body")
    client.open(request).close()
    assert sessiond.tokens() == ["Bearer token-1"]
    assert elsewhere.tokens() == ["Bearer token-1", "Bearer token-2"]
    assert [each["body"] for each in elsewhere.application] == ["body", "body"]


def test_no_session_is_an_error_and_sends_nothing(sessiond: Sessiond, clock: Clock) -> None:
    sessiond.write = lambda handler: answer(handler, 500, b"")
    client = sessiond.client()
    with pytest.raises(SessionError):
        client.open(sessiond.url)
    assert sessiond.application == []
