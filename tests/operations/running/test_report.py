"""What is shown of a running stack, and what a user may write."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_stack.operations.running import report
from airflow_stack.operations.running.interface import Completed, RoleStatus, Work, answer, known_role

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
ROLES = [
    RoleStatus("scheduler", 1, 1, 1, "2.10.2-1", NOW - timedelta(minutes=3)),
    RoleStatus("worker", 2, 1, 0, "2.10.2-1", NOW - timedelta(days=2, hours=3), "worker-2 is exited"),
    RoleStatus("triggerer", 0, 0, 0, "2.10.2-1", None),
]


def test_the_table_says_what_is_wrong() -> None:
    """Rule: a line a role with counts, age, version and trouble; then tasks and addresses."""
    lines = report.table(ROLES, Work(2, 5), {"Airflow": "http://localhost:8080"}, NOW).splitlines()
    assert [line.split() for line in lines] == [
        ["ROLE", "HEALTHY", "SINCE", "VERSION"],
        ["scheduler", "1/1", "3", "min", "2.10.2-1"],
        ["worker", "0/2", "2", "d", "2.10.2-1", "worker-2", "is", "exited"],
        ["triggerer", "0/0", "-", "2.10.2-1"],
        [],
        ["tasks:", "2", "running,", "5", "queued"],
        ["Airflow:", "http://localhost:8080"],
    ]
    assert "trouble:  DAG d: why" in report.table(ROLES, Work(2, 5, troubles=("DAG d: why",)), {}, NOW)
    assert "tasks:    unknown" in report.table(ROLES, None, {}, NOW)


def test_tasks_that_were_cut_off_are_named() -> None:
    """Rule: below the number of tasks at work; a script reads the same lines."""
    work = Work(0, 0, ("cut off: sales.load (run r1)",))
    assert "queued\ncut off: sales.load (run r1)\n" in report.table(ROLES, work, {"Airflow": "x"}, NOW)
    assert report.document("local", ROLES, work, {})["tasks"]["cut_off"] == ["cut off: sales.load (run r1)"]


def test_more_than_asked_for_are_counted() -> None:
    """Rule: a role of which more run than are wanted, as while one is replaced, shows it."""
    shown = report.table([RoleStatus("worker", 1, 2, 2, "1", NOW)], None, {}, NOW)
    assert "2/1, 2 run" in shown


def test_the_document_is_json_and_says_whether_all_is_well() -> None:
    """Rule: what a script reads is JSON with ISO times, and one key tells."""
    document = json.loads(json.dumps(report.document("local", ROLES, Work(2, 5), {})))
    assert document["healthy"] is False
    assert document["tasks"] == {"running": 2, "queued": 5, "cut_off": [], "troubles": []}
    assert [role["good"] for role in document["roles"]] == [True, False, True]
    assert document["roles"][0]["since"] == "2024-05-01T11:57:00+00:00"
    assert report.document("local", ROLES[:1], None, {})["healthy"] is True


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("10m", NOW - timedelta(minutes=10)),
        ("2h", NOW - timedelta(hours=2)),
        ("1d", NOW - timedelta(days=1)),
        ("2024-05-01T11:00+00:00", NOW - timedelta(hours=1)),
        ("2024-05-01T13:00+02:00", NOW - timedelta(hours=1)),
    ],
)
def test_a_moment_is_read(text: str, moment: datetime) -> None:
    """Rule: a time back, or ISO with its zone."""
    assert report.since(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "10 m", "-5m", "10w", ""])
def test_no_moment_is_said(text: str, errors: Any) -> None:
    """Rule: what it is not, and two examples."""
    assert "like 10m, 2h or 1d" in errors(report.since, text, NOW)


def test_counts_are_read() -> None:
    """Rule: several roles at once, zero too."""
    assert report.counts(["worker=4", "triggerer=0"]) == {"worker": 4, "triggerer": 0}


@pytest.mark.parametrize("words", [["worker"], ["worker="], ["worker=-1"], ["=2"], ["worker=two"], ["w=1", "w=2"]])
def test_no_count_is_said(words: list[str], errors: Any) -> None:
    """Rule: nothing is changed by a word that is no count, nor by two for one role."""
    assert errors(report.counts, words).endswith("Nothing was changed.")


def test_instances_keep_their_colors() -> None:
    """Rule: the same for the same, another for another, and no end of them."""
    known: dict[str, str] = {}
    first = [report.color(f"worker-{number}", known) for number in range(12)]
    assert [report.color(f"worker-{number}", known) for number in range(12)] == first
    assert len(set(first[:8])) == 8


def test_an_answer_is_the_last_marked_line() -> None:
    """Rule: whatever else a program prints."""
    printed = 'a line\nairflow-stack-result: {"a": 1}\nairflow-stack-result: {"a": 2}\nanother\n'
    assert answer(["facts"], Completed(0, printed), printed.splitlines()) == {"a": 2}


@pytest.mark.parametrize(
    ("completed", "said"),
    [
        (Completed(1, 'airflow-stack-result: {"a": 1}\n'), "facts ended with exit code 1.\n  | no database"),
        (Completed(0, "nothing\n"), "facts gave no answer.\n  | no database"),
    ],
)
def test_no_answer_is_said(completed: Completed, said: str, errors: Any) -> None:
    """Rule: a failed program's answer is none; its last lines are in the error."""
    assert errors(answer, ["/opt/airflow-stack/bin/facts"], completed, ["no database"]) == said


def test_an_unknown_role_meets_those_that_exist(errors: Any) -> None:
    """Rule: the nearest name where there is one, and all names."""
    roles = ("scheduler", "worker")
    assert known_role("worker", roles, "local") == "worker"
    assert errors(known_role, "workers", roles, "local") == (
        "stack 'local' has no role 'workers'. Did you mean worker?\nIt has: scheduler, worker"
    )
    assert "Did you mean" not in errors(known_role, "xyz", roles, "local")
