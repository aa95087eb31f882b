"""What the metadata database and the broker say, judged."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from config.rows import AWS

from airflow_stack.config import LocalConfig, parse
from airflow_stack.operations.doctor import airflow_facts
from airflow_stack.operations.doctor.finding import Finding, State

from .conftest import one

NOW = 1_800_000_000.0
NONE = {"count": 0, "oldest": None}
FACTS: dict[str, Any] = {
    "time": NOW,
    "database": {
        "kind": "postgresql", "version": "14.13", "connect_seconds": 0.01, "time": NOW, "size": 10 * 1024**2,
        "tables": {"log": 1024**2}, "revision": "22ed7efa9da2", "head": "22ed7efa9da2",
    },
    "tasks": {"running": {"count": 3, "oldest": 60.0}, "queued": NONE, "deferred": NONE, "scheduled": NONE},
    "jobs": [
        {"type": "SchedulerJob", "host": "a", "age": 2.0},
        {"type": "SchedulerJob", "host": "b", "age": 300.0},
        {"type": "TriggererJob", "host": "c", "age": 1.0},
    ],
    "abandoned": 0,
    "import_errors": {"count": 0, "files": []},
    "dags": {"active": 4, "paused": 1},
    "broker": {"kind": "redis", "queue": "default", "waiting": 2, "taken": 0},
}  # fmt: skip


def judge(asked: float = NOW - 0.5, answered: float = NOW + 0.5, **change: Any) -> list[Finding]:
    facts = copy.deepcopy(FACTS) | change
    return list(airflow_facts.judge(facts, LocalConfig(), "local", asked, answered))


def database(**change: Any) -> dict[str, Any]:
    return {**FACTS["database"], **change}


def test_a_stack_that_is_well() -> None:
    """Rule: nothing to mend where nothing is wrong; one dead scheduler beside a living one is history."""
    found = judge()
    assert {finding.state for finding in found} == {State.OK}
    assert one(found, "Tasks").seen == "3 running, 0 queued, 0 deferred; 8 slots"
    assert one(found, "Heartbeat of the scheduler").seen == "2 s ago"
    assert one(found, "Broker").seen == "redis: 2 tasks wait in queue 'default'"


@pytest.mark.parametrize(
    ("change", "what", "state", "words"),
    [
        ({"database": {"problem": "The database server db does not answer."}}, "Metadata database", State.MISSING,
         "does not answer"),
        ({"database": database(revision="aaaa")}, "Migrations", State.MISSING, "at aaaa, 22ed7efa9da2 is needed"),
        ({"database": database(revision=None)}, "Migrations", State.MISSING, "at none"),
        ({"database": database(size=6 * 1024**3)}, "Metadata database", State.WARNING, "log 1 MiB"),
        ({"database": database(connect_seconds=2.5)}, "Metadata database", State.WARNING, "reached in 2500 ms"),
        ({"database": database(time=NOW - 20)}, "Database's clock", State.WARNING, "20 s behind"),
        ({"time": NOW + 700}, "Containers' clock", State.MISSING, "ahead"),
        ({"jobs": []}, "Heartbeat of the scheduler", State.MISSING, "none is registered"),
        ({"jobs": FACTS["jobs"][1:]}, "Heartbeat of the scheduler", State.MISSING, "300 s ago"),
        ({"jobs": FACTS["jobs"][:1]}, "Heartbeat of the triggerer", State.MISSING, "none is registered"),
        ({"broker": {"kind": "redis", "problem": "Redis does not answer: [Errno 111]"}}, "Broker", State.MISSING,
         "does not answer"),
        ({"tasks": FACTS["tasks"] | {"queued": {"count": 5, "oldest": 900.0}}}, "Tasks", State.WARNING, "5 queued"),
        ({"abandoned": 2}, "Abandoned tasks", State.WARNING, "2 run without a heartbeat"),
    ],
)  # fmt: skip
def test_what_is_wrong(change: dict[str, Any], what: str, state: State, words: str) -> None:
    """Rule: each fault has its line, its price and its command."""
    found = one(judge(**change), what)
    assert found.state is state
    assert words in found.seen
    assert found.cost
    assert found.mend


CUT_OFF = {
    "dag": "sales", "task": "load", "run": "r1", "map_index": -1, "try": 1, "age": 60.0, "state": "failed",
    "last_try": 1, "max_tries": 0,
    "said": "after 400 s: the worker was stopped and gave it 105 s (airflow-stack:worker.stop_timeout: 120)",
}  # fmt: skip


def test_a_task_that_was_cut_off_is_named_with_a_timeout_that_fits() -> None:
    """Rule: dag, task, run, why and what became of it; the key, with more time than it has had."""
    found = one(judge(cut_off=[CUT_OFF, CUT_OFF | {"task": "other"}]), "Tasks cut off in the last hour")
    assert found.state is State.WARNING
    assert found.seen.startswith("sales.load (run r1), after 400 s: the worker was stopped")
    assert found.seen.endswith("it has failed, since it has no retries left; 1 more")
    assert found.mend == "airflow-stack init -s local --set worker.stop_timeout=800"
    assert judge(cut_off=[]) == judge()


@pytest.mark.parametrize(
    ("seconds", "mend"), [(60, "airflow-stack init -s prod --set worker.stop_timeout=120"), (120, "")]
)
def test_on_aws_a_worker_has_no_more_than_two_minutes(seconds: int, mend: str) -> None:
    """Rule: the advice goes up to what ECS allows, and no further."""
    worker = {"stop_timeout": seconds}
    config, _ = parse({"target": AWS, "worker": worker}, set(), "prod")
    facts = copy.deepcopy(FACTS) | {"cut_off": [CUT_OFF]}
    found = list(airflow_facts.judge(facts, config, "prod", NOW, NOW))
    assert one(found, "Tasks cut off in the last hour").mend == mend


def test_an_answer_that_took_its_time_is_no_skew() -> None:
    """Rule: a clock between the question and the answer is right as far as anybody knows."""
    assert {finding.state for finding in judge(asked=NOW - 60, answered=NOW + 60)} == {State.OK}


def test_waiting_for_a_slot_is_not_waiting_for_a_worker() -> None:
    """Rule: where all slots are taken, another worker mends it; where none is, the worker's log tells."""
    queued = {"queued": {"count": 5, "oldest": 900.0}}
    idle = one(judge(tasks=FACTS["tasks"] | queued), "Tasks")
    assert "no worker takes it" in idle.cost
    assert "logs" in idle.mend
    full = one(judge(tasks=FACTS["tasks"] | queued | {"running": {"count": 8, "oldest": 1.0}}), "Tasks")
    assert "all slots are taken" in full.cost
    assert "scale -s local worker=3" in full.mend


