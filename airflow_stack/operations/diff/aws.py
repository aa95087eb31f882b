"""The facts of a stack on AWS, from its plan, the containers of its tasks and the contents of its image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_stack.airflow import Deployment
from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.backends.aws.plan.environment import ONE_OFF, TASK_LOGS
from airflow_stack.backends.aws.plan.servers import Cache, Queues
from airflow_stack.backends.aws.plan.services import Family
from airflow_stack.backends.images import Image, upstream
from airflow_stack.config import AwsConfig
from airflow_stack.operations.diff.facts import CONTENTS, Area, Fact, image_contents, options, secrets
from airflow_stack.operations.task_containers import Containers

# Where a container beside Airflow's is switched on or off.
BESIDE = {"cloudwatch-agent": ("target.metrics.statsd",), "log-router": ("target.logs.firelens",)}


def aws_facts(
    config: AwsConfig, deployment: Deployment, plan: AwsPlan, containers: Containers, image: Image
) -> Iterator[Fact]:
    """Everything that a comparison is about; ``image`` is Airflow's, without the project that comes to it.

    Of ``config``, what goes into the image.
    """
    yield from _place(plan)
    for family in plan.families:
        yield from _role(plan, deployment, family, containers[family.role.name])
    yield from image_contents(config)
    base = upstream("airflow", config) if config.target.image_origin == "registry" else "Debian's packages and PyPI"
    keys = ("target.registry", "target.image_origin")
    yield Fact(Area.IMAGE, "base", base, keys=keys)
    yield Fact(Area.IMAGE, "platform", plan.platform, keys=("target.architecture",))
    yield Fact(Area.IMAGE, "tag", image.tag, keys=(*CONTENTS, *keys))
    for role, found in containers.items():
        yield from options(
            config.airflow.release, _name(role), {one["name"]: one["value"] for one in found[0]["environment"]}
        )
    yield from secrets(
        {_name(role): [one["valueFrom"] for one in found[0]["secrets"]] for role, found in containers.items()}
    )


def _place(plan: AwsPlan) -> Iterator[Fact]:
    database, broker = plan.database, plan.broker
    yield Fact(Area.PLACE, "target", f"AWS, {plan.region}")
    way = f"load balancer, {'HTTPS' if plan.entry.asked.https else 'HTTP without encryption'}"
    yield Fact(Area.PLACE, "way in", way)
    found = f"RDS, PostgreSQL {database.asked.version}" if database else "external server"
    yield Fact(Area.PLACE, "database", found, keys=("database.version", "database.kind"))
    server = f"ElastiCache, {broker.asked.engine}" if isinstance(broker, Cache) else "external server"
    served = "SQS" if isinstance(broker, Queues) else server
    yield Fact(Area.PLACE, "broker", served, keys=("broker.kind", "broker.engine"))
    yield Fact(Area.PLACE, "secrets", "Secrets Manager")
    yield Fact(Area.PLACE, "project folders", "in the image", keys=("target.project_dir",))
    yield Fact(Area.PLACE, "task logs", f"S3, {plan.bucket.days[TASK_LOGS]} days", keys=("target.logs.task_log_days",))
    where = "S3 by Firehose" if plan.logs.firelens else "CloudWatch"
    yield Fact(
        Area.PLACE,
        "service logs",
        f"{where}, {plan.logs.days} days",
        keys=("target.logs.firelens", "target.logs.retention_days"),
    )


def _role(plan: AwsPlan, deployment: Deployment, family: Family, containers: list[dict[str, Any]]) -> Iterator[Fact]:
    role, section, name = family.role.name, family.section, _name(family.role.name)
    # Init's own command is what the migration says when it runs the one-off task.
    command = list(deployment.init.command) if role == ONE_OFF else containers[0]["command"]
    yield Fact(Area.ROLE, name, "there")
    yield Fact(Area.ROLE, "command", " ".join(command), name)
    for beside in containers[1:]:
        yield Fact(Area.ROLE, f"beside: {beside['name']}", "there", name, BESIDE.get(beside["name"], ()))
    yield Fact(Area.SIZE, "memory", f"{family.memory} MiB", name, (f"{section}.memory",))
    yield Fact(Area.SIZE, "CPU", f"{family.cpu / 1024:g} vCPU", name, (f"{section}.cpu",))
    for service in plan.services:
        if service.family is not family:
            continue
        count = f"{service.least} to {service.most}" if service.elastic else str(service.least)
        keys = (f"{section}.min", f"{section}.max") if service.elastic else (f"{section}.count",)
        yield Fact(Area.SIZE, "count", count, name, keys)
        yield Fact(Area.SIZE, "capacity", service.mix, name, (f"{section}.capacity",))
        if service.schedule is not None:
            hours = f"from {service.schedule.start} to {service.schedule.stop}, {service.schedule.time_zone}"
            yield Fact(Area.SIZE, "hours", hours, name, (f"{section}.schedule",))
    yield Fact(Area.SIZE, "stop timeout", f"{containers[0]['stopTimeout']} s", name)
    if "healthCheck" in containers[0]:
        yield Fact(Area.SIZE, "probe's start period", f"{containers[0]['healthCheck']['startPeriod']} s", name)


def _name(role: str) -> str:
    """The one-off task is what init is on this machine."""
    return "init" if role == ONE_OFF else role
