"""How many tasks of a service there are: by what there is to do, and by the hour. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_stack.backends.aws.plan.alarms import Metric, of_service
from airflow_stack.backends.aws.plan.metrics import RATIO
from airflow_stack.backends.aws.plan.services import Service
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.services import WorkersConfig

TARGET_VALUE = 100.0
"""The metric is the tasks that are needed for each hundred that run: 100 is as many as are needed."""


@dataclass(frozen=True)
class Tracking:
    """Holds a metric at a value by the number of tasks."""

    name: str
    metric: Metric
    value: float
    out_cooldown: int
    """Seconds between two additions."""
    in_cooldown: int
    """Seconds between two removals."""


@dataclass(frozen=True)
class Moment:
    """When new bounds begin to hold."""

    purpose: str
    cron: str
    time_zone: str
    least: int
    most: int


@dataclass(frozen=True)
class Scaling:
    """Between how many tasks a service has. Moments come one after the other, after the tracking."""

    role: str
    least: int
    most: int
    tracking: Tracking | None = None
    moments: tuple[Moment, ...] = ()


def scaling(config: AwsConfig, services: Sequence[Service]) -> tuple[Scaling, ...]:
    """Of the services whose number follows the work, and of those that have hours."""
    return tuple(_scaling(config, services))


def _scaling(config: AwsConfig, services: Sequence[Service]) -> Iterator[Scaling]:
    for service in services:
        if service.counted:
            tracking = _tracking(config, service) if service.elastic else None
            yield Scaling(service.role.name, service.least, service.most, tracking, tuple(_moments(service)))


def _tracking(config: AwsConfig, service: Service) -> Tracking:
    settings = config.target.service(service.role.spec)
    assert isinstance(settings, WorkersConfig)  # noqa: S101 - what follows the work has the workers' section
    role = service.role.name
    return Tracking(
        f"{config.target.name}-{role}-{RATIO}",
        of_service(config, RATIO, role, "Average", 60),
        TARGET_VALUE,
        settings.scale_out_cooldown,
        settings.scale_in_cooldown,
    )


def _moments(service: Service) -> Iterator[Moment]:
    if service.schedule is not None:
        zone = service.schedule.time_zone
        yield Moment("stop", service.schedule.stop, zone, 0, 0)
        yield Moment("start", service.schedule.start, zone, service.least, service.most)
