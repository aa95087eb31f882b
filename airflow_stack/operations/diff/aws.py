"""The facts of a stack on AWS, from its config and the task definitions that are made of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_stack.airflow import Deployment
from airflow_stack.backends.aws.environment import ONE_OFF
from airflow_stack.backends.aws.registry import PLATFORMS
from airflow_stack.backends.aws.services import SERVICES
from airflow_stack.backends.aws.task_definitions import SIZES
from airflow_stack.backends.images import Image, upstream
from airflow_stack.config import StackConfig
from airflow_stack.config.aws import ElastiCacheBroker, RdsDatabase
from airflow_stack.config.aws.services import Capacity
from airflow_stack.operations.diff.facts import CONTENTS, Area, Fact, image_contents, options, secrets
from airflow_stack.operations.task_containers import task_containers

# Where a container beside Airflow's is switched on or off.
BESIDE = {"cloudwatch-agent": ("target.metrics.statsd",), "log-router": ("target.logs.firelens",)}


def aws_facts(config: StackConfig, deployment: Deployment, image: Image) -> Iterator[Fact]:
    """Everything that a comparison is about; ``image`` is Airflow's, without the project that comes to it."""
    target = config.aws
    yield from _place(config)
    containers = {role: task_containers(config, deployment, role) for role in SIZES}
    for role in SIZES:
        yield from _role(config, deployment, role, containers[role])
    yield from image_contents(config)
    base = upstream("airflow", config) if target.image_origin == "registry" else "Debian's packages and PyPI"
    keys = ("target.registry", "target.image_origin")
    yield Fact(Area.IMAGE, "base", base, keys=keys)
    yield Fact(Area.IMAGE, "platform", PLATFORMS[target.architecture], keys=("target.architecture",))
    yield Fact(Area.IMAGE, "tag", image.tag, keys=(*CONTENTS, *keys))
    for role, found in containers.items():
        yield from options(
            config.airflow.release, _name(role), {one["name"]: one["value"] for one in found[0]["environment"]}
        )
    yield from secrets(
        {_name(role): [one["valueFrom"] for one in found[0]["secrets"]] for role, found in containers.items()}
    )


def _place(config: StackConfig) -> Iterator[Fact]:
    target, database, broker = config.aws, config.database, config.broker
    yield Fact(Area.PLACE, "target", f"AWS, {target.region}")
    way = f"load balancer, {'HTTPS' if target.load_balancer.https else 'HTTP without encryption'}"
    yield Fact(Area.PLACE, "way in", way)
    found = f"RDS, PostgreSQL {database.version}" if isinstance(database, RdsDatabase) else "external server"
    yield Fact(Area.PLACE, "database", found, keys=("database.version", "database.kind"))
    served = f"ElastiCache, {broker.engine}" if isinstance(broker, ElastiCacheBroker) else "SQS"
    yield Fact(
        Area.PLACE,
        "broker",
        "external server" if broker.kind == "external" else served,
        keys=("broker.kind", "broker.engine"),
    )
    yield Fact(Area.PLACE, "secrets", "Secrets Manager")
    yield Fact(Area.PLACE, "project folders", "in the image", keys=("target.project_dir",))
    yield Fact(Area.PLACE, "task logs", f"S3, {target.logs.task_log_days} days", keys=("target.logs.task_log_days",))
    where = "S3 by Firehose" if target.logs.firelens else "CloudWatch"
    yield Fact(
        Area.PLACE,
        "service logs",
        f"{where}, {target.logs.retention_days} days",
        keys=("target.logs.firelens", "target.logs.retention_days"),
    )


def _role(config: StackConfig, deployment: Deployment, role: str, containers: list[dict[str, Any]]) -> Iterator[Fact]:
    section, name = SIZES[role], _name(role)
    size = getattr(config.aws, section)
    # Init's own command is what the migration says when it runs the one-off task.
    command = list(deployment.init.command) if role == ONE_OFF else containers[0]["command"]
    yield Fact(Area.ROLE, name, "there")
    yield Fact(Area.ROLE, "command", " ".join(command), name)
    for beside in containers[1:]:
        yield Fact(Area.ROLE, f"beside: {beside['name']}", "there", name, BESIDE.get(beside["name"], ()))
    yield Fact(Area.SIZE, "memory", f"{size.memory} MiB", name, (f"target.{section}.memory",))
    yield Fact(Area.SIZE, "CPU", f"{size.cpu / 1024:g} vCPU", name, (f"target.{section}.cpu",))
    if role in SERVICES:
        workers = role == "worker"
        count = f"{size.min} to {size.max}" if workers else str(size.count)
        keys = ("target.worker.min", "target.worker.max") if workers else (f"target.{section}.count",)
        yield Fact(Area.SIZE, "count", count, name, keys)
        yield Fact(Area.SIZE, "capacity", _capacity(size.capacity), name, (f"target.{section}.capacity",))
        if size.schedule is not None:
            hours = f"from {size.schedule.start} to {size.schedule.stop}, {size.schedule.time_zone}"
            yield Fact(Area.SIZE, "hours", hours, name, (f"target.{section}.schedule",))
    yield Fact(Area.SIZE, "stop timeout", f"{containers[0]['stopTimeout']} s", name)
    if "healthCheck" in containers[0]:
        yield Fact(Area.SIZE, "probe's start period", f"{containers[0]['healthCheck']['startPeriod']} s", name)


def _name(role: str) -> str:
    """The one-off task is what init is on this machine."""
    return "init" if role == ONE_OFF else role


def _capacity(capacity: Capacity) -> str:
    if not capacity.spot_weight:
        return "on demand"
    return "on demand and Spot" if capacity.on_demand_base + capacity.on_demand_weight else "Spot"
