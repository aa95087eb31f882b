"""What RDS and ElastiCache put off to their maintenance window, and what is not deleted while it is in use."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from backends.aws.whole import CONFIGS, deploy

from aws.behind_mocks import in_moto
from aws.engine import CREDENTIALS
from aws.standin import StandIn
from aws.translate.kind import RefusedError

REGION = "eu-central-1"
INSTANCE = "aws:rds/instance:Instance"
GROUP = "aws:rds/parameterGroup:ParameterGroup"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
CACHE_GROUP = "aws:elasticache/parameterGroup:ParameterGroup"
CACHE_SUBNETS = "aws:elasticache/subnetGroup:SubnetGroup"


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


def cache(group: str, **changes: Any) -> dict[str, Any]:
    return {
        "replicationGroupId": "test-broker", "description": "test", "engine": "redis", "engineVersion": "7.1",
        "nodeType": "cache.t4g.micro", "numCacheClusters": 1, "parameterGroupName": group, "applyImmediately": True,
    } | changes  # fmt: skip


def cache_groups(standin: StandIn) -> list[str]:
    return [standin.create(CACHE_GROUP, family, {"name": f"test-{family}", "family": family})[0]
            for family in ("redis7", "valkey8")]  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"nodeType": "cache.m7g.large"}, {"engine": "valkey", "engineVersion": "8.0"}], ids=["size", "engine"]
)
def test_a_change_of_the_cache_waits_too(standin: StandIn, change: dict[str, Any]) -> None:
    """Rule: the same of ElastiCache: without applyImmediately a larger node or another engine comes in the window."""
    group, _ = cache_groups(standin)
    identifier, state = standin.create(CACHE, "test", cache(group))
    with pytest.raises(RefusedError, match=r"asked for .* AWS says "):
        standin.update(CACHE, identifier, state, cache(group, applyImmediately=False, **change))
    changed = standin.update(CACHE, identifier, state, cache(group, **change))
    assert {key: changed[key] for key in change} == change


def test_groups_of_a_cache_in_use_are_not_deleted(standin: StandIn) -> None:
    """Rule: after a change of engine that waits, the old parameter group stays; a subnet group as long as the cache."""
    old, new = cache_groups(standin)
    vpc = standin.aws.call("ec2", "create_vpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = standin.aws.call("ec2", "create_subnet", VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    subnets, _ = standin.create(CACHE_SUBNETS, "test", {"name": "test-subnets", "subnetIds": [subnet]})
    identifier, state = standin.create(CACHE, "test", cache(old, subnetGroupName=subnets))
    upgraded = {"engine": "valkey", "engineVersion": "8.0", "subnetGroupName": subnets}
    with pytest.raises(RefusedError, match="AWS says"):
        standin.update(CACHE, identifier, state, cache(new, applyImmediately=False, **upgraded))
    with pytest.raises(RefusedError, match=r"InvalidCacheParameterGroupState.*: test-redis7 is used by test-broker"):
        standin.delete(CACHE_GROUP, old, {})
    standin.update(CACHE, identifier, state, cache(new, **upgraded))
    standin.delete(CACHE_GROUP, old, {})
    with pytest.raises(RefusedError, match=r"CacheSubnetGroupInUse.*: test-subnets is used by test-broker"):
        standin.delete(CACHE_SUBNETS, subnets, {})


@pytest.mark.parametrize("name", ["default", "everything"])
def test_no_resource_waits_for_a_window(name: str) -> None:
    """Rule: of the kinds that know a window, each is told to change at once: what config says holds when an up ends."""
    made = deploy(CONFIGS[name]).resources
    windowed = [one for one in made if "apply_immediately" in parameters(one.type)]
    assert {one.type for one in windowed} == {INSTANCE, *([CACHE] if name == "everything" else [])}
    assert all(one.inputs["applyImmediately"] is True for one in windowed)


def parameters(type_: str) -> set[str]:
    """Of a resource of pulumi-aws."""
    if not (match := re.fullmatch(r"aws:([a-z0-9]+)/\w+:(\w+)", type_)):
        return set()
    resource = getattr(importlib.import_module(f"pulumi_aws.{match[1]}"), match[2])
    return set(inspect.signature(resource._internal_init).parameters)
