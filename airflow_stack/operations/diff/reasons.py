"""Why a stack on this machine and one on AWS differ where they are meant to. Data."""

from __future__ import annotations

from airflow_stack.backends.aws.plan.container_definitions import START_PERIOD
from airflow_stack.backends.aws.plan.environment import DIFFERENCES
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.services import LONGEST_STOP
from airflow_stack.operations.diff.facts import Area

# What ECS or the platform makes of a role's own values, by the field of `Role` (start_period is its probe's).
ROLE = {
    "cpu_shares": "a task has its CPU to itself",
    "count": "a service has a count, workers a range",
    "start_period": f"{START_PERIOD} seconds: with a quarter of a vCPU, Airflow loads for minutes",
    "stop_timeout": f"{LONGEST_STOP} seconds are the most that Fargate allows",
}

# Variables that a container of this machine alone has; the others are in the backend's own table.
VARIABLES = DIFFERENCES | {
    "AIRFLOW_STACK_UID": "init gives the shared folders to their owner; tasks on AWS share none",
    "DOCKER_HOST": AwsConfig.INSTEAD["docker_socket_proxy"],
}

REASONS: dict[tuple[Area, str], str] = {
    (Area.PLACE, "target"): "what one develops on, and what others rely on",
    (Area.PLACE, "way in"): AwsConfig.INSTEAD["proxy"],
    (Area.PLACE, "database"): "AWS backs it up, patches it, and keeps it from being deleted",
    (Area.PLACE, "broker"): "no broker to operate, and nothing is paid while nothing is queued",
    (Area.PLACE, "secrets"): "a task reads no file of this machine; its role opens its own secrets alone",
    (Area.PLACE, "project folders"): "tasks share no disk: dags, config and plugins go with the image",
    (Area.PLACE, "task logs"): "tasks share no disk, and leave none behind",
    (Area.PLACE, "service logs"): "a task that has ended has no container to ask",
    (Area.ROLE, "proxy"): AwsConfig.INSTEAD["proxy"],
    (Area.ROLE, "docker-socket-proxy"): AwsConfig.INSTEAD["docker_socket_proxy"],
    (Area.ROLE, "postgres"): "RDS, or an external server, takes its place",
    (Area.ROLE, "redis"): "SQS, ElastiCache, or an external server takes its place",
    (Area.ROLE, "flower"): AwsConfig.INSTEAD["flower"],
    (Area.ROLE, "beside: metrics"): "publishes what the workers are scaled by",
    (Area.ROLE, "beside: cloudwatch-agent"): "sends Airflow's own metrics to CloudWatch",
    (Area.ROLE, "beside: log-router"): "sends the service's log to S3, where Athena queries it",
    (Area.SIZE, "memory"): "the task's size holds for all of its containers",
    (Area.SIZE, "CPU"): ROLE["cpu_shares"],
    (Area.SIZE, "count"): ROLE["count"],
    (Area.SIZE, "capacity"): "on Spot what another task takes over at once, on demand what it does not",
    (Area.SIZE, "stop timeout"): ROLE["stop_timeout"],
    (Area.SIZE, "probe's start period"): ROLE["start_period"],
    (Area.IMAGE, "platform"): "ARM64 costs a fifth less",
    (Area.IMAGE, "base"): "what this machine reaches: image_origin auto",
    (Area.IMAGE, "tag"): "a hash of what goes into it, the base with it",
    (Area.SECRET, "broker_url"): VARIABLES["AIRFLOW__CELERY__BROKER_URL_CMD"],
}


def reason(area: Area, name: str) -> str | None:
    """Why stacks of the two targets differ here; None where they should not."""
    if area is Area.OPTION:
        section, _, key = name.partition(".")
        return VARIABLES.get(f"AIRFLOW__{section}__{key}".upper() if key else name)
    return REASONS.get((area, name))
