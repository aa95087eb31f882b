"""The cluster: capacity, insights, and who reads along in a shell."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_aws import ecs

from airflow_stack.backends.aws.cluster import Cluster
from airflow_stack.config import AwsConfig
from backends.aws.recorded import REGION, Recorded, config, planned, record, resolved

CLUSTER = "aws:ecs/cluster:Cluster"
CAPACITY = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"


def cluster(stack: AwsConfig) -> Cluster:
    return Cluster("airflow", REGION, planned(stack).cluster, attach="module:attach")


def recorded(**target: Any) -> Recorded:
    return record(lambda: cluster(config(target)))


def test_the_cluster_has_both_capacity_providers() -> None:
    """Rule: Fargate and Fargate Spot are attached; a task that names none runs on demand."""
    inputs = recorded().one(CAPACITY).inputs
    assert inputs["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert inputs["defaultCapacityProviderStrategies"] == [{"capacityProvider": "FARGATE", "weight": 1}]


def test_the_providers_wait_for_ecs_s_own_role() -> None:
    """Rule: what can fail in a new account is tried until it does not, before the provider tries it once."""
    made = recorded()
    first = made.one("pulumi-python:dynamic/airflow-stack:FirstCapacity")
    assert "airflow-cluster" in first.depends_on
    assert (first.inputs["function"], first.inputs["region"]) == ("module:attach", REGION)
    assert "airflow-first-capacity" in made.one(CAPACITY).depends_on


def test_container_insights_are_what_config_says() -> None:
    """Rule: off is written out too, so that the account's default does not decide what is paid."""
    for switch, value in ((False, "disabled"), (True, "enabled")):
        inputs = recorded(metrics={"container_insights": switch}).one(CLUSTER).inputs
        assert inputs["settings"] == [{"name": "containerInsights", "value": value}]
        assert inputs["name"] == "airflow"


def test_without_exec_there_is_nothing_of_it() -> None:
    """Rule: neither a log group nor a configuration of shells where nobody may open one."""
    made = recorded()
    assert "configuration" not in made.one(CLUSTER).inputs
    assert not made.of(LOG_GROUP)
    assert made.result.exec_log_group is None
    assert made.result.exec_log_group_arn is None


def test_exec_sessions_are_logged_and_expire() -> None:
    """Rule: ECS exec is logged in a group of its own, with the retention of config."""
    made = recorded(exec=True, logs={"retention_days": 60}, name="etl")
    group = made.one(LOG_GROUP).inputs
    assert (group["name"], group["retentionInDays"]) == ("/airflow-stack/etl/exec", 60)
    execute = made.one(CLUSTER).inputs["configuration"]["executeCommandConfiguration"]
    assert execute["logging"] == "OVERRIDE"
    assert execute["logConfiguration"] == {"cloudWatchLogGroupName": "/airflow-stack/etl/exec"}


def test_who_uses_the_cluster_waits_for_its_capacity() -> None:
    """Rule: a service is made after, and deleted before, the attachment of its capacity provider."""

    def reader() -> pulumi.ComponentResource:
        made = cluster(config())
        for purpose, value in (("arn", made.arn), ("name", made.cluster_name)):
            ecs.Service(f"by-{purpose}", cluster=value)
        return made

    for service in record(reader).of("aws:ecs/service:Service").values():
        assert "airflow-capacity" in service.depends_on


def test_the_attributes_are_the_clusters_own() -> None:
    """Rule: arn and cluster_name are plain names of the cluster."""
    assert resolved(lambda: cluster(config({"name": "etl"})).cluster_name) == "etl"
    assert resolved(lambda: cluster(config()).arn).endswith(":airflow-cluster")
