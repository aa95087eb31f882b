"""cut_off.py and task_runner.py: a worker that is stopped ends its tasks in good order, and says why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime.boot import cut_off
from airflow_stack_runtime.boot.cut_off import CutOff


class Worker:
    """Tasks that end at their second, or when they are told to, and a clock."""

    def __init__(self, path: Path, timeout: float, *, ends: float = 1e9, obeys: bool = True) -> None:
        """One task; the worker is told to stop at second 0."""
        self.now, self.ends, self.obeys = 0.0, ends, obeys
        self.done: list[tuple[float, str]] = []
        self.path = path
        self.cut_off = CutOff(timeout, self.supervisors, self.told, path, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    def supervisors(self) -> dict[int, Callable[[bool], None]]:
        """Of the task, while it is at work."""
        return {7: self.end} if self.now < self.ends else {}

    def end(self, hard: bool) -> None:
        """What SIGTERM and SIGKILL do."""
        self.done.append((round(self.now, 1), "killed" if hard else "told to end"))
        if hard or self.obeys:
            self.ends = self.now

    def told(self, said: str) -> None:
        """The event log."""
        self.done.append((round(self.now, 1), said))


def test_a_task_is_told_to_end_shortly_before_the_worker_is_killed(tmp_path: Path) -> None:
    """Rule: it has nearly all of the time, the reason is known before it ends, and nothing is killed."""
    worker = Worker(tmp_path / "reason", 120)
    worker.cut_off.run()
    said = "the worker was stopped and gave it 105 s (airflow-stack:worker.stop_timeout: 120)"
    assert worker.done == [(105.0, said), (105.0, "told to end")]
    assert cut_off.reason(worker.path) == said


def test_a_task_that_does_not_listen_is_killed_before_the_worker_is(tmp_path: Path) -> None:
    """Rule: its supervisor has seconds left in which it says so."""
    worker = Worker(tmp_path / "reason", 10, obeys=False)
    worker.cut_off.run()
    assert [entry for entry in worker.done if "end" in entry[1] or "kill" in entry[1]] == [
        (5.0, "told to end"), (8.0, "killed"),
    ]  # fmt: skip


@pytest.mark.parametrize("ends", [0.0, 60.0])
def test_a_task_that_ends_in_time_is_not_cut_off(tmp_path: Path, ends: float) -> None:
    """Rule: nothing is said, and an idle worker waits for nothing."""
    worker = Worker(tmp_path / "reason", 120, ends=ends)
    worker.cut_off.run()
    assert worker.done == []
    assert worker.now < ends + 1
    assert cut_off.reason(worker.path) == ""


def test_a_database_that_is_away_does_not_keep_a_task_from_its_end(tmp_path: Path) -> None:
    """Rule: the event log is the least of it."""
    worker = Worker(tmp_path / "reason", 20)

    def fail(_: str) -> None:
        raise RuntimeError("no database")

    worker.cut_off._told = fail
    worker.cut_off.run()
    assert worker.done == [(10.0, "told to end")]


@pytest.mark.parametrize("timeout", [10, 20, 30, 120, 86_400])
def test_whatever_the_timeout_the_order_holds(timeout: float) -> None:
    """Rule: tasks have half of the time at least, and their end some seconds."""
    told, killed = cut_off.schedule(timeout)
    assert timeout / 2 <= told < killed < timeout
    assert timeout - killed >= 2


def test_an_earlier_lifes_reason_is_forgotten(tmp_path: Path) -> None:
    """Rule: a container that starts again ends no task for the stop before."""
    path = tmp_path / "reason"
    path.write_text("old")
    Worker(path, 120)
    assert cut_off.reason(path) == ""


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["airflow task supervisor: ['airflow', 'tasks', 'run', 'a', 'b', 'c', '--local']"], True),
        (["/usr/bin/python3", "/bin/airflow", "tasks", "run", "a", "b", "c", "--local"], True),
        (["airflow task runner: a b c 7"], False),
        (["/usr/bin/python3", "/bin/airflow", "tasks", "run", "a", "b", "c", "--raw"], False),
        (["gunicorn: master [airflow.utils.serve_logs:app]"], False),
        ([], False),
    ],
)
def test_what_looks_after_a_task(command: list[str], expected: bool) -> None:
    """Rule: the supervisor is told, whichever way it was started; never the task, never the log server."""
    assert cut_off.is_supervisor(command) is expected


def test_only_a_worker_of_the_stack_does_so(signals: SimpleNamespace, monkeypatch: pytest.MonkeyPatch,
                                            tmp_path: Path) -> None:  # fmt: skip
    """Rule: it begins with the worker's shutdown, and without the variable not at all."""
    monkeypatch.setattr(cut_off, "REASON", tmp_path / "reason")
    cut_off.connect({})
    assert signals.worker_shutting_down.receivers == []
    begun: list[float] = []

    class Recorded:
        """Begins."""

        def __init__(self, timeout: float, *_: Any) -> None:
            self.timeout = timeout

        def begin(self) -> None:
            begun.append(self.timeout)

    monkeypatch.setattr(cut_off, "CutOff", Recorded)
    cut_off.connect({"AIRFLOW_STACK_STOP_TIMEOUT": "33"})
    signals.worker_shutting_down.send()
    assert begun == []
    signals.worker_init.send()
    signals.worker_shutting_down.send()
    assert begun == [33.0]


