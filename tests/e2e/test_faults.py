"""Whatever dies under a running DAG, its run ends well: nothing is lost, nothing done twice, everything comes back."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.session import poll
from e2e.stack import Stack, docker

TASKS = 40
HEALTHY_WITHIN = 180
ENDS_WITHIN = 420

# One run of the DAG for the faults of a line. The first comes when TASKS_BETWEEN tasks have ended, the next when twice
# as many have, and so on: at the last one, a quarter of the run is still to come, however fast the machine.
FAULTS = {
    "every-container-killed": (
        "kill worker-1",
        "kill scheduler",
        "kill triggerer",
        "kill redis",
        "kill webserver",
        "kill proxy",
        "kill docker-socket-proxy",
        "kill flower",
        "kill postgres",
        "kill worker-2",
    ),
    "data-stores-restarted": ("restart redis", "restart postgres"),
}
TASKS_BETWEEN = 3


def kill(stack: Stack, service: str) -> None:
    """Kill -9 of the container's first process: a crash. `docker kill` would count as a wish to have it stopped."""
    process = int(docker("inspect", "--format", "{{.State.Pid}}", stack.container(service)))
    assert process > 1
    os.kill(process, signal.SIGKILL)


def restart(stack: Stack, service: str) -> None:
    docker("restart", stack.container(service))


def ended_tasks(stack: Stack, run: str) -> int:
    """How many tasks have succeeded; -1 while the database is away."""
    query = "select count(*) from task_instance where run_id = :'run' and state = 'success'"
    try:
        return int(stack.sql(query, run=run)[0][0])
    except (AssertionError, IndexError, ValueError):
        return -1


@pytest.fixture(scope="module")
def _forty(_composed: None, shared: object) -> None:
    stack: Stack = shared.stack  # type: ignore[attr-defined]
    shutil.copy(Path(__file__).with_name("forty.py"), stack.program / "dags" / "forty.py")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may kill -9 the process of a container")
@pytest.mark.parametrize("run", FAULTS)
def test_a_dag_run_survives(composed: Stack, run: str, _forty: None) -> None:  # noqa: PT019
    """Each container is killed, and the data stores restarted, with forty tasks under way: all succeed, once each."""
    faults: dict[str, Callable[[Stack, str], None]] = {"kill": kill, "restart": restart}
    composed.api().trigger("forty", run)
    restarts = {service: entry["RestartCount"] for service, entry in composed.containers().items()}
    for number, fault in enumerate(FAULTS[run], start=1):
        verb, service = fault.split()
        reached = number * TASKS_BETWEEN
        done = poll(
            f"{reached} tasks have ended before: {fault}",
            lambda reached=reached: (ended := ended_tasks(composed, run)) >= reached and ended,  # type: ignore[misc]
            ENDS_WITHIN,
        )
        assert done < TASKS, f"the run was over before: {fault}"
        faults[verb](composed, service)

    poll("every container is healthy again", lambda: composed.unhealthy() == [], HEALTHY_WITHIN, interval=1)
    assert composed.api().wait("forty", run, ENDS_WITHIN) == "success"
    for fault in FAULTS[run]:
        verb, service = fault.split()
        if verb == "kill":
            assert composed.containers()[service]["RestartCount"] > restarts[service], f"{service} was not killed"

    states = composed.sql("select state, count(*) from task_instance where run_id = :'run' group by state", run=run)
    assert states == [["success", str(TASKS)]]
    successes = composed.sql(
        "select task_id, count(*) from log where dag_id = 'forty' and run_id = :'run' and event = 'success'"
        " group by task_id",
        run=run,
    )
    assert {name: int(count) for name, count in successes} == dict.fromkeys(
        (f"work_{row}_{column}" for row in range(8) for column in range(5)), 1
    )


# What the DAG processor does with a request of the scheduler's, of a task that was running: once patched as in the
# scheduler's container, once after the task has gone on to succeed.
STALE = """
import sys
from airflow_stack_runtime.patches import stale_callbacks
stale_callbacks.apply()
from airflow.callbacks.callback_requests import TaskCallbackRequest
from airflow.dag_processing.processor import DagFileProcessor
from airflow.models import TaskInstance
from airflow.models.taskinstance import SimpleTaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState

with create_session() as session:
    ti = session.query(TaskInstance).filter_by(dag_id="example_connection", run_id=sys.argv[1]).first()
    seen = SimpleTaskInstance.from_ti(ti)
    seen.state = TaskInstanceState(sys.argv[2])
    request = TaskCallbackRequest(full_filepath=seen.dag_id, simple_task_instance=seen, msg="a zombie")
    DagFileProcessor._execute_task_callbacks(None, request, False, session)
    print("state:", ti.state)
"""


def test_what_was_given_up_and_has_succeeded_is_not_run_again(composed: Stack) -> None:
    """Rule: a request to fail a task that was running changes nothing when it has succeeded; any other one does."""
    dag, run = "example_connection", "given-up"
    composed.api().trigger(dag, run)
    assert composed.api().wait(dag, run) == "success"
    assert "state: success" in composed.exec("scheduler", "python", "-c", STALE, run, "running")
    # The example has no retries: what fails has failed.
    assert "state: failed" in composed.exec("scheduler", "python", "-c", STALE, run, "success")
