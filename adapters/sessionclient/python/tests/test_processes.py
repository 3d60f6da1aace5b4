"""Several processes with one storage, and forked processes."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import warnings
from typing import Any, Callable, Iterator, List

import pytest

from conftest import LONG, PACKAGE, Sessiond, until
from sessionclient import FileKey, FileStorage, MemoryKey, MemoryStorage, SessionClient

ASKING = """
import sys, sessionclient
url, path = sys.argv[1:]
client = sessionclient.SessionClient(
    url, url, app_version="1.0", platform="tests",
    storage=sessionclient.FileStorage(path), timeout=60,
)
print("asking", flush=True)
client.open(url).close()
"""

MAKING = """
import sys, sessionclient
key = sessionclient.FileKey(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(key.signer().jwk["x"], flush=True)
"""

HOLDING = """
import os, signal, sys, sessionclient
with sessionclient.FileStorage(sys.argv[1]).lock():
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        sys.stdin.read()  # until the test closes it
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@contextlib.contextmanager
def python(source: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", source, *arguments],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_processes_with_one_file_make_one_issuance(
    sessiond: Sessiond, tmp_path: pathlib.Path
) -> None:
    sessiond.go.clear()
    path = str(tmp_path / "session")
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(python(ASKING, sessiond.url, path)) for _ in range(4)]
        for each in processes:
            assert line(each) == "asking"
        until(lambda: sessiond.waiting > 0, "the first request for a session")
        sessiond.go.set()
        assert [each.wait(LONG) for each in processes] == [0, 0, 0, 0]
    assert sessiond.issued == 1
    assert sessiond.tokens() == ["Bearer token-1"] * 4


def test_processes_with_one_file_make_one_key(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "folder" / "key")
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(python(MAKING, path)) for _ in range(4)]
        for each in processes:
            assert line(each) == "ready"
        for each in processes:
            assert each.stdin is not None
            each.stdin.write("\n")
            each.stdin.flush()
        made = [line(each) for each in processes]
    assert made == [FileKey(path).signer().jwk["x"]] * 4


def test_child_uses_the_key_of_its_parent(sessiond: Sessiond) -> None:
    client = sessiond.client(key=MemoryKey(), timeout=LONG)
    assert client.token() == "token-1"
    with client._source._saving, client._source._mutex:
        child = forked(lambda: client.open(sessiond.url).status == 200)
    assert status_of(child) == 0
    assert sessiond.tokens() == ["DPoP token-1"]


def test_child_does_not_prolong_a_lock(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "session")
    with python(HOLDING, path) as process:
        child = int(line(process))
        assert process.wait(LONG) == -signal.SIGKILL
        os.kill(child, 0)  # the child runs
        began = threading.Event()

        def lock() -> None:
            with FileStorage(path).lock():
                began.set()

        threading.Thread(target=lock, daemon=True).start()
        assert began.wait(LONG)


def forked(run: Callable[[], bool]) -> int:
    """Runs a function in a forked child, which exits with 0 if it returns true."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads; they are the point
        child = os.fork()
    if child == 0:
        try:
            os._exit(0 if run() else 1)
        finally:
            os._exit(2)
    return child


def status_of(child: int) -> int:
    deadline = time.monotonic() + LONG
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("waited for the child")
        time.sleep(0.01)


def in_flight(client: SessionClient, sessiond: Sessiond) -> "tuple[threading.Thread, List[str]]":
    """Starts a call whose exchange waits for sessiond.go."""
    got: List[str] = []
    sessiond.go.clear()
    before = len(sessiond.bodies)
    thread = threading.Thread(target=lambda: got.append(client.token()))
    thread.start()
    until(lambda: len(sessiond.bodies) > before, "the exchange")
    return thread, got


def test_child_has_a_flight_of_its_own(sessiond: Sessiond) -> None:
    client = sessiond.client(storage=MemoryStorage(), timeout=LONG)
    thread, got = in_flight(client, sessiond)
    # Its parent's flight, and the lock that this holds, never end in the child.
    with client._source._saving, client._source._mutex:
        child = forked(lambda: client.token().startswith("token-"))
    until(lambda: len(sessiond.bodies) == 2, "the child's exchange")
    sessiond.go.set()
    assert status_of(child) == 0
    thread.join(LONG)
    assert len(got) == 1
    assert sessiond.issued == 2


def test_child_adopts_the_session_of_its_parent_from_the_file(
    sessiond: Sessiond, tmp_path: pathlib.Path
) -> None:
    client = sessiond.client(storage=FileStorage(tmp_path / "session"), timeout=LONG)
    thread, got = in_flight(client, sessiond)
    child = forked(lambda: client.open(sessiond.url).status == 200)
    sessiond.go.set()
    thread.join(LONG)
    assert status_of(child) == 0
    assert (got, sessiond.tokens()) == (["token-1"], ["Bearer token-1"])
    assert sessiond.issued == 1


def test_thread_that_cannot_be_started_blocks_no_later_call(
    sessiond: Sessiond, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sessiond.client()

    def fail(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            client.token()
    assert client.token() == "token-1"
