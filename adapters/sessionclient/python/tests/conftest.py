"""Fixtures: a server in place of sessiond, and the world of the case table."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import urllib.request
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE.parent
ROOT = PACKAGE.parents[2]
CASES = PACKAGE.parent / "testdata" / "cases.json"

sys.path.insert(0, str(PACKAGE))

import sessionclient  # noqa: E402
from sessionclient import _storage  # noqa: E402
from sessionclient._time import Time  # noqa: E402

LONG = 60.0  # seconds: more than any step of a test takes, so that a wait this long means a hang

WALL = 1_600_000_000  # what the device's clock shows when a test begins

_storage._LOCK_WAIT = 10 * LONG  # no test depends on it


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for a condition, and fails after a minute."""
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.005)


class Clock(Time):
    """A clock that the test moves. Those that sleep on it are counted."""

    def __init__(self, wall: float = WALL) -> None:
        self._changed = threading.Condition()
        self._now = 1000.0
        self._wall = wall - self._now
        self._instants: List[float] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._wall + self._now

    def move_wall(self, seconds: float) -> None:
        """Sets the device's clock forward, or back."""
        self._wall += seconds

    @property
    def sleeping(self) -> int:
        with self._changed:
            return sum(each > self._now for each in self._instants)

    def advance(self, seconds: float) -> None:
        with self._changed:
            self._now += seconds
            self._changed.notify_all()

    def end(self) -> None:
        """Lets every sleeper go on, so that no thread outlives its test."""
        self.advance(1e12)

    def sleep_until(self, instant: float) -> None:
        with self._changed:
            self._instants.append(instant)
            assert self._changed.wait_for(lambda: self._now >= instant, 10 * LONG)
            self._instants.remove(instant)

    def jitter(self) -> float:
        return 0.5

    def limit(self, seconds: float) -> float:
        return LONG


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Sessiond:
    """A server in place of sessiond and of the application, whose responses the tests set."""

    def __init__(self) -> None:
        self.issued = 0
        self.bodies: List[Dict[str, Any]] = []
        self.bearers: List[Optional[str]] = []
        self.waiting = 0
        self.go = threading.Event()  # answers of sessiond wait for it
        self.go.set()
        self.write: Optional[Callable[[http.server.BaseHTTPRequestHandler], None]] = None
        self.application: List[Dict[str, Any]] = []  # requests
        self.refuse: List[Dict[str, str]] = []  # headers of 401 for the next ones
        self.apply: List[Callable[[http.server.BaseHTTPRequestHandler], None]] = []  # whole answers
        self._lock = threading.Lock()
        sessiond = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                # The client may have gone away.
                with contextlib.suppress(OSError):
                    if self.path.endswith("/v1/sessions/anonymous"):
                        sessiond._issue(self)
                    else:
                        sessiond._apply(self)

            do_GET = do_PUT = do_CONNECT = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    def _issue(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self._lock:
            self.bodies.append(json.loads(body))
            self.bearers.append(handler.headers.get("Authorization"))
            self.waiting += 1
        assert self.go.wait(LONG)
        with self._lock:
            self.waiting -= 1
        if self.write is not None:
            self.write(handler)
            return
        with self._lock:
            self.issued += 1
            token = f"token-{self.issued}"
        answer(handler, 200, {"session_token": token, "refresh_after": 90, "expires_in": 120})

    def _apply(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        if handler.headers.get("Transfer-Encoding"):
            body = b""
            while size := int(handler.rfile.readline(), 16):
                body += handler.rfile.read(size)
                handler.rfile.readline()
            handler.rfile.readline()
        else:
            body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        with self._lock:
            self.application.append(
                {
                    "method": handler.command,
                    "path": handler.path,
                    "body": body.decode(),
                    "headers": {name.lower(): value for name, value in handler.headers.items()},
                }
            )
            refusal = self.refuse.pop(0) if self.refuse else None
            apply = self.apply.pop(0) if self.apply else None
        if apply is not None:
            apply(handler)
        elif handler.path.startswith("/to/"):
            answer(handler, 307, {}, {"Location": handler.path[4:]})
        elif refusal is not None:
            answer(handler, 401, {}, refusal)
        else:
            answer(handler, 200, {"ok": True})

    def tokens(self) -> List[str]:
        """Returns the Authorization headers that the application got."""
        return [each["headers"].get("authorization", "") for each in self.application]

    def client(self, **options: Any) -> sessionclient.SessionClient:
        given = {
            "sessions": self.url,
            "application": self.url,
            "app_version": "1.0",
            "platform": "tests",
            **options,
        }
        return sessionclient.SessionClient(**given)

    def close(self) -> None:
        self.go.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(LONG)


def answer(
    handler: http.server.BaseHTTPRequestHandler,
    status: int,
    body: Any,
    headers: Optional[Dict[str, str]] = None,
) -> None:
    """Writes a response; a body of bytes is written as it is."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    if "Date" in (headers or {}):
        handler.send_response_only(status)  # without a Date of its own
    else:
        handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def sessiond() -> Iterator[Sessiond]:
    running = Sessiond()
    yield running
    running.close()


@pytest.fixture
def clock() -> Iterator[Clock]:
    made = Clock()
    yield made
    made.end()


@pytest.fixture
def bound(sessiond: Sessiond, clock: Clock) -> sessionclient.SessionClient:
    """A client with a key."""
    client = sessiond.client(key=sessionclient.MemoryKey())
    client._source.time = clock
    return client


def post(url: str, body: Any) -> Any:
    return call("POST", url, body)


def call(method: str, url: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        url, None if body is None else json.dumps(body).encode(), method=method
    )
    with urllib.request.urlopen(request, timeout=LONG) as response:
        return json.loads(response.read())


@pytest.fixture(scope="session")
def control() -> Iterator[str]:
    """The address where worlds are made: a real service and an application with one clock each."""
    go = os.environ.get("GO", "go")
    with subprocess.Popen(
        [go, "run", "./test/appworld/serve"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        line = process.stdout.readline()
        assert line, "the world did not start"
        yield json.loads(line)["control"]
        process.stdin.close()
        assert process.wait(LONG) == 0
