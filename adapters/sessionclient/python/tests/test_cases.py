"""The cases that every language's client passes, with each way to send requests."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Dict, List

import pytest

from conftest import CASES
from runners import KINDS, Case

TABLE: List[Dict[str, Any]] = json.loads(CASES.read_text("utf-8"))["cases"]


def runs() -> List[Any]:
    """Returns each case with each kind of client. Only tasks can be cancelled, not threads."""
    return [
        pytest.param(kind, case, id=f"{name}: {case['name']}")
        for name, kind in KINDS.items()
        for case in TABLE
        if kind.can_cancel or "cancel" not in case.get("needs", [])
    ]


def test_table_needs_nothing_unknown() -> None:
    needs = {need for case in TABLE for need in case.get("needs", [])}
    assert needs <= {"background", "cancel", "key"}
    assert len(runs()) >= 2.5 * len(TABLE)


@pytest.mark.parametrize("kind, case", runs())
def test_case(control: str, kind: Any, case: Dict[str, Any]) -> None:
    with contextlib.closing(Case(control, case, kind)) as running:
        running.run()
