"""Database and broker of a stack on AWS, and what its publisher says of the tasks."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_stack.backends.aws.metrics import QUEUED, RUNNING, namespace
from airflow_stack.config import AwsConfig
from airflow_stack.operations.aws_client import client
from airflow_stack.operations.running.interface import RoleStatus, Work

# The publisher sends every half minute; older figures are of a time when it ran.
FRESH = timedelta(minutes=5)


def status(config: AwsConfig) -> list[RoleStatus]:
    """Those of the two that are the stack's own and that the caller may look at: the services are what matters."""
    from botocore.exceptions import ClientError

    found: list[RoleStatus] = []
    for known, look in (
        (config.database.kind == "rds", _database),
        (config.broker.kind == "sqs", _queue),
        (config.broker.kind == "elasticache", _cache),
    ):
        with suppress(ClientError):
            found += [look(config.target.name, config.target.region)] if known else []
    return found


def work(config: AwsConfig, cluster: str, worker: str) -> Work | None:
    """The youngest pair of figures; None where the publisher, a part of the scheduler's task, has sent none lately."""
    cloudwatch = client("cloudwatch", config.target.region)
    dimensions = [
        {"Name": "ClusterName", "Value": cluster.rpartition("/")[2]},
        {"Name": "ServiceName", "Value": worker.rpartition("/")[2]},
    ]
    # The minute that has begun counts too.
    end = datetime.now(UTC) + timedelta(minutes=1)
    values = {}
    for name in (RUNNING, QUEUED):
        points: list[dict[str, Any]] = cloudwatch.get_metric_statistics(
            Namespace=namespace(config.target.name), MetricName=name, Dimensions=dimensions, StartTime=end - FRESH,
            EndTime=end, Period=60, Statistics=["Maximum"],
        )["Datapoints"]  # fmt: skip
        if not points:
            return None
        values[name] = int(max(points, key=lambda point: point["Timestamp"])["Maximum"])
    return Work(running=values[RUNNING], queued=values[QUEUED])


def _database(name: str, region: str) -> RoleStatus:
    instance = client("rds", region).describe_db_instances(DBInstanceIdentifier=f"{name}-database")["DBInstances"][0]
    version = f"{instance['Engine']} {instance['EngineVersion']}"
    return _server("database", instance["DBInstanceStatus"], version, instance.get("InstanceCreateTime"))


def _cache(name: str, region: str) -> RoleStatus:
    groups = client("elasticache", region).describe_replication_groups(ReplicationGroupId=f"{name}-broker")
    group = groups["ReplicationGroups"][0]
    return _server("broker", group["Status"], group.get("Engine", "elasticache"), None)


def _queue(name: str, region: str) -> RoleStatus:
    sqs = client("sqs", region)
    urls = sqs.list_queues(QueueNamePrefix=f"{name}-tasks-").get("QueueUrls", [])
    if not urls:
        return _server("broker", "gone", "sqs", None)
    keys = ["ApproximateNumberOfMessages", "CreatedTimestamp"]
    known = sqs.get_queue_attributes(QueueUrl=urls[0], AttributeNames=keys)["Attributes"]
    made = datetime.fromtimestamp(float(known["CreatedTimestamp"]), UTC)
    return _server("broker", "available", f"sqs, {known['ApproximateNumberOfMessages']} waiting", made)


def _server(role: str, state: str, version: str, since: datetime | None) -> RoleStatus:
    good = state == "available"
    return RoleStatus(role, 1, int(state != "gone"), int(good), version, since, "" if good else f"it is {state}")
