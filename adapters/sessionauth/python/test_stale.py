"""Copies that are older than promised, on machines and in processes that stand still meanwhile."""

from __future__ import annotations

import json
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Dict, Iterator, List, Tuple

import pytest

import sessionauth
from conftest import (
    HERE,
    LONG,
    Clock,
    Issuer,
    compact,
    group,
    in_progress,
    keys_of,
    published,
    settle,
    verifier_of,
)

JWS = group("JWS")


def suspended(issuer: Issuer) -> Tuple[sessionauth.PublishedKeys, Clock, Clock]:
    """Returns keys, and the wall clock and the monotonic clock that they go by."""
    wall, steady = Clock(), Clock()
    keys = sessionauth.PublishedKeys(
        issuer.url, wall=wall, steady=steady, wait=LONG, timeout=LONG
    )
    return keys, wall, steady


@pytest.mark.parametrize("which", ["wall", "steady"])
def test_age_is_that_of_the_clock_that_shows_more(issuer: Issuer, which: str) -> None:
    keys, wall, steady = suspended(issuer)
    assert keys.find("one")
    issuer.publish("two")
    moved, other = (wall, steady) if which == "wall" else (steady, wall)
    moved.now += 300
    other.now -= 300  # stood still, or was set back
    assert keys.find("one") is None
    assert keys.find("two")


@pytest.mark.parametrize(
    "headers, fresh",
    [
        ({}, 300),
        ({"Cache-Control": "public, max-age=300"}, 300),
        ({"Cache-Control": 'public, MAX-AGE="120"'}, 120),
        ({"Cache-Control": "max-age=1"}, 60),
        ({"Cache-Control": "max-age=86400"}, 600),
        ({"Cache-Control": "max-age=soon"}, 300),
        ({"Cache-Control": "max-age=-5"}, 300),
        ({"Cache-Control": "max-age=99999999999999999999"}, 300),
        ({"Cache-Control": "max-age=" + "9" * 9999}, 300),
        ({"Cache-Control": "max-age=600, no-store"}, 60),
        ({"Cache-Control": "max-age=300", "Age": "100"}, 200),
        ({"Cache-Control": "max-age=300", "Age": "4000"}, 60),
    ],
)
def test_copy_is_fresh_for_max_age(issuer: Issuer, headers: Dict[str, str], fresh: int) -> None:
    clock = Clock()
    issuer.headers = headers
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish("two")
    issuer.go.clear()
    clock.now += fresh - 1
    assert keys.find("one")  # whatever is in progress, it waits for nothing
    issuer.go.set()
    settle(keys)
    clock.now += fresh
    assert keys.find("one") is None


def test_copy_is_never_fresh_for_longer_than_configured(issuer: Issuer) -> None:
    clock = Clock()
    issuer.headers = {"Cache-Control": "max-age=600"}
    keys = keys_of(issuer, clock, fresh_for=5)
    assert keys.find("one")
    issuer.publish("two")
    clock.now += 10
    assert keys.find("one") is None


