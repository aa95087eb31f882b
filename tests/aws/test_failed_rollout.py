"""A rollout that fails: what `pulumi up` says, and that the next one deploys again though nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aws import rollouts
from aws.engine import CREDENTIALS, Finished
from aws.inventory import inventory, more
from aws.translate.kind import Aws
from aws.variants import CLOSED
from aws.whole import Whole, whole, with_target

pytestmark = pytest.mark.engine
SCHEDULER = "airflow-scheduler"


@pytest.fixture(autouse=True)
def _all_start() -> Iterator[None]:
    rollouts.reset()
    yield
    rollouts.reset()


@pytest.fixture
def stack(tmp_path: Path, moto: str, aws: Aws) -> Whole:  # noqa: ARG001 - a new AWS
    engine = whole(tmp_path, moto, CREDENTIALS)
    engine.describe(**CLOSED)
    return engine


def up(stack: Whole) -> Finished:
    return stack.run("up", "--yes", "--skip-preview", "--json")


def running(aws: Aws) -> str:
    """State of the scheduler's rollout, and the revision that it goes for."""
    (service,) = aws.call("ecs", "describe_services", cluster="airflow", services=[SCHEDULER])["services"]
    (deployment,) = service["deployments"]
    return f"{deployment['rolloutState']} {service['taskDefinition'].rpartition('/')[2]}"


def test_a_first_deployment_that_fails(stack: Whole, aws: Aws) -> None:
    """Rule: no `up` succeeds over a service that does not run: each deploys again, until one does, or fails again."""
    before = inventory(aws)
    rollouts.failing.add(SCHEDULER)
    for _ in range(2):
        rollouts.deployed.clear()
        failed = up(stack)
        assert failed.code != 0
        assert "the new scheduler did not start: tasks failed to start." in failed.said
        assert "airflow-stack logs -s prod scheduler" in failed.said
        assert SCHEDULER in rollouts.deployed
        assert running(aws) == "FAILED airflow-scheduler:1"
    rollouts.failing.clear()
    rollouts.deployed.clear()
    up(stack).check()
    assert rollouts.deployed == [SCHEDULER]
    assert running(aws) == "COMPLETED airflow-scheduler:1"
    assert stack.up() == {}
    stack.destroy()
    assert more(inventory(aws), before) == {}


def test_an_update_that_is_rolled_back(stack: Whole, aws: Aws) -> None:
    """Rule: after a rollback an unchanged `up` deploys again what config asks for, and a destroy works in between."""
    before = inventory(aws)
    up(stack).check()
    stack.describe(**with_target(CLOSED, scheduler={"cpu": 1024, "memory": 4096}))
    rollouts.failing.add(SCHEDULER)
    failed = up(stack)
    assert failed.code != 0
    assert "the new scheduler did not start" in failed.said
    assert running(aws) == "COMPLETED airflow-scheduler:1", "ECS has rolled back"
    rollouts.failing.clear()
    rollouts.deployed.clear()
    up(stack).check()
    assert rollouts.deployed == [SCHEDULER]
    assert running(aws) == "COMPLETED airflow-scheduler:2"
    rollouts.failing.add(SCHEDULER)
    stack.describe(**with_target(CLOSED, scheduler={"cpu": 512, "memory": 2048}))
    assert up(stack).code != 0
    stack.destroy()
    assert more(inventory(aws), before) == {}
