"""The doctor on a stack that is well, and on one that something real is wrong with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.session import Finished, poll
from e2e.stack import Stack, docker

SEEN_WITHIN = 120
BROKEN = "broken_for_the_doctor"
# Airflow reads no file that lacks one of the words dag and airflow.
TEXT = '"""A DAG of Airflow that cannot be imported."""\n\nimport no_such_module\n'

Findings = dict[str, dict[str, Any]]


def examine(stack: Stack) -> tuple[Finished, Findings]:
    """What the command says: its end, and its findings by what they are about."""
    result = stack.cli("doctor", "-s", stack.name, "--json")
    document = json.loads(result.output[result.output.index("{\n") :])
    return result, {finding["what"]: finding for group in document["groups"] for finding in group["findings"]}


def test_a_stack_that_is_well(composed: Stack) -> None:
    """Rule: nothing is missing, exit code 0, and every part of the stack has been looked at; no secret is shown."""
    poll("the stack is healthy", lambda: not composed.unhealthy(), SEEN_WITHIN)
    result, found = examine(composed)
    result.check()
    stack = {
        "Roles", "Clocks", "Metadata database", "Migrations", "Heartbeat of the scheduler",
        "Heartbeat of the triggerer", "Broker", "Tasks", "DAGs", "Memory", "Task logs",
    }  # fmt: skip
    assert {found[what]["state"] for what in stack} == {"ok"}
    assert "postgresql" in found["Metadata database"]["seen"]
    assert "at the head" in found["Migrations"]["seen"]
    assert "redis: 0 tasks wait" in found["Broker"]["seen"]
    assert str(composed.port) in found["Names and ports"]["seen"]
    text = composed.cli("doctor", "-s", composed.name).check().output
    assert "0 things to mend" in text or "all is well" in text
    for name, value in composed.secrets().items():
        if name.startswith("values/"):
            assert value not in text, name


@pytest.fixture
def broken_dag(composed: Stack) -> Iterator[Stack]:
    """A DAG file with an import error; gone, and forgotten by Airflow, after the test."""
    file = composed.program / "dags" / f"{BROKEN}.py"
    file.write_text(TEXT)
    query = "select count(*) from import_error where filename like '%' || :'name' || '.py'"

    def count() -> int:
        return int(composed.sql(query, name=BROKEN)[0][0])

    try:
        poll("the scheduler has seen the file", lambda: count() == 1, SEEN_WITHIN)
        yield composed
    finally:
        file.unlink()
        poll("the scheduler has forgotten the file", lambda: count() == 0, SEEN_WITHIN)


def test_a_dag_with_an_import_error(broken_dag: Stack) -> None:
    """Rule: file, line and error are told; the stack goes on, so it is a warning."""
    result, found = examine(broken_dag)
    result.check()
    error = found["DAG import error"]
    assert error["state"] == "warning"
    assert error["seen"] == f"{BROKEN}.py, line 3: ModuleNotFoundError: No module named 'no_such_module'"


@pytest.fixture
def stopped_scheduler(composed: Stack) -> Iterator[Stack]:
    """A stack whose scheduler a person has stopped; healthy again after the test."""
    docker("stop", composed.container("scheduler"))
    try:
        yield composed
    finally:
        docker("start", composed.container("scheduler"))
        poll("the scheduler is healthy", lambda: not composed.unhealthy(), SEEN_WITHIN)


def test_a_stopped_scheduler(stopped_scheduler: Stack) -> None:
    """Rule: it is missing, with what it costs; the rest of the stack is told all the same, and the command mends it."""
    result, found = examine(stopped_scheduler)
    assert result.code == 1
    scheduler = found["Scheduler"]
    assert (scheduler["state"], scheduler["cost"]) == ("missing", "no task is started")
    assert found["Heartbeat of the scheduler"]["state"] == "missing"
    assert found["Heartbeat of the triggerer"]["state"] == "ok"
    program, *arguments = scheduler["mend"].split()
    assert program == "airflow-stack"
    stopped_scheduler.cli(*arguments).check()
    poll("the scheduler is healthy", lambda: not stopped_scheduler.unhealthy(), SEEN_WITHIN)
    assert examine(stopped_scheduler)[1]["Heartbeat of the scheduler"]["state"] == "ok"


def test_docker_stopped(composed: Stack) -> None:
    """Rule: with no engine to ask, the machine is told, and the stack can't be; within seconds."""
    environment = composed.environment() | {"DOCKER_HOST": f"unix://{composed.program}/nobody.sock"}
    result = composed.run(composed.command("doctor", "-s", composed.name), environment)
    assert result.code == 1
    assert "Docker does not answer" in result.output
    assert "systemctl start docker" in result.output
    assert "Traceback" not in result.output