def test_one_refresh_serves_all_calls(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    issuer.publish("two")
    clock.now += 1000
    issuer.go.clear()
    found: List[bool] = []
    callers = [
        threading.Thread(target=lambda: found.append(keys.find("one") is not None))
        for _ in range(40)
    ]
    for caller in callers:
        caller.start()
    issuer.go.set()
    for caller in callers:
        caller.join(LONG)
    assert found == [False] * 40
    assert len(issuer.requests) == 2


def test_refresh_that_was_frozen_is_repeated(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    clock.now += 270
    issuer.go.clear()
    assert keys.find("one")  # starts a refresh in the background
    frozen = keys._refresh
    assert frozen is not None and frozen.is_alive()
    clock.now += 3 * LONG
    issuer.publish("two")
    threading.Timer(0.1, issuer.go.set).start()
    assert keys.find("one") is None
    assert keys.find("two")
    issuer.publish("three")
    frozen.join(LONG)
    assert keys.find("two")


def test_late_result_of_a_frozen_refresh_is_ignored(issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    keys._began = sessionauth._Moment(clock.now, clock.now)
    issuer.publish("two")
    keys._run(sessionauth._Moment(0, 0))
    assert keys.find("one")
    issuer.status = 500
    keys._run(sessionauth._Moment(0, 0))
    assert keys.failure is None


def test_refresh_that_was_frozen_is_no_failure(issuer: Issuer) -> None:
    """A process may be frozen in the midst of every refresh in the background."""
    clock = Clock()
    keys = keys_of(issuer, clock)
    assert keys.find("one")
    for _ in range(5):
        clock.now += 290
        issuer.go.clear()
        issuer.status = 500
        assert keys.find("one")
        clock.now += 3 * LONG
        issuer.go.set()
        settle(keys)
        assert keys.failure is not None
        issuer.status = 200
        assert keys.find("one")
        assert keys.failure is None  # the call waited for another one


def test_refreshes_that_hang_are_bounded(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as may hang in the resolver, which has no timeout."""
    clock = Clock()
    keys = keys_of(issuer, clock, wait=0)
    over = threading.Event()
    monkeypatch.setattr(keys, "_fetch", lambda: over.wait(LONG) and (b"", 0.0))
    try:
        for _ in range(20):
            clock.now += 3 * LONG
            with pytest.raises(sessionauth.Unavailable):
                keys.find("one")
        assert len(keys._refreshes) == sessionauth._MAX_REFRESHES
    finally:
        over.set()
        for each in keys._refreshes:
            each.join(LONG)


@pytest.mark.parametrize("copied", [False, True])
def test_compact_tokens_wait_for_nothing(issuer: Issuer, copied: bool) -> None:
    clock = Clock()
    keys = keys_of(issuer, clock)
    if copied:
        assert keys.load()
    clock.now += 10000
    issuer.go.clear()
    verifier = verifier_of(JWS, keys)
    for kid in ("one", "unknown", "a b", ""):
        with pytest.raises(sessionauth.InvalidToken) as refused:
            verifier.verify_token(compact(b'{"kid":"%s"}' % kid.encode(), b"anything"))
        known = copied and kid == "one"
        assert refused.value.reason == ("algorithm" if known else "unknown_key")
    assert keys._refresh is None or not in_progress(keys)
    assert len(issuer.requests) == int(copied)


# A service that verifies one token for each line: how far its wall clock goes ahead, and the token.
SERVICE = """
import sys, threading, time, ssl
import sessionauth
url, certificate, issuer, audience, now = sys.argv[1:]
ahead = 0.0
keys = sessionauth.PublishedKeys(
    url, wall=lambda: time.time() + ahead, wait=60, timeout=60,
    ssl_context=ssl.create_default_context(cafile=certificate),
)
verifier = sessionauth.Verifier(
    keys, issuer=issuer, audience=audience, clock=lambda: int(now) * 10**9
)
assert keys.load(), keys.failure
print("ready", flush=True)
for line in sys.stdin:
    seconds, token = line.split()
    ahead += float(seconds)
    try:
        verifier.verify(["Bearer " + token])
        print("valid", flush=True)
    except sessionauth.SessionAuthError as error:
        print(error.reason, flush=True)
"""


class Frozen:
    """A service in a process that is stopped between requests."""

    def __init__(self, issuer: Issuer, certificate: pathlib.Path) -> None:
        arguments = [issuer.url, str(certificate), JWS["issuer"], JWS["audience"], str(JWS["now"])]
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVICE, *arguments],
            cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.expect("ready")
        self.stop()

    def expect(self, *words: str) -> str:
        assert self.process.stdout is not None
        late = threading.Timer(LONG, self.process.kill)
        late.start()
        word = self.process.stdout.readline().strip()
        late.cancel()
        assert word in words, f"{word!r} within {LONG} s"
        return word

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def ask(self, asleep: float, token: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{asleep} {token}\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.resume()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(LONG)
        self.process.stdout.close()


class Distance:
    """Relays connections to a port of this machine, with 40 ms on each way."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.pairs: List[Tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return  # closed
            far = socket.create_connection(("127.0.0.1", self.port))
            self.pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                time.sleep(0.04)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self) -> None:
        """Ends all connections."""
        for pair in self.pairs:
            for each in pair:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                each.close()
        self.pairs.clear()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()


@pytest.fixture
def distance(issuer: Issuer, certificate: pathlib.Path) -> Iterator[Distance]:
    """Puts the issuer behind TLS and 40 ms."""
    issuer.body = published(JWS)
    issuer.encrypt(certificate)
    port = issuer.server.server_address[1]
    relay = Distance(port)
    issuer.url = issuer.url.replace(f":{port}/", f":{relay.listener.getsockname()[1]}/")
    yield relay
    relay.close()


@pytest.fixture
def frozen(issuer: Issuer, distance: Distance, certificate: pathlib.Path) -> Iterator[Frozen]:
    running = Frozen(issuer, certificate)
    yield running
    running.close()


def signed() -> str:
    """Returns a valid token that a published key signed."""
    return next(
        str(case["token"])
        for case in JWS["cases"]
        if case["want"] == "valid" and case["token"].count(".") == 2
    )


def revoke(issuer: Issuer) -> None:
    keys = json.loads(published(JWS))["keys"]
    issuer.body = json.dumps(
        {"keys": [key for key in keys if key["kid"] != JWS["active_kid"]]}
    ).encode()


def test_revocation_reaches_frozen_process(issuer: Issuer, frozen: Frozen) -> None:
    """Freezes a process around each request, as platforms do that give it a processor only for
    requests: a refresh in the background never ends."""
    words = []
    for minute in range(10):
        frozen.resume()
        frozen.ask(60, signed())
        words.append(frozen.expect("valid", "unknown_key"))
        frozen.stop()
        if minute == 0:
            revoke(issuer)
    assert words[0] == "valid"
    assert words[5:] == ["unknown_key"] * 5


def test_revocation_reaches_process_frozen_within_a_refresh(
    issuer: Issuer, frozen: Frozen, distance: Distance
) -> None:
    issuer.go.clear()
    frozen.resume()
    frozen.ask(270, signed())  # starts a refresh in the background
    assert frozen.expect("valid")
    deadline = time.monotonic() + LONG
    while len(issuer.requests) < 2:
        assert time.monotonic() < deadline, f"no refresh arrived within {LONG} s"
        time.sleep(0.001)
    frozen.stop()
    distance.cut()
    revoke(issuer)
    issuer.go.set()
    frozen.resume()
    frozen.ask(600, signed())
    assert frozen.expect("unknown_key")
