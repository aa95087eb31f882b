"""A stack on AWS as moto has it, and the outputs that lead to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from airflow_stack.errors import OperationError
from airflow_stack.operations.running import aws_logs, aws_services, aws_stack

REGION = "eu-central-1"
ROLES = ("scheduler", "triggerer", "webserver", "worker")
PROD = """
config:
  airflow-stack:target:
    {{kind: aws, region: eu-central-1, load_balancer: {{allowed_cidrs: [203.0.113.0/24], plain_http: true}}{more}}}
"""


@dataclass
class Prod:
    """The stack ``prod``: its program's directory, its outputs, and what moto has no notion of."""

    program: Path
    outputs: dict[str, Any]
    said: list[str] = field(default_factory=list)
    unhealthy: set[str] = field(default_factory=set)
    """Roles whose health checks fail."""

    def client(self, service: str) -> Any:
        any_client: Any = boto3.client
        return any_client(service, region_name=REGION)

    def configure(self, more: str) -> None:
        """Add to ``target``: ``exec: true``."""
        (self.program / "Pulumi.prod.yaml").write_text(PROD.format(more=f", {more}" if more else ""))

    def find(self) -> aws_stack.AwsStack:
        from airflow_stack.operations.running import find

        found = find(self.program, "prod")
        assert isinstance(found, aws_stack.AwsStack)
        return found

    def service(self, role: str) -> dict[str, Any]:
        answer = self.client("ecs").describe_services(cluster="airflow", services=[f"airflow-{role}"])
        return dict(answer["services"][0])

    def counts(self) -> dict[str, int]:
        return {role: self.service(role)["desiredCount"] for role in ROLES}

    def bounds(self) -> tuple[int, int]:
        """Of the workers."""
        found = self.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
        (one,) = found["ScalableTargets"]
        return one["MinCapacity"], one["MaxCapacity"]

    def log(self, role: str, *lines: tuple[int, str], task: str = "3f2a9c01aaaa") -> None:
        """Lines with their times, in milliseconds since 1970."""
        logs, group, stream = self.client("logs"), f"/airflow-stack/airflow/{role}", f"{role}/{role}/{task}"
        if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": moment, "message": text} for moment, text in lines]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


@pytest.fixture
def prod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prod]:
    """Four services with one task each, workers between 1 and 5, and a log group a role."""
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    monkeypatch.setenv("MOTO_ECS_SERVICE_RUNNING", "1")
    monkeypatch.setattr(aws_services, "INTERVAL", 0)
    monkeypatch.setattr(aws_logs, "INTERVAL", 0)
    with mock_aws():
        stack = Prod(tmp_path, _make())
        stack.configure("")
        monkeypatch.setattr(aws_stack, "outputs", lambda *_: stack.outputs)

        # Moto's services run no tasks: here each has as many as it counts.
        def tasks(services: aws_services.Services, role: str) -> list[dict[str, Any]]:
            health = "UNHEALTHY" if role in stack.unhealthy else "HEALTHY"
            found = services.describe([role])[role]
            task = {
                "taskArn": f"arn:aws:ecs:{REGION}:123456789012:task/airflow/3f2a9c01",
                "clusterArn": found["clusterArn"],
                "lastStatus": "RUNNING",
                "healthStatus": health,
                "startedAt": found["deployments"][0]["createdAt"],
                "containers": [{"name": "cloudwatch-agent"}, {"name": role, "runtimeId": "3f2a9c01-7"}],
            }
            return [task] * found["runningCount"]

        monkeypatch.setattr(aws_services.Services, "tasks", tasks)
        yield stack


def _make() -> dict[str, Any]:
    ecs, logs = boto3.client("ecs", region_name=REGION), boto3.client("logs", region_name=REGION)
    ecs.create_cluster(clusterName="airflow")
    for role in (*ROLES, "one-off"):
        logs.create_log_group(logGroupName=f"/airflow-stack/airflow/{role}")
        ecs.register_task_definition(
            family=f"airflow-{role}", containerDefinitions=[{"name": role, "image": "airflow", "memory": 512}]
        )
    for role in ROLES:
        ecs.create_service(
            cluster="airflow", serviceName=f"airflow-{role}", desiredCount=1, taskDefinition=f"airflow-{role}"
        )
    boto3.client("application-autoscaling", region_name=REGION).register_scalable_target(
        ServiceNamespace="ecs", ResourceId="service/airflow/airflow-worker",
        ScalableDimension="ecs:service:DesiredCount", MinCapacity=1, MaxCapacity=5,
    )  # fmt: skip
    return {
        "region": REGION,
        "cluster": "airflow",
        "url": "http://airflow-1.eu-central-1.elb.amazonaws.com",
        "services": {role: f"airflow-{role}" for role in ROLES},
        "task_definitions": {"one-off": "airflow-one-off:1"},
        "log_groups": {role: f"/airflow-stack/airflow/{role}" for role in (*ROLES, "one-off")},
        "subnets": ["subnet-1", "subnet-2"],
        "security_groups": {"one-off": "sg-1", "worker": "sg-2"},
        "assign_public_ip": True,
    }


@pytest.fixture
def errors() -> Callable[..., str]:
    """What the OperationError of a call says."""

    def said(call: Callable[..., Any], *arguments: Any) -> str:
        with pytest.raises(OperationError) as raised:
            call(*arguments)
        return str(raised.value)

    return said
