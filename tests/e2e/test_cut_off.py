"""A worker that is stopped, or dies, amid a task: everybody is told, no slot is lost, and nothing runs twice."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from e2e.conftest import STOP_TIMEOUT
from e2e.session import poll
from e2e.stack import Stack, docker

AT_ONCE = 45
"""Seconds, on a machine at full load; a heartbeat's timeout is 120 by default."""


@pytest.fixture(scope="module", autouse=True)
def _lengthy(_composed: None, shared: object) -> None:
    stack: Stack = shared.stack  # type: ignore[attr-defined]
    shutil.copy(Path(__file__).with_name("lengthy.py"), stack.program / "dags" / "lengthy.py")


def states(stack: Stack, run: str) -> dict[str, str]:
    found = stack.sql("select task_id, map_index, state, try_number from task_instance where run_id = :'run'", run=run)
    return {f"{task}{'' if index == '-1' else index}": f"{state} {number}" for task, index, state, number in found}


def running(stack: Stack, run: str) -> int:
    return sum(state.startswith("running") for state in states(stack, run).values())


def begun(stack: Stack, run: str) -> dict[str, int]:
    """How often each task has begun, by Airflow's event log."""
    found = stack.sql(
        "select task_id, count(*) from log where run_id = :'run' and event = 'running' group by task_id", run=run
    )
    return {task: int(count) for task, count in found}


def log_of(stack: Stack, dag: str, run: str, task: str) -> str:
    return (stack.program / f"logs/dag_id={dag}/run_id={run}/task_id={task}/attempt=1.log").read_text()


def fills_eight_slots(stack: Stack, run: str) -> None:
    """Rule: every slot of the two workers is used, where there is work for it."""
    stack.api().trigger("eight", run)
    poll("eight tasks run side by side", lambda: running(stack, run) == 8, 120)
    enough(stack, run)
    assert stack.api().wait("eight", run, 180) == "success"


def enough(stack: Stack, run: str) -> None:
    """The tasks of this run of ``eight`` may end."""
    (stack.program / "logs" / f"enough-{run}").touch()


def test_a_task_that_is_cut_off_is_named_and_over_at_once(composed: Stack) -> None:
    """Rule: by the verb, its own log, status and doctor; it has failed or is tried again, by its own retries."""
    run = "restarted"
    composed.api().trigger("lengthy", run)
    poll("both tasks run", lambda: running(composed, run) == 2, 120)
    said = composed.cli("restart", "-s", composed.name, "worker").check().output
    key = f"(airflow-stack:worker.stop_timeout: {STOP_TIMEOUT})"
    reason = f"the worker was stopped and gave it {STOP_TIMEOUT / 2:.0f} s {key}"
    assert f"waiting up to {STOP_TIMEOUT} s" in said
    for task, then in (("once", "it has failed, since it has no retries left"), ("again", "it ")):
        assert f"lengthy.{task} (run {run}) since" in said
        told = next(
            line for line in said.splitlines() if line.startswith(f"cut off: lengthy.{task} (run {run}), after")
        )
        assert f"{reason}; {then}" in told
    poll("it is over", lambda: states(composed, run) == {"once": "failed 1", "again": "success 2"}, AT_ONCE)
    # The one without retries has begun once.
    assert begun(composed, run) == {"once": 1, "again": 2}
    assert f"cut off: {reason}; it fails, since it has no retries left." in log_of(composed, "lengthy", run, "once")
    assert f"cut off: {reason}; it is tried again, retries left: 1." in log_of(composed, "lengthy", run, "again")
    status = composed.cli("status", "-s", composed.name).check().output
    assert f"cut off: lengthy.once (run {run}), after" in status
    doctor = composed.cli("doctor", "-s", composed.name).output
    assert "Tasks cut off in the last hour" in doctor
    assert f"airflow-stack init -s {composed.name} --set worker.stop_timeout=" in doctor
    fills_eight_slots(composed, "after-a-restart")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may kill -9 the process of a container")
def test_the_slots_of_killed_workers_come_back(composed: Stack) -> None:
    """Rule: two workers killed with a task each: they fail when their worker is back, and all eight slots are used."""
    run = "killed"
    composed.api().trigger("lengthy", run)
    poll("both tasks run", lambda: running(composed, run) == 2, 120)
    for service in ("worker-1", "worker-2"):
        os.kill(int(docker("inspect", "--format", "{{.State.Pid}}", composed.container(service))), signal.SIGKILL)
    poll("it is over", lambda: states(composed, run) == {"once": "failed 1", "again": "success 2"}, 120)
    assert begun(composed, run) == {"once": 1, "again": 2}
    poll("the workers are healthy", lambda: composed.unhealthy() == [], 180, interval=1)
    fills_eight_slots(composed, "after-a-kill")


def test_what_never_began_is_sent_again_and_costs_no_try(composed: Stack) -> None:
    """Rule: messages lost with the broker: the tasks run, once each, without any retry."""
    run = "lost"
    enough(composed, run)
    workers = [composed.container(f"worker-{number}") for number in (1, 2)]
    docker("stop", *workers)
    try:
        composed.api().trigger("eight", run)
        poll("they are queued", lambda: list(states(composed, run).values()) == ["queued 1"] * 8, 60)
        poll("they are in the broker", lambda: waiting(composed) == 8, 60)
        composed.exec("redis", "sh", "-c", 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli DEL default')
        assert waiting(composed) == 0
    finally:
        docker("start", *workers)
    assert composed.api().wait("eight", run, 300) == "success"
    assert set(states(composed, run).values()) == {"success 1"}
    assert begun(composed, run) == {"one": 8}
    events = composed.sql("select distinct event from log where run_id = :'run' and event like '%queued%'", run=run)
    assert events == [["stuck in queued reschedule"]]
    poll("the workers are healthy", lambda: composed.unhealthy() == [], 180, interval=1)


def waiting(stack: Stack) -> int:
    command = 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli LLEN default'
    return int(stack.exec("redis", "sh", "-c", command).split()[-1])
