"""What RDS puts off to its maintenance window, and what the provider makes anew: both are the stand-in's to know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aws.behind_mocks import in_moto
from aws.engine import CREDENTIALS
from aws.standin import StandIn
from aws.translate.kind import RefusedError

REGION = "eu-central-1"
INSTANCE = "aws:rds/instance:Instance"
GROUP = "aws:rds/parameterGroup:ParameterGroup"
SERVICE = "aws:ecs/service:Service"


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with in_moto(REGION):
        yield StandIn(REGION)


def instance(group: str, **changes: Any) -> dict[str, Any]:
    return {
        "identifier": "test", "engine": "postgres", "engineVersion": "16", "instanceClass": "db.t4g.micro",
        "allocatedStorage": 20, "username": "airflow", "password": "of-a-test", "parameterGroupName": group,
        "skipFinalSnapshot": True, "applyImmediately": True,
    } | changes  # fmt: skip


def groups(standin: StandIn) -> list[str]:
    return [standin.create(GROUP, name, {"name": name, "family": family})[0]
            for name, family in (("old", "postgres16"), ("new", "postgres17"))]  # fmt: skip


def test_a_change_that_waits_for_the_window_is_no_change(standin: StandIn) -> None:
    """Rule: without applyImmediately AWS says the old size, and the update is red; with it, the new one."""
    old, _ = groups(standin)
    identifier, state = standin.create(INSTANCE, "test", instance(old))
    larger = instance(old, instanceClass="db.t4g.large")
    with pytest.raises(RefusedError, match=r"asked for .*db.t4g.large.*, AWS says .*db.t4g.micro"):
        standin.update(INSTANCE, identifier, state, larger | {"applyImmediately": False})
    assert standin.update(INSTANCE, identifier, state, larger)["instanceClass"] == "db.t4g.large"


def test_a_group_in_use_is_not_deleted(standin: StandIn) -> None:
    """Rule: after a major upgrade that waits for its window the old group stays in use, and is not deleted."""
    old, new = groups(standin)
    identifier, state = standin.create(INSTANCE, "test", instance(old))
    upgraded = instance(new, engineVersion="17", allowMajorVersionUpgrade=True)
    standin.update(INSTANCE, identifier, state, upgraded | {"applyImmediately": False})
    with pytest.raises(RefusedError, match="InvalidDBParameterGroupState: old is used by test"):
        standin.delete(GROUP, old, {})
    standin.update(INSTANCE, identifier, state, upgraded)
    standin.delete(GROUP, old, {})


def test_what_makes_a_service_anew() -> None:
    """Rule: of hashicorp/terraform-provider-aws, internal/service/ecs/service.go: ForceNew, and no other property."""
    olds = {"name": "a", "cluster": "c", "launchType": "FARGATE", "schedulingStrategy": "REPLICA", "iamRole": "r",
            "enableEcsManagedTags": False, "propagateTags": "NONE", "platformVersion": "1.4.0",
            "taskDefinition": "t:1", "availabilityZoneRebalancing": "DISABLED"}  # fmt: skip
    changed = {key: True if value is False else "another" for key, value in olds.items()}
    found = StandIn(REGION).difference(SERVICE, olds, changed)
    assert found.replacing == ["cluster", "iamRole", "launchType", "name", "schedulingStrategy"]
    assert found.changed == sorted(olds)


def test_another_capacity_needs_a_forced_deployment() -> None:
    """Rule: capacityProviderStrategyCustomizeDiff: an error without forceNewDeployment, an update with it."""
    olds, news = ({"capacityProviderStrategies": [{"capacityProvider": one}]} for one in ("FARGATE", "FARGATE_SPOT"))
    with pytest.raises(RefusedError, match="force_new_deployment should be true"):
        StandIn(REGION).difference(SERVICE, olds, news)
    found = StandIn(REGION).difference(SERVICE, olds, news | {"forceNewDeployment": True})
    assert found.replacing == []
