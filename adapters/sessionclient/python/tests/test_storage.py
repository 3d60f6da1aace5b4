"""Storages: files, what they hold, and what a client makes of it."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import stat
import threading
from typing import Any, Optional

import pytest

from conftest import LONG, Clock, Sessiond
from sessionclient import FileStorage, MemoryStorage
from sessionclient._vault import Kept, Vault, parse

UUID = "0b6a4d3c-6a1f-4c3e-9a51-0e8f2a3b4c5d"


def mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_file_is_for_its_owner_only(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "folder" / "session"
    storage = FileStorage(path)
    before = os.umask(0)
    try:
        assert storage.load() is None
        storage.save("one")
        with storage.lock():
            pass
    finally:
        os.umask(before)
    assert storage.load() == "one"
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert mode(path.parent / "session.lock") == 0o600


def test_file_is_narrowed_and_replaced_as_a_whole(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "session"
    path.write_text("an older and longer text")
    path.chmod(0o644)
    with open(path, encoding="utf-8") as reader:
        FileStorage(path).save("new")
        assert reader.read() == "an older and longer text"
    assert (path.read_text(), mode(path)) == ("new", 0o600)
    assert os.listdir(tmp_path) == ["session"]


def test_failed_save_leaves_the_file(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FileStorage(tmp_path / "session")
    storage.save("one")

    def fail(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError):
        storage.save("two")
    assert storage.load() == "one"
    assert os.listdir(tmp_path) == ["session"]


def test_forgetting_deletes_the_file(tmp_path: pathlib.Path) -> None:
    storage = FileStorage(str(tmp_path / "session"))
    storage.save("one")
    storage.save(None)
    storage.save(None)
    assert storage.load() is None
    assert os.listdir(tmp_path) == []


def test_file_that_is_no_text_is_nothing(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "session"
    for data in (b"\xff\xfe\x00", b"", b"x" * (1 << 20)):
        path.write_bytes(data)
        assert parse(FileStorage(path).load()) == Kept()


@pytest.mark.parametrize("kind", ["memory", "file", "two files"])
def test_lock_excludes_threads(kind: str, tmp_path: pathlib.Path) -> None:
    one: Any = MemoryStorage() if kind == "memory" else FileStorage(tmp_path / "session")
    other = FileStorage(tmp_path / "session") if kind == "two files" else one
    entered, inside = threading.Event(), []

    def enter() -> None:
        with other.lock():
            inside.append(True)
            entered.set()

    thread = threading.Thread(target=enter)
    with one.lock():
        thread.start()
        assert not entered.wait(0.2)
        assert inside == []
    assert entered.wait(LONG)
    thread.join(LONG)


def test_lock_ends_although_a_child_has_its_descriptor(tmp_path: pathlib.Path) -> None:
    storage = FileStorage(tmp_path / "session")
    entered = threading.Event()

    def enter() -> None:
        with storage.lock():
            entered.set()

    with storage.lock():
        (descriptor,) = storage._locked
        inherited = os.dup(descriptor)
    try:
        threading.Thread(target=enter, daemon=True).start()
        assert entered.wait(LONG)
    finally:
        os.close(inherited)


@pytest.mark.parametrize(
    "text, want",
    [
        (None, Kept()),
        ("", Kept()),
        ("[" * 100_000, Kept()),
        ("7", Kept()),
        (f'{{"version":1,"install_id":"{UUID}","session_token":"a.b"}}', Kept(UUID, "a.b")),
        (f'{{"version":1,"install_id":"{UUID}"}}', Kept(UUID)),
        (f'{{"version":true,"install_id":"{UUID}","session_token":"a.b"}}', Kept(UUID)),
        (f'{{"version":1,"install_id":"{UUID}","session_token":"a\\n"}}', Kept(UUID)),
        (f'{{"version":1,"install_id":"{UUID}","session_token":"{"a" * 4097}"}}', Kept(UUID)),
        (
            f'{{"version":1,"install_id":"{UUID}","session_token":"a.b","refresh_after":-1}}',
            Kept(UUID, "a.b"),
        ),
        (
            f'{{"version":1,"install_id":"{UUID}","session_token":"a.b","refresh_after":true}}',
            Kept(UUID, "a.b"),
        ),
        ('{"version":1,"session_token":"a.b"}', Kept()),
        ('{"version":1,"install_id":"       \\u0000","session_token":"a.b"}', Kept()),
        ('{"version":1,"install_id":"        ","session_token":"a.b"}', Kept()),
        ('{"version":1,"install_id":"\\ud800aaaaaaa","session_token":"a.b"}', Kept()),
    ],
)
def test_what_a_text_holds(text: Optional[str], want: Kept) -> None:
    assert parse(text) == want


def test_text_is_the_documented_one() -> None:
    storage = MemoryStorage()
    vault = Vault(storage)
    documented = {"version": 1, "install_id": UUID, "session_token": "a.b", "refresh_after": 97}
    for kept in (Kept(UUID), Kept(UUID, "a.b"), Kept(UUID, "a.b", 97)):
        vault.save(kept)
        text = storage.load()
        assert text is not None
        assert json.loads(text).items() <= documented.items()
        assert parse(text) == kept
    assert text is not None and json.loads(text) == documented


class Failing(MemoryStorage):
    def __init__(self) -> None:
        super().__init__()
        self.failing = True

    def load(self) -> Optional[str]:
        if self.failing:
            raise RuntimeError("secret text")
        return super().load()

    def save(self, text: Optional[str]) -> None:
        if self.failing:
            raise RuntimeError("secret text")
        super().save(text)


def test_memory_wins_until_a_save_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    storage = Failing()
    vault = Vault(storage)
    with caplog.at_level(logging.DEBUG):
        assert vault.load() == Kept()
        vault.save(Kept(UUID, "a.b"))
        assert vault.load() == Kept(UUID, "a.b")
    assert [each.getMessage() for each in caplog.records] == [
        "the storage of the session fails: RuntimeError"
    ]
    storage.failing = False
    assert vault.load() == Kept(UUID, "a.b")
    assert parse(storage.load()) == Kept(UUID, "a.b")
    storage.save(None)
    assert vault.load() == Kept()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_regular_file_is_neither_read_nor_replaced(
    kind: str, tmp_path: pathlib.Path
) -> None:
    path, other = tmp_path / "session", tmp_path / "other"
    other.write_text("of another")
    if kind == "link":
        path.symlink_to(other)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    storage = FileStorage(path)
    with pytest.raises(OSError):
        storage.load()
    for text in (None, "text"):
        with pytest.raises(OSError):
            storage.save(text)
    assert path.is_symlink() or not path.is_file()
    assert other.read_text() == "of another"


def test_lock_that_is_a_link_is_not_followed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "session.lock").symlink_to(tmp_path / "other")
    with pytest.raises(OSError):
        FileStorage(tmp_path / "session").lock().__enter__()
    assert not (tmp_path / "other").exists()


def test_storage_that_forgets_does_not_cause_requests_without_end(sessiond: Sessiond) -> None:
    class Forgetting(MemoryStorage):
        def load(self) -> Optional[str]:
            return None

    client = sessiond.client(storage=Forgetting())
    for _ in range(3):
        client.token()
    assert len(sessiond.bodies) == 3


def test_storage_that_keeps_only_short_texts_does_not_either(sessiond: Sessiond) -> None:
    class Short(MemoryStorage):
        def save(self, text: Optional[str]) -> None:
            if text is None or len(text) < 80:
                super().save(text)

    client = sessiond.client(storage=Short())
    for _ in range(9):
        client.token()
    assert len(sessiond.bodies) == 3


def test_failing_lock_does_not_keep_a_session_back(sessiond: Sessiond, clock: Clock) -> None:
    class Unlockable(MemoryStorage):
        def lock(self) -> Any:
            raise OSError("no locks here")

    client = sessiond.client(storage=Unlockable())
    client._source.time = clock
    assert client.token() == "token-1"


def test_sign_out_does_not_wait_for_the_lock(sessiond: Sessiond, tmp_path: pathlib.Path) -> None:
    storage = FileStorage(tmp_path / "session")
    client = sessiond.client(storage=storage)
    assert client.token() == "token-1"
    with FileStorage(tmp_path / "session").lock():
        client.sign_out()
        assert storage.load() is None
