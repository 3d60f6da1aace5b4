"""Runs the examples of the README, and compares its API with the real one."""

from __future__ import annotations

import inspect
import pathlib
import re
from typing import List

import httpx
import pytest

import sessionclient
import sessionclient.httpx
from conftest import PACKAGE, Sessiond

README = (PACKAGE / "README.md").read_text("utf-8")


def blocks() -> List[str]:
    return re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


EXAMPLES = {0: "Bearer", 1: "Bearer", 3: "DPoP"}


@pytest.mark.parametrize("number", EXAMPLES)
def test_example_runs(
    number: int,
    sessiond: Sessiond,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    source = blocks()[number]
    assert len([line for line in source.splitlines() if line]) <= 10
    scheme = EXAMPLES[number]
    for name in ("sessions", "api"):
        source = source.replace(f"https://{name}.example.com", sessiond.url)
    for _ in range(2):
        exec(compile(source, "README.md", "exec", dont_inherit=True), {"__name__": "example"})
    assert "ok" in capsys.readouterr().out
    assert sessiond.tokens() == [scheme + " token-1"] * 2
    files = ["session.json", "session.json.lock"]
    files += ["device.pem", "device.pem.lock"] if scheme == "DPoP" else []
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(files)


def test_api_is_complete() -> None:
    assert len(blocks()) == 4
    api = blocks()[2]
    assert sessionclient.httpx.__all__ == ["SessionAuth"]
    for name in sessionclient.__all__ + sessionclient.httpx.__all__:
        assert name in api
    for kind in (
        sessionclient.SessionClient,
        sessionclient.Storage,
        sessionclient.MemoryStorage,
        sessionclient.Key,
        sessionclient.MemoryKey,
    ):
        methods = [name for name in vars(kind) if not name.startswith("_")]
        assert methods
        for name in methods:
            assert f"def {name}(" in api
    own = set(vars(sessionclient.httpx.SessionAuth)) - set(vars(httpx.Auth))
    assert {name for name in own if not name.startswith("_")} == set()
    given = inspect.signature(sessionclient.SessionClient).parameters
    shown = " ".join(api.split())
    head = ", ".join(
        name if each.default is each.empty else f"{name}={each.default!r}"
        for name, each in given.items()
    )
    assert head.replace("application, ", "application, *, ") in shown
    for name in given:
        assert f"`{name}`" in README
