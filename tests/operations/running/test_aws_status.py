"""`status` of a stack on AWS, from ECS, CloudWatch, RDS and SQS as moto has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.ecs.models import ecs_backends

from airflow_stack.operations.running.interface import Work
from operations.running.conftest import REGION, ROLES, Prod


def moto_service(role: str) -> Any:
    return ecs_backends["123456789012"][REGION].services[f"airflow:airflow-{role}"]


def roles(prod: Prod) -> dict[str, Any]:
    return {one.role: one for one in prod.find().status()}


def test_a_stack_that_is_well(prod: Prod) -> None:
    """Rule: every service is there with its revision, counts and start, and nothing to say."""
    found = roles(prod)
    assert set(ROLES) <= set(found)
    worker = found["worker"]
    assert (worker.desired, worker.running, worker.healthy, worker.version) == (1, 1, 1, "airflow-worker:1")
    assert worker.since is not None
    assert worker.detail == ""
    assert worker.good
    assert prod.find().urls() == {"Airflow": prod.outputs["url"]}


def test_a_failing_health_check_is_not_healthy(prod: Prod) -> None:
    """Rule: a task that runs and whose health check fails does not count, and the role says so."""
    prod.unhealthy.add("scheduler")
    found = roles(prod)["scheduler"]
    assert (found.running, found.healthy, found.good) == (1, 0, False)
    assert found.detail == "its health check has not passed"


def test_a_task_that_does_not_start_has_the_services_own_reason(prod: Prod) -> None:
    """Rule: fewer than desired: the last event of the service is the detail."""
    service = moto_service("triggerer")
    service.running_count = 0
    service.events = [{"id": "1", "createdAt": datetime.now(UTC), "message": "was unable to place a task: no capacity"}]
    found = roles(prod)["triggerer"]
    assert not found.good
    assert found.detail == "was unable to place a task: no capacity"


@pytest.mark.parametrize(
    ("state", "count", "said"),
    [("FAILED", 1, "rolling out airflow-webserver:1 failed: tasks failed to start"), ("IN_PROGRESS", 2, "rolling out")],
)
def test_a_rollout_is_seen(prod: Prod, state: str, count: int, said: str) -> None:
    """Rule: a rollout that has failed, and one under way, are not well, however healthy the old tasks are."""
    service = moto_service("webserver")
    first = service.deployments[0] | {"rolloutState": state, "rolloutStateReason": "tasks failed to start"}
    service.deployments = [first, *([first | {"status": "ACTIVE"}] * (count - 1))]
    found = roles(prod)["webserver"]
    assert said in found.detail
    assert not found.good


def test_tasks_come_from_the_publishers_metrics(prod: Prod) -> None:
    """Rule: the figures are those that the publisher sends, by its own names; none where it has sent none."""
    assert prod.find().work() is None
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[3] / "images/airflow/runtime/python"))
    try:
        from airflow_stack_runtime.verbs.publish import Settings, metrics
    finally:
        sys.path.pop(0)
    given = Settings("airflow", "airflow-worker", "airflow-stack/airflow", 16, 30, ("default",))
    data = metrics(queued=7, running=3, workers=1, given=given)
    prod.client("cloudwatch").put_metric_data(Namespace=given.namespace, MetricData=data)
    assert prod.find().work() == Work(running=3, queued=7)


def test_tasks_killed_for_memory_come_from_the_workers_log(prod: Prod) -> None:
    """Rule: told with the key of the size on AWS and a size that Fargate has; over where the size has grown since,
    and after a day."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[3] / "images/airflow/runtime/python"))
    try:
        from airflow_stack_runtime.verbs.publish import Settings, metrics
    finally:
        sys.path.pop(0)
    given = Settings("airflow", "airflow-worker", "airflow-stack/airflow", 16, 30, ("default",))
    data = metrics(queued=0, running=1, workers=1, given=given)
    prod.client("cloudwatch").put_metric_data(Namespace=given.namespace, MetricData=data)
    kill = {"dag": "d", "task": "t", "run": "r", "try": 1, "host": "10.0.0.7", "limit": 2048, "used": None,
            "task_mib": 1500, "slots": 4}  # fmt: skip
    now = int(datetime.now(UTC).timestamp() * 1000)
    smaller = json.dumps(kill | {"limit": 1024})
    before = now - 25 * 60 * 60 * 1000
    prod.log("worker", (before, f"killed for memory: {json.dumps(kill)}"), (now - 2000, "another line"),
             (now - 1000, f"killed for memory: {json.dumps(kill)}"), (now, f"killed for memory: {smaller}"),
             (now, "killed for memory: no JSON"))  # fmt: skip
    work = prod.find().work()
    assert work is not None
    (found,) = work.kills
    assert (found.what, found.where) == ("d.t, run r, try 1", "10.0.0.7")
    assert str(found.advice).startswith("raise airflow-stack:target.worker.memory to 4096 (now 2048), or lower")


def test_database_and_broker_where_they_can_be_seen(prod: Prod) -> None:
    """Rule: RDS and SQS are rows like the others; what is not there, or may not be looked at, fails nothing."""
    assert "database" not in roles(prod)
    prod.client("rds").create_db_instance(
        DBInstanceIdentifier="airflow-database", DBInstanceClass="db.t4g.micro", Engine="postgres", EngineVersion="16.4"
    )
    queue = prod.client("sqs").create_queue(QueueName="airflow-tasks-1")["QueueUrl"]
    prod.client("sqs").send_message(QueueUrl=queue, MessageBody="{}")
    found = roles(prod)
    assert (found["database"].version, found["database"].good) == ("postgres 16.4", True)
    assert (found["broker"].version, found["broker"].good) == ("sqs, 1 waiting", True)


def test_a_service_that_is_gone_is_a_sentence(prod: Prod, errors: Any) -> None:
    """Rule: deleted behind Pulumi's back: said, with what brings it back."""
    prod.client("ecs").delete_service(cluster="airflow", service="airflow-worker", force=True)
    assert errors(prod.find().status) == (
        "worker: there is no such service in airflow.\nBring it back: pulumi up --refresh"
    )
