"""The rollout of a stack on AWS: what is waited for, what is deployed again, and which task definitions stay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_stack.errors import OperationError
from airflow_stack.operations import rollout

NETWORK = {"subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg"], "assignPublicIp": "DISABLED"}
SHARES = [{"capacityProvider": "FARGATE", "base": 1, "weight": 2}]


def asked(role: str) -> dict[str, Any]:
    return {
        "service": f"airflow-{role}",
        "taskDefinition": f"arn:aws:ecs:eu-central-1:123456789012:task-definition/airflow-{role}:7",
        "networkConfiguration": {"awsvpcConfiguration": NETWORK},
        "capacityProviderStrategy": SHARES,
    }


INPUTS: dict[str, Any] = {
    "region": "eu-central-1",
    "cluster": "airflow",
    "stack": "prod",
    "services": json.dumps({role: asked(role) for role in ("scheduler", "worker")}),
    "unwaited": ["worker"],
}


class Ecs:
    """ECS, as it looks from one look to the next."""

    def __init__(self) -> None:
        self.deployments: dict[str, list[dict[str, Any]]] = {
            role: [self.deployment(role)] for role in ("scheduler", "worker")
        }
        self.next: list[dict[str, Any]] = []
        """What becomes of the scheduler's deployment, from the second look on."""
        self.deployed: list[dict[str, Any]] = []
        self.active = [f"airflow-worker:{number}" for number in range(12, 0, -1)]
        self.looks = 0

    def deployment(self, role: str, **known: Any) -> dict[str, Any]:
        return {
            "id": "ours",
            "status": "PRIMARY",
            "rolloutState": "COMPLETED",
            "taskDefinition": asked(role)["taskDefinition"],
            "networkConfiguration": {"awsvpcConfiguration": NETWORK | {"subnets": ["subnet-b", "subnet-a"]}},
            "capacityProviderStrategy": SHARES,
        } | known

    def describe_services(self, cluster: str, services: list[str]) -> Any:
        assert cluster == "airflow"
        if self.looks and self.next:
            self.deployments["scheduler"] = [self.next.pop(0)]
        self.looks += 1
        return {
            "services": [
                {"serviceName": f"airflow-{role}", "deployments": found, "events": [{"message": "the last event"}]}
                for role, found in self.deployments.items()
                if f"airflow-{role}" in services
            ]
        }

    def update_service(self, cluster: str, **change: Any) -> Any:
        assert cluster == "airflow"
        assert change.pop("forceNewDeployment")
        self.deployed.append(change)
        role = change["service"].removeprefix("airflow-")
        self.deployments[role] = [self.deployment(role, id="again")]
        return {"service": {"deployments": self.deployments[role]}}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_task_definitions"
        return self

    def paginate(self, familyPrefix: str, status: str, sort: str) -> Any:  # noqa: N803 - AWS's names
        assert (familyPrefix, status, sort) == ("airflow-worker", "ACTIVE", "DESC")
        return [{"taskDefinitionArns": self.active[:5]}, {"taskDefinitionArns": self.active[5:]}]

    def deregister_task_definition(self, taskDefinition: str) -> None:  # noqa: N803
        self.active = [one for one in self.active if one != taskDefinition]


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> Ecs:
    found = Ecs()
    monkeypatch.setattr(rollout, "client", lambda *_: found)
    monkeypatch.setattr(rollout, "INTERVAL", 0)
    return found


def test_what_runs_is_left_alone(ecs: Ecs) -> None:
    """Rule: the order of subnets means nothing, and a deployment that is complete is not made again."""
    rollout.settle(INPUTS)
    assert ecs.deployed == []


def test_a_base_that_is_not_said_is_none(ecs: Ecs) -> None:
    """Rule: ECS may leave out a base of 0, which is what was asked for."""
    spot = {"capacityProvider": "FARGATE_SPOT", "weight": 1}
    services = {"worker": asked("worker") | {"capacityProviderStrategy": [spot | {"base": 0}]}}
    ecs.deployments["worker"] = [ecs.deployment("worker", capacityProviderStrategy=[spot])]
    rollout.settle(INPUTS | {"services": json.dumps(services)})
    assert ecs.deployed == []


@pytest.mark.parametrize("role", ["scheduler", "worker"])
@pytest.mark.parametrize(
    "found",
    [
        {"rolloutState": "FAILED"},
        {"taskDefinition": "arn:aws:ecs:eu-central-1:123456789012:task-definition/airflow-scheduler:6"},
        {"networkConfiguration": {"awsvpcConfiguration": NETWORK | {"securityGroups": ["another"]}}},
        {"networkConfiguration": {"awsvpcConfiguration": NETWORK | {"assignPublicIp": "ENABLED"}}},
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]},
    ],
    ids=["failed", "definition", "group", "address", "capacity"],
)
def test_what_does_not_run_is_deployed_again(ecs: Ecs, role: str, found: dict[str, Any]) -> None:
    """Rule: after a failure Pulumi has nothing to change; what ECS has rolled back, or given up, is asked for again."""
    ecs.deployments[role] = [ecs.deployment(role, **found)]
    rollout.settle(INPUTS)
    assert ecs.deployed == [asked(role)]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ({"rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start"}, "tasks failed to start"),
        ({"id": "the-one-before"}, "ECS has rolled it back: the last event"),
    ],
    ids=["failed", "rolled back"],
)
def test_a_failure_is_said(ecs: Ecs, end: dict[str, Any], reason: str) -> None:
    """Rule: why, where the log is, and the command that tries again; the services of a failure keep their revisions."""
    under_way = ecs.deployment("scheduler", rolloutState="IN_PROGRESS")
    ecs.deployments["scheduler"], ecs.next = [under_way], [under_way, ecs.deployment("scheduler", **end)]
    with pytest.raises(OperationError) as caught:
        rollout.settle(INPUTS)
    said = str(caught.value)
    assert said.startswith(f"the new scheduler did not start: {reason}\n")
    assert "airflow-stack logs -s prod scheduler" in said
    assert said.endswith("pulumi up --stack prod")
    assert len(ecs.active) == 12


def test_it_waits_for_those_that_it_should(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a worker's deployment may be under way for hours; of the others none may, beyond half an hour."""
    ecs.deployments["worker"] = [ecs.deployment("worker", rolloutState="IN_PROGRESS")]
    under_way = ecs.deployment("scheduler", rolloutState="IN_PROGRESS")
    ecs.deployments["scheduler"], ecs.next = [under_way], [under_way, under_way, ecs.deployment("scheduler")]
    rollout.settle(INPUTS)
    assert ecs.looks == 4
    ecs.deployments["scheduler"] = [under_way]
    monkeypatch.setattr(rollout, "TIMEOUT", 0.0)
    with pytest.raises(OperationError, match="the new scheduler did not start: it is still under way after 0 min"):
        rollout.settle(INPUTS)


def test_a_service_that_is_gone(ecs: Ecs) -> None:
    """Rule: one that somebody has deleted is named, with what brings it back."""
    del ecs.deployments["worker"]
    with pytest.raises(OperationError, match=r"worker: there is no such service(.|\n)*pulumi up --refresh"):
        rollout.settle(INPUTS)


def test_revisions_to_go_back_to(ecs: Ecs) -> None:
    """Rule: ten revisions of the workers stay, the newest; a destroy deregisters them all."""
    rollout.settle(INPUTS)
    assert ecs.active == [f"airflow-worker:{number}" for number in range(12, 2, -1)]
    rollout.forget(INPUTS)
    assert ecs.active == []
