"""What a run of one DAG is asked for, and how its end is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_stack.errors import OperationError
from airflow_stack.operations.dags import one_run
from airflow_stack.operations.dags.subject import Memory

CRASH = {
    "kind": "crash", "message": "the import ends the whole process", "file": "/opt/airflow/dags/x.py", "line": 0,
    "source": "", "traceback": [],
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The container, played: what it was asked for is in "request", and it answers "answer"."""
    played: dict[str, Any] = {"answer": {"state": "success", "tasks": {"t": "success"}, "needs_docker": []}}

    class Tried:
        class image:  # noqa: N801
            tag = "image:tag"

        environment: dict[str, str] = {}  # noqa: RUF012
        task_memory = Memory(1024, "scheduler.memory")
        folders = {"dags": Path("/home/me/dags")}  # noqa: RUF012

    def answer(subject: Any, program: str, request: Any, *_: Any, **options: Any) -> Any:
        played.update(request=request, program=program, environment=subject.environment, **options)
        return played["answer"]

    monkeypatch.setattr(one_run, "subject", lambda *_: Tried())
    monkeypatch.setattr(one_run, "answer", answer)
    return played


def run(**options: Any) -> Any:
    return one_run.run(Path(), "local", "d", lambda _: None, print, **options)


def test_a_run(asked: dict[str, Any]) -> None:
    """Rule: date and configuration travel in the request; a failure is seen at once, without the stack's retries."""
    assert run(date="2026-01-31", conf='{"day": 1}') == {"t": "success"}
    assert asked["request"] == {"dag": "d", "date": "2026-01-31T00:00:00", "conf": {"day": 1}}
    assert asked["environment"]["AIRFLOW__CORE__DEFAULT_TASK_RETRIES"] == "0"


@pytest.mark.parametrize(
    ("options", "words"),
    [({"date": "yesterday"}, "--date 'yesterday'"), ({"conf": "{day: 1}"}, "--conf"), ({"conf": "[1]"}, "--conf")],
)
def test_bad_options(asked: dict[str, Any], options: dict[str, str], words: str) -> None:
    """Rule: they are refused, with an example, before there is a container."""
    with pytest.raises(OperationError, match=words):
        run(**options)
    assert "request" not in asked


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"state": "not found", "dags": ["a", "b"], "broken": 1}, ["The DAGs are: a, b", "dags check -s local"]),
        (
            {"state": "not found", "dags": ["a"], "broken": 1, "problems": [CRASH]},
            ["d can't be run", "/home/me/dags/x.py: error: the import ends the whole process"],
        ),
        ({"state": "not started", "problems": [CRASH]}, ["d was not run", "/home/me/dags/x.py: error: "]),
        ({"state": "not imported"}, ["can't be imported", "--variables FILE"]),
        ({"state": "failed", "tasks": {"a": "failed", "b": "success"}, "needs_docker": []}, ["Failed: a;"]),
        (
            {"state": "failed", "tasks": {"a[1]": "failed"}, "needs_docker": ["a", "b"]},
            ["There is no Docker", "a needs"],
        ),
    ],
)
def test_a_run_that_does_not_succeed(asked: dict[str, Any], answer: dict[str, Any], words: list[str]) -> None:
    """Rule: it is an error that says what failed and what to do."""
    asked["answer"] = answer
    with pytest.raises(OperationError) as error:
        run()
    for word in words:
        assert word in str(error.value)