class StandardTaskRunner:
    """As Airflow's, as much of it as is used."""

    log = logging.getLogger("test_cut_off")

    def __init__(self, task: SimpleNamespace, code: int) -> None:
        self._task_instance, self._code = task, code
        self._rc: int | None = None
        self.process: Any = SimpleNamespace(is_running=lambda: True)

    def terminate(self) -> None:
        self._rc, self.process = self._code, None
        self.log.info("Sending 15 to group")


@pytest.mark.parametrize(
    ("retries", "code", "said"),
    [
        (0, 143, ["cut off: stopped; it fails, since it has no retries left.", "Sending 15 to group"]),
        (2, 143, ["cut off: stopped; it is tried again, retries left: 2.", "Sending 15 to group"]),
        (0, -9, ["cut off: stopped; it fails, since it has no retries left.", "Sending 15 to group",
                 "It did not end for SIGTERM, so it was killed: memory has nothing to do with it."]),
    ],
)  # fmt: skip
def test_the_log_of_the_task_says_why(stand_in: Callable[..., ModuleType], fresh: Callable[[str], ModuleType],
                                      monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, retries: int,
                                      code: int, said: list[str]) -> None:  # fmt: skip
    """Rule: once, before its processes are ended, with what becomes of it."""
    stand_in("airflow.task.task_runner.standard_task_runner", StandardTaskRunner=StandardTaskRunner)
    runner = fresh("task_runner")
    monkeypatch.setattr(cut_off, "reason", lambda: "stopped")
    caplog.set_level(logging.INFO)
    made = runner.TaskRunner(SimpleNamespace(max_tries=retries, try_number=1), code)
    made.terminate()
    assert [record.message for record in caplog.records] == said
    made.terminate()
    assert [record.message for record in caplog.records] == [*said, "Sending 15 to group"]


def test_a_task_that_is_ended_for_another_reason_is_not_cut_off(
    stand_in: Callable[..., ModuleType], fresh: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Rule: one that somebody has marked as failed, for example."""
    stand_in("airflow.task.task_runner.standard_task_runner", StandardTaskRunner=StandardTaskRunner)
    monkeypatch.setattr(cut_off, "reason", lambda: "")
    caplog.set_level(logging.INFO)
    fresh("task_runner").TaskRunner(SimpleNamespace(max_tries=0, try_number=1), -9).terminate()
    assert [record.message for record in caplog.records] == ["Sending 15 to group"]
