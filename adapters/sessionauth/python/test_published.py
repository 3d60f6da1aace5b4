"""When the copy of the published keys is refreshed, and which calls wait for it.

The tests use a server on loopback and a clock that they move.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from typing import List

import pytest

import sessionauth
from conftest import (
    LONG,
    Clock,
    Issuer,
    group,
    keys_of,
    published,
    ring_of,
    settle,
    in_progress,
    verifier_of,
)

JWS = group("JWS")


def test_tokens_are_verified_under_published_keys(issuer: Issuer) -> None:
    issuer.body = published(JWS)
    keys = keys_of(issuer, Clock())
    verifier = verifier_of(JWS, keys)
    signed = [
        case for case in JWS["cases"] if case["want"] == "valid" and case["token"].count(".") == 2
    ]
    for case in signed:
        assert verifier.verify_token(case["token"]).install_id == case["install_id"]
    assert issuer.requests == ["/.well-known/jwks.json"]


def test_load_fetches_once(issuer: Issuer) -> None:
    keys = keys_of(issuer, Clock())
    assert keys.load() and keys.load()
    assert keys.find("one")
    assert len(issuer.requests) == 1


def test_load_reports_failure(issuer: Issuer) -> None:
    issuer.status = 500
    assert not keys_of(issuer, Clock()).load()


def test_copy_is_refreshed_in_the_background(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish("two")
    clock.now += 269
    assert keys.find("one")
    assert len(issuer.requests) == 1

    clock.now += 1  # nine tenths of the time that the copy is fresh
    issuer.go.clear()
    assert keys.find("one")
    assert keys.find("one")
    assert in_progress(keys)
    issuer.go.set()
    settle(keys)
    assert len(issuer.requests) == 2
    assert keys.find("two")
    assert keys.find("one") is None  # a new refresh is not due yet
    assert len(issuer.requests) == 2


def test_stale_copy_is_refreshed_before_use(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish("two")
    clock.now += 300
    assert keys.find("one") is None
    assert keys.find("two")
    assert len(issuer.requests) == 2


def test_outage_keeps_keys_and_is_logged_once(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.status = 503
    clock.now += 600
    for _ in range(1000):  # an outage of 1000 s, with one request a second
        clock.now += 1
        assert keys.find("one")
        settle(keys)
    assert len(issuer.requests) == 1 + 100  # one in ten seconds

    issuer.status = 200
    issuer.publish("one", "two")
    clock.now += 10
    assert keys.find("one")
    settle(keys)
    assert keys.find("two")
    assert [each.message for each in caplog.records] == [
        "published keys cannot be read; the last copy stays in force (status 503)",
        "published keys can be read again",
    ]


def test_outage_before_first_copy_is_logged(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock()
    keys = keys_of(issuer, clock)
    issuer.status = 503
    assert not keys.load()
    issuer.status = 200
    clock.now += 1
    assert keys.load()
    assert [each.message for each in caplog.records] == [
        "published keys cannot be read; there is no copy yet (status 503)",
        "published keys can be read now",
    ]


def test_no_wait_for_ten_seconds_after_failure(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.status = 503
    clock.now += 600
    assert keys.find("one")
    for _ in range(9):
        clock.now += 1
        assert keys.find("one")
    assert len(issuer.requests) == 2
    issuer.status = 200
    issuer.publish("two")
    clock.now += 1
    assert keys.find("one") is None


def test_copy_survives_outage(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.status = 503
    clock.now += 365 * 86400
    assert keys.find("one")


def test_unavailable_before_first_copy(issuer: Issuer) -> None:
    clock = Clock()
    issuer.status = 500
    keys = keys_of(issuer, clock)
    verifier = verifier_of(JWS, keys)
    signed = next(
        case["token"]
        for case in JWS["cases"]
        if case["want"] == "valid" and case["token"].count(".") == 2
    )
    for _ in range(20):
        with pytest.raises(sessionauth.Unavailable) as refused:
            verifier.verify(["Bearer " + signed])
        assert refused.value.status == 503
    assert len(issuer.requests) == 1
    with pytest.raises(sessionauth.InvalidToken):
        verifier.verify(["Bearer no token at all"])

    issuer.status, issuer.body = 200, published(JWS)
    clock.now += 1
    assert verifier.verify(["Bearer " + signed])


def test_unavailable_source_does_not_hide_others(issuer: Issuer) -> None:
    issuer.status = 500
    compact = group("compact, keys of a keyset")
    ring = ring_of(compact)
    sound = next(case["token"] for case in compact["cases"] if case["want"] == "valid")
    unknown = next(
        case["token"]
        for case in JWS["cases"]
        if case["want"] == "valid" and case["token"].count(".") == 2
    )
    keys = keys_of(issuer, Clock())
    for sources in ((keys, ring), (ring, keys)):
        verifier = verifier_of(compact, *sources)
        assert verifier.verify_token(sound)
        with pytest.raises(sessionauth.Unavailable):
            verifier.verify_token(unknown)


def test_new_key_is_found_at_once(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish("one", "two")
    clock.now += 10
    assert keys.find("two")
    assert len(issuer.requests) == 2


def test_unknown_ids_cause_limited_refreshes(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    for number in range(500):
        assert keys.find(f"unknown-{number}") is None
    assert len(issuer.requests) == 1
    for _ in range(30):
        clock.now += 1
        assert keys.find("unknown") is None
    assert len(issuer.requests) == 4

    clock.now += 10
    callers = [
        threading.Thread(target=keys.find, args=(f"unknown-{number}",)) for number in range(50)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(LONG)
    assert len(issuer.requests) == 5


def test_malformed_id_causes_no_refresh(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.load()
    clock.now += 10
    for kid in ("", "a b", "a" * 65, "ä", "\n"):
        assert keys.find(kid) is None
    assert len(issuer.requests) == 1


def test_wait_is_bounded(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock, wait=0.05)
    issuer.go.clear()
    with pytest.raises(sessionauth.Unavailable):
        keys.find("one")
    issuer.go.set()
    settle(keys)
    assert keys.find("one")
    clock.now += 10
    issuer.go.clear()
    assert keys.find("unknown") is None
    assert in_progress(keys)


def test_late_caller_waits_for_the_rest_only(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    clock.now += 270
    issuer.go.clear()
    assert keys.find("one")  # starts the refresh
    clock.now += LONG
    assert keys.find("unknown") is None
    assert in_progress(keys)
    issuer.go.set()
    settle(keys)
    assert len(issuer.requests) == 2  # it did not start another one either


def test_threads_see_complete_copies(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.load()
    missing: List[str] = []

    def ask() -> None:
        for _ in range(200):
            if keys.find("one") is None:
                missing.append("one")

    callers = [threading.Thread(target=ask) for _ in range(8)]
    for caller in callers:
        caller.start()
    for _ in range(50):
        clock.now += 300
        settle(keys)
    for caller in callers:
        caller.join(LONG)
    assert missing == []


def test_forked_process_refreshes_independently(issuer: Issuer) -> None:
    """Forks while another thread holds the lock and runs a refresh.

    The child has neither.
    """
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish("one", "two")
    clock.now += 270
    issuer.go.clear()
    assert keys.find("one")
    assert in_progress(keys)
    with keys._lock, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # newer versions warn about a fork with threads
        child = os.fork()
        if child == 0:
            signal.alarm(int(LONG))  # ends a child that hangs
            try:
                clock.now += 10
                os._exit(0 if keys.find("one") and keys.find("two") else 1)
            finally:
                os._exit(2)
    issuer.go.set()
    _, status = os.waitpid(child, 0)
    assert status == 0
