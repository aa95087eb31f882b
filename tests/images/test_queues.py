"""Queues that nobody serves: told by the policy, failed by the executor, and never a slot taken."""

from __future__ import annotations

import configparser
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime import queues
from airflow_stack_runtime.patches import unserved_queues

PYTHON = Path(queues.__file__).parents[1]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"AIRFLOW_STACK_QUEUES": ""}, ("default",)),
        ({"AIRFLOW_STACK_QUEUES": "default, gpu"}, ("default", "gpu")),
        ({"AIRFLOW_STACK_QUEUES": "", "AIRFLOW_STACK_OTHER_QUEUES": "far"}, ("default", "far")),
        ({"AIRFLOW_STACK_QUEUES": "", "AIRFLOW_STACK_OTHER_QUEUES": "*"}, None),
    ],
)
def test_queues_that_a_task_may_ask_for(environment: dict[str, str], expected: tuple[str, ...] | None) -> None:
    """Rule: the workers' own and other ones; where anything goes, or nobody knows, nothing is refused."""
    assert queues.served(environment) == expected
    assert queues.is_served("gpu", expected) is (expected is None or "gpu" in expected)
    assert queues.is_served(None, expected)


@pytest.fixture
def airflow(stand_in: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Airflow's executor and its hooks, as far as they are asked."""
    sent: list[tuple[str, Any]] = []

    class CeleryExecutor:
        def __init__(self) -> None:
            self.failed: list[tuple[str, str]] = []

        def queue_command(self, ti: Any, command: Any, priority: int = 1, queue: Any = None) -> None:  # noqa: ARG002
            sent.append((ti.key, queue))

        def try_adopt_task_instances(self, tis: list[Any]) -> list[Any]:
            sent.extend((ti.key, "adopted") for ti in tis)
            return []

        def fail(self, key: str, info: str) -> None:
            self.failed.append((key, info))

    class ViolationError(Exception):
        pass

    stand_in("airflow", __version__="2.10.2")
    stand_in("airflow.utils.file", _find_path_from_directory=lambda *_: iter(()))
    stand_in("airflow.providers.celery.executors.celery_executor", CeleryExecutor=CeleryExecutor)
    stand_in("airflow.policies", hookimpl=lambda **_: lambda function: function)
    stand_in("airflow.exceptions", AirflowClusterPolicyViolation=ViolationError)
    conf = SimpleNamespace(getboolean=lambda *_: False, get=lambda *_: "airflow.providers.fab.FabAuthManager")
    stand_in("airflow.configuration", conf=conf)
    monkeypatch.setenv(queues.SERVED, "")
    return SimpleNamespace(executor=CeleryExecutor, sent=sent, violation=ViolationError)


def test_the_executor_fails_what_nobody_would_take(airflow: SimpleNamespace) -> None:
    """Rule: with the reason and both keys in the task's log, and nothing in the broker."""
    unserved_queues.apply()
    executor = airflow.executor()
    executor.queue_command(SimpleNamespace(key="good"), [], queue="default")
    executor.queue_command(SimpleNamespace(key="bad"), [], queue="gpu")
    assert airflow.sent == [("good", "default")]
    ((key, info),) = executor.failed
    assert key == "bad"
    for word in ("'gpu'", "'default'", "worker.queues", "worker.other_queues"):
        assert word in info


def test_a_new_scheduler_adopts_nothing_of_an_unserved_queue(airflow: SimpleNamespace) -> None:
    """Rule: after config has dropped a queue, what was sent to it holds no slot; what is at work goes on."""
    unserved_queues.apply()
    waiting = [
        SimpleNamespace(key="good", queue="default", state="queued"),
        SimpleNamespace(key="bad", queue="gpu", state="queued"),
        SimpleNamespace(key="at-work", queue="gpu", state="running"),
    ]
    assert [ti.key for ti in airflow.executor().try_adopt_task_instances(waiting)] == ["bad"]
    assert airflow.sent == [("good", "adopted"), ("at-work", "adopted")]


@pytest.mark.parametrize("others", ["*", "gpu"])
def test_any_queue_can_be_allowed(airflow: SimpleNamespace, others: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: somebody else's workers may serve it; * is the switch."""
    monkeypatch.setenv(queues.OTHERS, others)
    unserved_queues.apply()
    airflow.executor().queue_command(SimpleNamespace(key="k"), [], queue="gpu")
    assert airflow.sent == [("k", "gpu")]


def test_the_policy_names_dag_task_and_queue(airflow: SimpleNamespace, fresh: Callable[[str], ModuleType]) -> None:
    """Rule: the import error says what to change; a task without a queue of its own passes."""
    policy = fresh("boot.policy")
    policy.task_policy(SimpleNamespace(dag_id="d", task_id="t", queue="default"))
    with pytest.raises(airflow.violation) as error:
        policy.task_policy(SimpleNamespace(dag_id="d", task_id="t", queue="gpu"))
    for word in ("DAG 'd'", "task 't'", "queue 'gpu'", "worker.queues"):
        assert word in str(error.value)


def test_an_id_that_permissions_cannot_have_is_refused(
    airflow: SimpleNamespace, fresh: Callable[[str], ModuleType]
) -> None:
    """Rule: a DAG that would never appear says why."""
    policy = fresh("boot.policy")
    policy.dag_policy(SimpleNamespace(dag_id="я" * 242))
    with pytest.raises(airflow.violation, match="243 characters"):
        policy.dag_policy(SimpleNamespace(dag_id="я" * 243))


def test_airflow_finds_the_policy() -> None:
    """Rule: as an entry point of this distribution, in every process, beside the user's airflow_local_settings."""
    parser = configparser.ConfigParser()
    parser.read(next(PYTHON.glob("*.dist-info")) / "entry_points.txt")
    (target,) = dict(parser["airflow.policy"]).values()
    assert (PYTHON / f"{target.replace('.', '/')}.py").is_file()
