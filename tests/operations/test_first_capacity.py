"""The first cluster of an account: its capacity providers are attached as soon as ECS's own role is there."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_stack.errors import OperationError
from airflow_stack.operations import first_capacity

INPUTS = {"region": "eu-central-1", "cluster": "arn:aws:ecs:eu-central-1:123456789012:cluster/airflow"}
TOO_EARLY = "Unable to assume the service linked role. Please verify that the ECS service linked role exists."


class Ecs:
    """Refuses so many times, with these words."""

    def __init__(self, times: int, message: str = TOO_EARLY) -> None:
        self.calls: list[dict[str, Any]] = []
        self._times, self._message = times, message

    def put_cluster_capacity_providers(self, **parameters: Any) -> None:
        self.calls.append(parameters)
        if len(self.calls) <= self._times:
            error = {"Error": {"Code": "InvalidParameterException", "Message": self._message}}
            raise ClientError(error, "PutClusterCapacityProviders")  # type: ignore[arg-type] # as botocore gives it


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which the attempts have slept."""
    slept = [0.0]

    def sleep(seconds: float) -> None:
        slept[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: slept[0])
    return slept


def attach(monkeypatch: pytest.MonkeyPatch, ecs: Ecs) -> None:
    monkeypatch.setattr(first_capacity, "client", lambda _service, _region: ecs)
    first_capacity.attach(INPUTS)


def test_a_role_that_is_seconds_old_is_waited_for(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    """Rule: what fails for want of the role is tried again, and ends with what the cluster shall have."""
    ecs = Ecs(times=3)
    attach(monkeypatch, ecs)
    assert clock[0] == 15
    assert len(ecs.calls) == 4
    assert ecs.calls[-1]["cluster"] == INPUTS["cluster"]
    assert ecs.calls[-1]["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]


def test_a_role_that_never_comes_is_said(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    """Rule: after three minutes, with the command that makes it."""
    with pytest.raises(OperationError, match=r"create-service-linked-role --aws-service-name ecs.amazonaws.com"):
        attach(monkeypatch, Ecs(times=1000))
    assert 180 < clock[0] < 200


def test_another_refusal_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    """Rule: what no time mends fails at once, in one sentence."""
    ecs = Ecs(times=1000, message="User is not authorized")
    with pytest.raises(OperationError):
        attach(monkeypatch, ecs)
    assert (len(ecs.calls), clock[0]) == (1, 0)
