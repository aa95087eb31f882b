"""Database and broker of a stack on AWS, and what its publisher says of the tasks."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.backends.aws.plan.metrics import QUEUED, RUNNING
from airflow_stack.backends.aws.plan.servers import Cache, DatabasePlan, Queues
from airflow_stack.operations.aws_client import client
from airflow_stack.operations.running.interface import RoleStatus, Work

# The publisher sends every half minute; older figures are of a time when it ran.
FRESH = timedelta(minutes=5)


def status(plan: AwsPlan) -> list[RoleStatus]:
    """Those of the two that are the stack's own and that the caller may look at: the services are what matters."""
    from botocore.exceptions import ClientError

    found: list[RoleStatus] = []
    for server in (plan.database, plan.broker):
        with suppress(ClientError):
            match server:
                case DatabasePlan():
                    found.append(_database(server, plan.region))
                case Queues():
                    found.append(_queue(server, plan.region))
                case Cache():
                    found.append(_cache(server, plan.region))
    return found


def work(plan: AwsPlan, cluster: str, worker: str) -> Work | None:
    """The youngest pair of figures; None where the publisher, a part of the scheduler's task, has sent none lately."""
    cloudwatch = client("cloudwatch", plan.region)
    dimensions = [
        {"Name": "ClusterName", "Value": cluster.rpartition("/")[2]},
        {"Name": "ServiceName", "Value": worker.rpartition("/")[2]},
    ]
    # The minute that has begun counts too.
    end = datetime.now(UTC) + timedelta(minutes=1)
    values = {}
    for name in (RUNNING, QUEUED):
        points: list[dict[str, Any]] = cloudwatch.get_metric_statistics(
            Namespace=plan.watching.namespace, MetricName=name, Dimensions=dimensions, StartTime=end - FRESH,
            EndTime=end, Period=60, Statistics=["Maximum"],
        )["Datapoints"]  # fmt: skip
        if not points:
            return None
        values[name] = int(max(points, key=lambda point: point["Timestamp"])["Maximum"])
    return Work(running=values[RUNNING], queued=values[QUEUED])


def _database(planned: DatabasePlan, region: str) -> RoleStatus:
    rds = client("rds", region)
    instance = rds.describe_db_instances(DBInstanceIdentifier=planned.identifier)["DBInstances"][0]
    version = f"{instance['Engine']} {instance['EngineVersion']}"
    return _server("database", instance["DBInstanceStatus"], version, instance.get("InstanceCreateTime"))


def _cache(planned: Cache, region: str) -> RoleStatus:
    groups = client("elasticache", region).describe_replication_groups(ReplicationGroupId=planned.identifier)
    group = groups["ReplicationGroups"][0]
    return _server("broker", group["Status"], group.get("Engine", "elasticache"), None)


def _queue(planned: Queues, region: str) -> RoleStatus:
    sqs = client("sqs", region)
    urls = sqs.list_queues(QueueNamePrefix=planned.tasks).get("QueueUrls", [])
    if not urls:
        return _server("broker", "gone", "sqs", None)
    keys = ["ApproximateNumberOfMessages", "CreatedTimestamp"]
    known = sqs.get_queue_attributes(QueueUrl=urls[0], AttributeNames=keys)["Attributes"]
    made = datetime.fromtimestamp(float(known["CreatedTimestamp"]), UTC)
    return _server("broker", "available", f"sqs, {known['ApproximateNumberOfMessages']} waiting", made)


def _server(role: str, state: str, version: str, since: datetime | None) -> RoleStatus:
    good = state == "available"
    return RoleStatus(role, 1, int(state != "gone"), int(good), version, since, "" if good else f"it is {state}")
