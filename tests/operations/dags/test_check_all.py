"""What a check asks for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_stack.operations import running
from airflow_stack.operations.dags import check_all as module
from airflow_stack.operations.dags.subject import Memory


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Requests to the container, which is played and finds nothing."""
    requests: list[Any] = []
    image = SimpleNamespace(tag="image:tag")
    tried = SimpleNamespace(image=image, folders={"dags": tmp_path}, import_memory=Memory(1024, "scheduler.memory"))

    def answer(_: Any, program: str, request: Any, *__: Any, network: bool) -> dict[str, Any]:
        requests.append((program, request, network))
        return {"files": [], "problems": [], "import_timeout": 30.0, "seconds": 0.0}

    monkeypatch.setattr(module, "subject", lambda *_: tried)
    monkeypatch.setattr(module, "answer", answer)
    return requests


def test_the_stack_is_left_alone(asked: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rule: without --running no stack is looked for, and the check has no network."""
    monkeypatch.setattr(running, "find", lambda *_: pytest.fail("the stack was looked for"))
    assert module.check(tmp_path, "local", lambda _: None).errors == 0
    assert asked == [("dags-check", {"known": {"connections": [], "variables": []}}, False)]


def test_the_stack_is_asked_for_names(asked: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rule: with --running, what the stack's database holds is known, by the image's own program."""
    names = {"connections": ["db"], "variables": ["x"]}
    stack = SimpleNamespace(ask=lambda command: names if command == ["dags-names"] else None)
    monkeypatch.setattr(running, "find", lambda *_: stack)
    module.check(tmp_path, "local", lambda _: None, running=True)
    assert asked == [("dags-check", {"known": names}, False)]