def test_import_errors() -> None:
    """Rule: file, line and error of the first ones, the number of the rest."""
    files = [{"file": f"/opt/airflow/dags/team/d{n}.py", "line": n, "error": f"ValueError: {n}"} for n in range(1, 9)]
    found = judge(import_errors={"count": 30, "files": files})
    errors = [finding for finding in found if finding.what == "DAG import error"]
    assert len(errors) == airflow_facts.TOLD
    assert errors[0].seen == "d1.py, line 1: ValueError: 1"
    assert errors[0].mend == "airflow-stack dags check -s local"
    assert one(found, "DAG import errors").seen == "25 more"


def test_all_paused_is_told() -> None:
    """Rule: a stack in which nothing runs since all is paused is well, and says why nothing runs."""
    found = one(judge(dags={"active": 2, "paused": 2}), "DAGs")
    assert found.state is State.OK
    assert "unpause" in found.seen


@pytest.mark.parametrize(("crashing", "verb"), [((), "restart"), (("triggerer",), "logs")])
def test_what_ends_again_and_again_is_not_restarted(crashing: tuple[str, ...], verb: str) -> None:
    """Rule: its log says why it does."""
    facts = FACTS | {"jobs": FACTS["jobs"][:1]}
    found = list(airflow_facts.judge(facts, LocalConfig(), "local", NOW, NOW, crashing))
    assert one(found, "Heartbeat of the triggerer").mend == f"airflow-stack {verb} -s local triggerer"
