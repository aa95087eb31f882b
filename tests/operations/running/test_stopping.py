"""stopping.py: what a verb says that stops containers with tasks."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_stack.errors import OperationError
from airflow_stack.operations.running import stopping
from airflow_stack.operations.running.stopping import Host

WORKER = Host("worker-1", "af-worker-1", 120)
SAID = "after 45 s: the worker was stopped and gave it 105 s (airflow-stack:worker.stop_timeout: 120)"


def task(name: str = "load", **change: Any) -> dict[str, Any]:
    """A task at work on the worker."""
    known = {
        "dag": "sales",
        "task": name,
        "run": "r1",
        "map_index": -1,
        "try": 1,
        "host": "af-worker-1",
        "seconds": 4.2,
    }
    return known | change


def cut(name: str = "load", **change: Any) -> dict[str, Any]:
    """A task that was cut off a second ago, without retries."""
    known = {"said": SAID, "age": 1.0, "state": "failed", "last_try": 1, "max_tries": 0}
    return task(name) | known | change


def said(before: Any, after: Any, hosts: tuple[Host, ...] = (WORKER,)) -> list[str]:
    """What is said around a stop."""
    answers = iter((before, after))
    lines: list[str] = []

    def ask() -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with stopping.watched(ask, hosts, lines.append):
        lines.append("-")
    return lines


def test_what_is_waited_for_and_what_was_cut_off() -> None:
    """Rule: dag, task, run, how long it ran, why it ended, and what happens to it next."""
    assert said({"running": [task()]}, {"running": [], "cut_off": [cut()]}) == [
        "worker-1 has 1 task: sales.load (run r1) since 4 s; waiting up to 120 s (airflow-stack:worker.stop_timeout)",
        "-",
        f"cut off: sales.load (run r1), {SAID}; it has failed, since it has no retries left",
    ]


def test_an_idle_worker_is_stopped_without_a_word() -> None:
    """Rule: tasks of others are none of its own; nobody is asked a second time."""
    assert said({"running": [task(host="af-worker-2")]}, RuntimeError("asked")) == ["-"]


def test_a_task_that_ended_well_is_not_named() -> None:
    """Rule: what was cut off an hour ago was told then."""
    assert said({"running": [task()]}, {"running": [], "cut_off": [cut(age=900.0)]})[2:] == []


def test_a_task_that_went_with_its_worker_is_named() -> None:
    """Rule: where the worker had no time to say so, as after `docker kill`."""
    lines = said({"running": [task(map_index=3)]}, {"running": [task(map_index=3)], "cut_off": []})
    assert lines[2:] == [
        "lost: sales.load (run r1, map index 3), was killed with worker-1; its try fails as soon as worker-1 is back,"
        " and within two minutes where it does not come back"
    ]


def test_a_stack_that_does_not_answer_is_stopped() -> None:
    """Rule: a database that is away keeps nobody from stopping a worker."""
    assert said(OperationError("no database"), {}) == ["-"]
    assert len(said({"running": [task()]}, OperationError("no database"))) == 2


@pytest.mark.parametrize(
    ("change", "then"),
    [
        ({"max_tries": 2, "state": "up_for_retry"}, "it is tried again, retries left: 2"),
        ({"max_tries": 2, "state": "running", "last_try": 2}, "it was tried again, and is running"),
        ({"state": "running"}, "it has failed, since it has no retries left"),
        ({"state": None, "last_try": None, "max_tries": None}, "it has been deleted since"),
        ({"state": None}, "it is cleared now"),
        ({"state": "success"}, "it is success now"),
    ],
)
def test_what_happens_next(change: dict[str, Any], then: str) -> None:
    """Rule: by the task's own retries and what became of it."""
    assert stopping.then(cut(**change)) == then


def test_a_long_list_is_a_number() -> None:
    """Rule: a few are named, all are counted."""
    text = stopping.counted([task(f"t{number}") for number in range(8)])
    assert text.startswith("8 tasks: sales.t0 (run r1) since 4 s, ")
    assert text.endswith(", 3 more")


def test_an_up_says_what_may_be_replaced_and_what_was() -> None:
    """Rule: nobody knows before which containers a tool replaces."""
    answers, lines = iter(({"running": [task()]}, {"cut_off": [cut()]})), list[str]()
    with stopping.replaced(lambda: next(answers), 60, lines.append):
        lines.append("-")
    assert lines[0] == (
        "1 task: sales.load (run r1) since 4 s; a worker that is replaced has up to 60 s for its own"
        " (airflow-stack:worker.stop_timeout)"
    )
    assert lines[2].startswith("cut off: sales.load (run r1), after 45 s")
