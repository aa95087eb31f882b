"""FireLens in the rehearsal: what ECS would write, and which lines are missed in S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from airflow_stack.backends.aws.log_queries import COLUMNS, RECORDS
from airflow_stack.errors import OperationError
from airflow_stack.rehearsal import firelens, service_logs
from airflow_stack.rehearsal.cloud import Cloud

OPTIONS = {"Name": "kinesis_firehose", "delivery_stream": "logs", "region": "us-east-1"}
METADATA = {"ecs_cluster": "airflow"}
ROUTED = {"name": "scheduler", "logConfiguration": {"logDriver": "awsfirelens", "options": OPTIONS}}
NOT_ROUTED = {"name": "log-router", "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "x"}}}


def router(**options: str) -> dict[str, Any]:
    return {
        **NOT_ROUTED,
        "environment": [{"name": "A", "value": "b"}],
        "firelensConfiguration": {"type": "fluentbit", "options": options},
    }


@pytest.mark.parametrize(
    ("options", "added"),
    [({"enable-ecs-log-metadata": "true"}, METADATA), ({}, METADATA), ({"enable-ecs-log-metadata": "false"}, {})],
)
def test_the_router_is_told_where_lines_go(options: dict[str, str], added: dict[str, str]) -> None:
    """Rule: it has the options of each container whose lines it takes, of no other; the fields where wanted."""
    one = router(**options)
    configured = firelens.configured(one, [ROUTED, one], METADATA)
    environment = {entry["name"]: entry["value"] for entry in configured["environment"]}
    assert environment.pop("A") == "b"
    assert json.loads(environment[firelens.CONFIGURATION]) == {"outputs": {"scheduler": OPTIONS}, "metadata": added}


def test_docker_sends_lines_as_ecs_has_it() -> None:
    """Rule: the tag names container and task, by which the router knows them; Docker ends with a router or without."""
    made = firelens.log_config("scheduler", "scheduler-1", "10.0.0.2")
    assert made.type == "fluentd"
    assert made.config["tag"] == "scheduler-firelens-scheduler-1"
    assert made.config["fluentd-address"] == "tcp://10.0.0.2:24224"
    assert made.config["fluentd-async"] == "true"
    assert int(made.config["fluentd-max-retries"]) < 10


def record(**fields: str) -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "") | {"ecs_task_arn": "arn:x/worker-1", "container_name": "worker"} | fields


def test_a_line_counts_as_often_as_it_was_written() -> None:
    """Rule: neither another task's line, nor another container's, nor the same line once too few makes it complete."""
    found = [
        record(log="a"),
        record(log="b", ecs_task_arn="arn:x/worker-11"),
        record(log="c", container_name="cloudwatch-agent"),
        record(log="d"),
    ]
    assert service_logs.missing(["a", "a", "b", "c", "d", ""], found, "worker-1", "worker") == ["a", "b", "c"]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """moto's server."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield Cloud(f"http://{host}:{port}", "us-east-1")
    server.stop()


def test_records_are_those_of_the_table(cloud: Cloud) -> None:
    """Rule: all objects below the table's prefix are read, and a record without one of its columns is an error."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="logs")
    for number in range(2):
        lines = [json.dumps(record(log=f"{number} {part}")) for part in "ab"]
        s3.put_object(Bucket="logs", Key=f"{RECORDS}2024/01/01/{number}", Body="\n".join(lines).encode() + b"\n")
    s3.put_object(Bucket="logs", Key="task-logs/x", Body=b"no JSON")
    assert [one["log"] for one in service_logs.records(cloud, "logs")] == ["0 a", "0 b", "1 a", "1 b"]
    lacking = record()
    del lacking["source"]
    s3.put_object(Bucket="logs", Key=f"{RECORDS}2024/01/01/2", Body=json.dumps(lacking).encode())
    with pytest.raises(OperationError, match="lacks the columns source"):
        service_logs.records(cloud, "logs")
