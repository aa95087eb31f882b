"""The containers of a task definition as JSON. Pure, and canonical: the same config gives the same bytes.

AWS fills in what a definition leaves out. The provider then compares its answer with ours, so all of that is written
out here: else every update would replace every task definition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_stack.airflow import Deployment, Probe
from airflow_stack.backends.aws.plan.environment import role_environment
from airflow_stack.backends.aws.plan.services import Family
from airflow_stack.backends.aws.plan.side_containers import (
    PUBLISHER_SECRETS,
    agent,
    publisher,
    publisher_environment,
    router,
)
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.services import LONGEST_STOP

# Seconds.
SIDE_STOP = 30

# Seconds in which a failing probe does not count: with a quarter of a vCPU, Airflow loads for minutes.
START_PERIOD = 300

# The image's own user, and the group that owns what Airflow writes.
USER = "50000:0"


@dataclass(frozen=True)
class TaskFacts:
    """What is known of the resources when they are there."""

    image: str
    """Airflow's image, by digest."""
    region: str
    cluster: str
    """Name of the cluster."""
    log_group: str
    """Name of the role's log group."""
    environment: Mapping[str, str]
    """What `environment.environment` has returned."""
    secret_arns: Mapping[str, str]
    """By name of the secret file."""
    firehose: str | None = None
    """Name of the stream of the services' logs; needed where ``logs.firelens``."""


def container_definitions(config: AwsConfig, deployment: Deployment, family: Family, facts: TaskFacts) -> str:
    """The containers of a family's tasks, Airflow's first, which has the name of the role.

    Raises KeyError for a secret without an ARN.
    """
    role = family.role
    shared = {**deployment.environment, **facts.environment}
    airflow = _container(
        {
            "name": role.name,
            "image": facts.image,
            "command": list(role.command),
            "environment": _environment({**shared, **role.environment, **role_environment(config, role.spec)}),
            "secrets": _secrets(role.secrets, facts),
            "portMappings": [{"containerPort": port, "hostPort": port, "protocol": "tcp"} for port in family.ports],
            "logConfiguration": _log(family, role.name, facts),
            "stopTimeout": min(role.stop_timeout, LONGEST_STOP),
            "user": USER,
        }
    )
    if role.probe:
        airflow["healthCheck"] = _health_check(role.probe)
    containers = [airflow]
    if role.spec.schedules:
        airflows = shared | role.environment
        containers.append(
            _container(
                {
                    "image": facts.image,
                    "environment": _environment(publisher_environment(config, airflows, facts.cluster)),
                    "secrets": _secrets(PUBLISHER_SECRETS, facts),
                    "logConfiguration": _log(family, "metrics", facts),
                    "user": USER,
                    **publisher(),
                }
            )
        )
    if config.target.metrics.statsd:
        log = _log(family, "cloudwatch-agent", facts)
        containers.append(_container({"logConfiguration": log, **agent(config, facts.region)}))
    if family.log_route == "Firehose":
        # What is wrong with the router itself is said in CloudWatch.
        containers.append(_container({"logConfiguration": _awslogs("log-router", facts), **router(config)}))
    if config.target.exec:
        for container in containers:
            # The shells that a session leaves behind are somebody's to bury.
            container["linuxParameters"] = {"initProcessEnabled": True}
    return json.dumps(containers, sort_keys=True, separators=(",", ":"))


def _container(parts: dict[str, Any]) -> dict[str, Any]:
    """With everything that AWS would fill in."""
    return {
        "cpu": 0,
        "environment": [],
        "essential": True,
        "mountPoints": [],
        "portMappings": [],
        # Airflow writes its configuration, its logs and the files of its secrets, and ECS exec writes its agent.
        "readonlyRootFilesystem": False,
        "stopTimeout": SIDE_STOP,
        "systemControls": [],
        "volumesFrom": [],
    } | parts


def _environment(variables: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _secrets(names: tuple[str, ...], facts: TaskFacts) -> list[dict[str, str]]:
    """References alone. The image's entrypoint makes files of the variables before anything else starts."""
    found = {f"AIRFLOW_STACK_SECRET_{name.upper()}": facts.secret_arns[name] for name in names}
    return [{"name": name, "valueFrom": arn} for name, arn in sorted(found.items())]


def _health_check(probe: Probe) -> dict[str, Any]:
    return {
        "command": list(probe.test),
        "interval": probe.interval,
        "retries": probe.retries,
        "startPeriod": max(probe.start_period, START_PERIOD),
        "timeout": probe.timeout,
    }


def _log(family: Family, container: str, facts: TaskFacts) -> dict[str, Any]:
    if family.log_route == "CloudWatch":
        return _awslogs(container, facts)
    if facts.firehose is None:
        raise ValueError("logs.firelens needs the name of the stream")
    # https://docs.fluentbit.io/manual/pipeline/outputs/firehose
    return {
        "logDriver": "awsfirelens",
        "options": {
            "Name": "kinesis_firehose",
            "delivery_stream": facts.firehose,
            "region": facts.region,
            # The table's column; Fluent Bit writes none unless it is told how.
            "time_key": "time",
            "time_key_format": "%Y-%m-%dT%H:%M:%S.%3NZ",
        },
    }


def _awslogs(container: str, facts: TaskFacts) -> dict[str, Any]:
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": facts.log_group,
            "awslogs-region": facts.region,
            "awslogs-stream-prefix": container,
            # Where CloudWatch is slow, lines are lost rather than Airflow stopped.
            "max-buffer-size": "10m",
            "mode": "non-blocking",
        },
    }
