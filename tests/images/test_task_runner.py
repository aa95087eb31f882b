"""task_runner.py: what a task's log says of a kill, and when it says nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime import memory
from airflow_stack_runtime.boot import cut_off
from airflow_stack_runtime.memory import Memory


class Standard:
    """As Airflow's, of a child that has ended."""

    code: int | None = None

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.log = SimpleNamespace(error=lambda text, *values: self.lines.append(text % values))

    def start(self) -> None:
        """Nothing is started."""

    def return_code(self, timeout: float = 0) -> int | None:  # noqa: ARG002
        return self.code

    def terminate(self) -> None:
        """Nothing is ended."""


@pytest.fixture
def ended(
    stand_in: Callable[..., ModuleType], fresh: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[list[str], list[dict[str, Any]]]]:
    """``ended(code, before, after, kills of neighbours)``: the log's lines, and what is recorded."""
    stand_in("airflow.task.task_runner.standard_task_runner", StandardTaskRunner=Standard)
    module = fresh("task_runner")
    monkeypatch.setenv("AIRFLOW_STACK_MEMORY_ADVICE", "raise airflow-stack:worker.memory to 1280 (now 640)")
    monkeypatch.delenv("AIRFLOW_STACK_MEMORY_LIMIT", raising=False)

    def run(
        code: int | None, before: Memory, after: Memory, of_neighbours: int = 0
    ) -> tuple[list[str], list[dict[str, Any]]]:
        runner = module.TaskRunner()
        monkeypatch.setattr(runner, "_recorded", lambda _: of_neighbours, raising=False)
        recorded: list[dict[str, Any]] = []
        monkeypatch.setattr(runner, "_record", recorded.append, raising=False)
        monkeypatch.setattr(memory, "read", lambda: before)
        runner.start()
        monkeypatch.setattr(memory, "read", lambda: after)
        runner.code = code
        assert runner.return_code() == code
        assert runner.return_code() == code
        return runner.lines, recorded

    return run


@pytest.mark.parametrize("process", [None, SimpleNamespace(is_running=lambda: False)], ids=["none", "ended"])
def test_nothing_is_said_of_a_task_that_has_ended(
    stand_in: Callable[..., ModuleType],
    fresh: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    process: Any,
) -> None:
    """Rule: a task is cut off while it runs; the worker's end says nothing of one that was over before."""
    stand_in("airflow.task.task_runner.standard_task_runner", StandardTaskRunner=Standard)
    runner = fresh("task_runner").TaskRunner()
    monkeypatch.setattr(cut_off, "reason", lambda: "the worker stops")
    runner.process = process
    runner.terminate()
    assert runner.lines == []


def test_a_kill_is_told_once_with_limit_use_and_advice(ended: Any) -> None:
    """Rule: one line, with the key and a value; recorded once."""
    lines, recorded = ended(-9, Memory(640, 300, 2), Memory(640, 640, 3))
    (line,) = lines
    assert line.startswith("Killed by the kernel for memory: the limit of ")
    assert "is 640 MiB, at the kill it used 640 MiB (the task itself " in line
    assert line.endswith("; raise airflow-stack:worker.memory to 1280 (now 640)")
    assert [(kill["limit"], kill["used"]) for kill in recorded] == [(640, 640)]


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        (0, 0, 1),  # a neighbour's
        (None, 0, 1),
        (1, 1, 1),
        (100, 0, 1),  # a neighbour's, while this one begins to wait in the triggerer
        (-9, 1, 1),  # by a person
    ],
)
def test_what_was_not_killed_for_memory_is_not_said_to_be(
    ended: Any, code: int | None, before: int, after: int
) -> None:
    """Rule: return code and counter have to agree."""
    assert ended(code, Memory(640, 640, before), Memory(640, 640, after)) == ([], [])


@pytest.mark.parametrize(("of_neighbours", "named"), [(0, 1), (1, 0)])
def test_a_process_that_the_task_has_started(ended: Any, of_neighbours: int, named: int) -> None:
    """Rule: a task whose own command was killed fails by itself: told as that, and by name, however small it was.

    A neighbour's kill counts in the same container, and is recorded as the neighbour's.
    """
    (line,), recorded = ended(1, Memory(640, 300, 0), Memory(640, 640, 1), of_neighbours)
    assert "the kernel killed a process of this container for memory, likely one that the task had started" in line
    assert len(recorded) == named


def test_a_full_machine_is_not_the_workers_limit(ended: Any) -> None:
    """Rule: where the worker was far from its limit, raising it would not help."""
    (line,), _ = ended(-9, Memory(640, 300, 0), Memory(640, 320, 1))
    assert "the whole machine's memory was used up: give Docker more" in line
    assert "raise" not in line


def test_a_cgroup_that_cant_be_read(ended: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: where nobody counts kills, -9 is told as what it may be, with the limit that the environment has."""
    monkeypatch.setenv("AIRFLOW_STACK_MEMORY_LIMIT", "2048")
    (line,), recorded = ended(-9, Memory(None, None, None), Memory(None, None, None))
    assert "is 2048 MiB" in line
    assert "If it was for memory: raise" in line
    assert len(recorded) == 1
