"""DAGs that can't run, in a line each, and what is said of a role that ends again and again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_stack.backends.labels import SERVICE
from airflow_stack.config import LocalConfig
from airflow_stack.operations.doctor.roles import judge
from airflow_stack.operations.running import docker_containers, docker_status
from airflow_stack.operations.running.interface import RoleStatus
from airflow_stack.operations.running.troubles import troubles
from airflow_stack.releases import DEFAULT, RELEASES

TRACE = b"""INFO - starting
Traceback (most recent call last):
  File "dagrun.py", line 797, in update_state
TypeError: 'NoneType' object does not support the context manager protocol
INFO - Exited execute loop
"""


def test_each_trouble_names_the_dag_or_the_file() -> None:
    """Rule: and what to do, where something can be done; facts of an older image have none."""
    facts = {
        "refused": [
            {"file": "/opt/airflow/dags/q.py", "error": "AirflowClusterPolicyViolation: DAG 'd' asks for much."},
            {"file": "/opt/airflow/dags/h.py", "error": "ParsingEnded: it never ends"},
            {"file": "/opt/airflow/dags/t.py", "error": "AirflowDagDuplicatedIdException: DAG 'd' is in u.py too"},
        ],
        "unserved": [{"dag": "d", "task": "t", "queue": "gpu", "count": 3}],
        "without_pool": [{"dag": "d", "task": "t", "pool": "gone", "count": 1}],
        "blocking": [{"dag": "d", "task": "t", "what": "its trigger blocks all triggers"}],
        "passed_over": [{"dag": "d", "what": "RuntimeError: x"}],
    }
    lines = [str(one) for one in troubles(facts, LocalConfig())]
    assert lines[:3] == ["q.py: DAG 'd' asks for much", "h.py: it never ends", "t.py: DAG 'd' is in u.py too"]
    expected = ("worker.other_queues", "pool 'gone'", "its trigger blocks", "RuntimeError: x")
    for line, words in zip(lines[3:], expected, strict=True):
        assert line.startswith("DAG d")
        assert words in line
    assert list(troubles({}, LocalConfig())) == []
    assert [one.command for one in troubles(facts, LocalConfig())] == [
        *["dags check -s {stack}"] * 3,
        """init -s {stack} --set 'worker.queues=["default", "gpu"]' && airflow-stack up -s {stack}""",
        "airflow -s {stack} pools set gone 16 ''", "restart -s {stack} triggerer",
        "dags check -s {stack}",
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "number"), [(1, "it is sent"), (2, "2 of its instances are sent")])
def test_instances_are_counted_where_there_are_several(count: int, number: str) -> None:
    """Rule: one is not counted, two are."""
    (found,) = troubles({"unserved": [{"dag": "d", "task": "t", "queue": "gpu", "count": count}]}, LocalConfig())
    assert found.what.startswith(f"{number} to queue 'gpu'")


BIG = {"dag": "big", "count": 9970, "oldest": 500.0, "at_work": 8}
SMALL = {"dag": "small", "count": 1, "oldest": 95.0, "at_work": 0}


def test_a_dag_that_waits_names_the_one_that_has_the_slots() -> None:
    """Rule: with what gives it slots; eight are those of two workers."""
    (found,) = troubles({"waiting": [BIG, SMALL, SMALL | {"dag": "later", "oldest": 70.0}]}, LocalConfig())
    assert str(found).startswith(
        "DAG small: 1 of its tasks, and of 1 more DAGs wait for a slot since 95 s: all 8 are taken, 8 of them by DAG"
        " big."
    )
    assert found.command == "init -s {stack} --set worker.concurrency=6 && airflow-stack up -s {stack}"


def test_a_scheduler_that_is_behind_names_the_dag_that_keeps_it_busy() -> None:
    """Rule: where slots are free, it is no lack of slots."""
    (found,) = troubles({"waiting": [BIG | {"at_work": 6}, SMALL]}, LocalConfig())
    assert "since 95 s, and 2 of 8 are free: the scheduler is behind. DAG big has most of what waits, 9970" in str(
        found
    )
    assert found.command.startswith("logs ")


@pytest.mark.parametrize("waiting", [[BIG], [SMALL | {"oldest": 60.0}], [SMALL | {"at_work": 1}]])
def test_a_dag_with_a_task_at_work_waits_for_nobody_else(waiting: list[dict[str, Any]]) -> None:
    """Rule: nor does one that has waited for less than a minute."""
    assert list(troubles({"waiting": waiting}, LocalConfig())) == []


PARSING = {"last": 5.0, "interval": 10.0, "restarts": 0, "how": ""}


@pytest.mark.parametrize(
    ("change", "words", "command"),
    [
        ({}, "", ""),
        ({"last": None}, "", ""),
        ({"last": 310.0, "restarts": 2}, "", ""),
        ({"last": 660.0}, "DAG files: none was read for 11 min", "restart -s {stack} scheduler"),
        ({"restarts": 3, "how": "it stood still"}, "started anew 3 times in an hour: it stood still", "logs "),
    ],
)
def test_files_that_are_not_read_are_told(change: dict[str, Any], words: str, command: str) -> None:
    """Rule: for how long, and how often what reads them has ended; a few minutes and an accident are no fault."""
    found = list(troubles({"parsing": PARSING | change}, LocalConfig()))
    assert bool(found) is bool(words)
    for one in found:
        assert words in str(one)
        assert one.command.startswith(command)


@pytest.mark.parametrize(
    ("status", "health", "restarts", "expected"),
    [
        ("restarting", None, 1, True),
        ("running", "starting", 5, True),
        ("running", "healthy", 5, False),
        ("running", "starting", 1, False),
    ],
)
def test_what_ends_again_and_again(status: str, health: str | None, restarts: int, expected: bool) -> None:
    """Rule: also in the moment in which it runs."""
    state: dict[str, Any] = {"Status": status} | ({"Health": {"Status": health}} if health else {})
    container: Any = SimpleNamespace(attrs={"State": state, "RestartCount": restarts})
    assert docker_containers.crashes(container) is expected


def test_the_exception_that_it_ended_with_is_shown() -> None:
    """Rule: the last one of its log."""
    container: Any = SimpleNamespace(logs=lambda tail: TRACE)  # noqa: ARG005 - as docker-py calls it
    assert docker_containers.last_error(container) == (
        "TypeError: 'NoneType' object does not support the context manager protocol", "",
    )  # fmt: skip
    silent: Any = SimpleNamespace(logs=lambda tail: b"INFO - fine\n")  # noqa: ARG005
    assert docker_containers.last_error(silent) == ("", "")


def test_the_file_of_the_users_that_keeps_a_role_from_starting_is_named() -> None:
    """Rule: no restart helps before it is correct; of an older exception, nothing is said."""
    trace = b"""Traceback (most recent call last):
  File "/opt/airflow/dags/old.py", line 1, in <module>
ValueError: old
Traceback (most recent call last):
  File "/home/airflow/airflow/settings.py", line 650, in import_local_settings
  File "/opt/airflow/config/airflow_local_settings.py", line 3, in <module>
RuntimeError: no policy
"""
    attributes = {"State": {"Status": "restarting", "ExitCode": 1}, "RestartCount": 5}
    container: Any = SimpleNamespace(
        attrs=attributes,
        labels={SERVICE: "triggerer"},
        logs=lambda tail: trace,  # noqa: ARG005
    )
    assert docker_status._problem(container) == (
        "triggerer ends again and again, with exit code 1 (RuntimeError: no policy);"
        " correct config/airflow_local_settings.py, line 3, then restart it"
    )


def test_no_advice_to_start_what_ends_again_and_again() -> None:
    """Rule: a scheduler that crashes is not helped by `scale scheduler=1`; its log says why."""
    (found,) = judge(
        [RoleStatus("scheduler", 1, 0, 0, "1", None, "ends again and again", crashes=True)], RELEASES[DEFAULT], "local"
    )
    assert found.mend == "airflow-stack logs -s local scheduler"
