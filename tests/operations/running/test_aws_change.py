"""`scale`, `restart` and what stops Airflow, on AWS; services and their bounds are moto's."""

from __future__ import annotations

import time
from typing import Any

import pytest
from moto.ecs.models import ecs_backends

from airflow_stack.errors import OperationError
from airflow_stack.operations.running import aws_services
from operations.running.conftest import REGION, Prod


def moto_service(role: str) -> Any:
    return ecs_backends["123456789012"][REGION].services[f"airflow:airflow-{role}"]


@pytest.mark.parametrize(("count", "bounds"), [(3, (3, 5)), (0, (0, 5)), (8, (8, 8))])
def test_workers_are_scaled_within_the_autoscalers_bounds(prod: Prod, count: int, bounds: tuple[int, int]) -> None:
    """Rule: the number is what there is now and the least from now on; the most goes up where it is less."""
    prod.find().scale("worker", count, prod.said.append)
    assert prod.counts()["worker"] == count
    assert prod.bounds() == bounds
    assert f"the autoscaler keeps worker between {bounds[0]} and {bounds[1]}, and adds when tasks wait" in prod.said
    assert "airflow-stack:target.worker.min makes it last" in prod.said[-1]


def test_a_service_without_bounds_is_scaled_alone(prod: Prod) -> None:
    """Rule: the autoscaler hears of those alone that it has; nobody else changes."""
    prod.find().scale("triggerer", 2, prod.said.append)
    assert prod.counts() == {"scheduler": 1, "triggerer": 2, "webserver": 1, "worker": 1}
    assert prod.bounds() == (1, 5)
    assert "airflow-stack:target.triggerer.count makes it last" in prod.said[-1]


def test_bad_counts_and_roles_change_nothing(prod: Prod, errors: Any) -> None:
    """Rule: one sentence, before AWS is asked."""
    before = prod.counts()
    stack = prod.find()
    assert errors(stack.scale, "scheduler", 21, print).startswith("scheduler can be 20 at most, and not 21.")
    assert errors(stack.scale, "wroker", 2, print) == (
        "stack 'prod' has no role 'wroker'. Did you mean worker?\nIt has: scheduler, triggerer, webserver, worker"
    )
    assert prod.counts() == before


def test_scaling_waits_until_the_tasks_are_healthy(prod: Prod, errors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: tasks that run and fail their health checks are not what was asked for."""
    prod.unhealthy.add("triggerer")
    monkeypatch.setattr(aws_services, "TIMEOUT", 0)
    assert errors(prod.find().scale, "triggerer", 2, print).startswith("triggerer has not settled after 0 min")


def rollout(monkeypatch: pytest.MonkeyPatch, *states: dict[str, Any]) -> None:
    """What ECS says of our deployment, from one look to the next: moto's never moves on."""
    real, left = aws_services.Services.describe, list(states)

    def describe(services: aws_services.Services, roles: Any) -> Any:
        (role,) = roles
        if left:
            moto_service(role).deployments[0].update(left.pop(0))
        return real(services, roles)

    monkeypatch.setattr(aws_services.Services, "describe", describe)


def test_a_restart_rolls_the_service_to_its_end(prod: Prod, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a new deployment, waited for until ECS calls it complete."""
    before = moto_service("webserver").deployments[0]["id"]
    rollout(
        monkeypatch, {"rolloutState": "IN_PROGRESS"}, {"rolloutState": "IN_PROGRESS"}, {"rolloutState": "COMPLETED"}
    )
    looks: list[str] = []
    monkeypatch.setattr(time, "sleep", lambda _: looks.append("slept"))
    prod.find().restart("webserver", prod.said.append)
    assert moto_service("webserver").deployments[0]["id"] != before
    assert looks == ["slept", "slept"]


@pytest.mark.parametrize(
    "end",
    [
        {"rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start"},
        {"id": "ecs-svc/the-one-before", "rolloutState": "COMPLETED"},
    ],
    ids=["failed", "rolled back"],
)
def test_a_restart_that_fails_says_so(
    prod: Prod, monkeypatch: pytest.MonkeyPatch, errors: Any, end: dict[str, Any]
) -> None:
    """Rule: the rollout's own reason, and where ECS has rolled back, the last event of the service."""
    moto_service("worker").events = [{"id": "1", "message": "(service airflow-worker) rolling back to the one before"}]
    rollout(monkeypatch, {"rolloutState": "IN_PROGRESS"}, end)
    said = errors(prod.find().restart, "worker", prod.said.append)
    reason = end.get("rolloutStateReason", "(service airflow-worker) rolling back to the one before")
    assert said.startswith(f"the new worker did not start: {reason}\nWhat ran before runs on.")


def suspended(prod: Prod) -> dict[str, bool]:
    found = prod.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    return dict(found["ScalableTargets"][0].get("SuspendedState", {}))


@pytest.mark.parametrize("fails", [False, True])
def test_airflow_stops_and_comes_back(prod: Prod, fails: bool) -> None:
    """Rule: to zero with the autoscaler silenced, and back to what there was, also after an error in between."""
    stack = prod.find()
    stack.scale("worker", 3, prod.said.append)
    before = prod.counts()
    try:
        with stack.stop_airflow(prod.said.append):
            assert set(prod.counts().values()) == {0}
            assert all(suspended(prod).values())
            assert suspended(prod)
            if fails:
                raise OperationError("in between")
    except OperationError:
        assert fails
    assert prod.counts() == before
    assert prod.bounds() == (3, 5)
    assert not any(suspended(prod).values())
