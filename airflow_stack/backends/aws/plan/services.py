"""The tasks of a stack: a family for each role with its size, and the services that keep families running. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from airflow_stack.airflow import Deployment, Role
from airflow_stack.backends.aws.plan.environment import roles
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.services import Capacity, Schedule, WorkersConfig

# Docker's names of the processors that Fargate has.
PLATFORMS = {"ARM64": "linux/arm64", "X86_64": "linux/amd64"}

LogRoute = Literal["CloudWatch", "Firehose"]

Mix = Literal["on demand", "on demand and Spot", "Spot"]


@dataclass(frozen=True)
class Share:
    """What one of Fargate's two providers runs of a service's tasks."""

    provider: Literal["FARGATE", "FARGATE_SPOT"]
    base: int
    weight: int


@dataclass(frozen=True)
class Family:
    """The tasks of one role: what each has, and what it listens on."""

    role: Role
    name: str
    """In AWS."""
    section: str
    """Of config, with its size: ``target.worker``."""
    cpu: int
    """CPU units: 1024 are one vCPU."""
    memory: int
    """MiB."""
    disk: int | None
    """GiB, where it is not Fargate's own 20."""
    log_route: LogRoute
    """Where its lines go. Migration and single commands are followed while they run: CloudWatch shows a line at once,
    S3 after minutes."""

    @property
    def ports(self) -> tuple[int, ...]:
        """What it serves, and where whoever serves the UI reads the log of what still runs here."""
        return tuple(port for port in (self.role.port, self.role.spec.log_port) if port)


@dataclass(frozen=True)
class Service:
    """A family of which a number of tasks always runs."""

    family: Family
    least: int
    """Tasks that run when there is nothing to do; where the number does not follow the work, always."""
    most: int
    capacity: Capacity
    schedule: Schedule | None

    @property
    def role(self) -> Role:
        """What it runs."""
        return self.family.role

    @property
    def name(self) -> str:
        """In ECS: its family's."""
        return self.family.name

    @property
    def elastic(self) -> bool:
        """Whether the number of tasks follows what there is to do."""
        return self.role.spec.elastic

    @property
    def served(self) -> bool:
        """Whether the load balancer leads to it."""
        return self.role.spec.serves == "ui"

    @property
    def rollout(self) -> tuple[int, int]:
        """Per cent of the desired tasks that stay, and that there may be, while new ones replace them.

        An old and a new scheduler side by side would write the DAGs of two images in turn: runs would be created that
        the new workers can't run. Tasks go on without a scheduler for the minute that its replacement takes.
        """
        return (100, 200) if self.role.spec.overlaps else (0, 100)

    @property
    def balanced(self) -> bool:
        """Whether ECS moves tasks until the zones have equal numbers.

        It does only where it may run more tasks than desired. A worker is left alone: the autoscaler replaces workers
        often enough, and moving one waits for its tasks.
        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
        """
        return self.role.spec.overlaps and not self.elastic

    @property
    def counted(self) -> bool:
        """Whether somebody else than the program sets how many tasks there are: the autoscaler, by work or hour."""
        return self.elastic or self.schedule is not None

    @property
    def waited(self) -> bool:
        """Whether an update waits for the new tasks. An old worker stays until its tasks have ended, which may take
        hours: nobody waits for that."""
        return not self.elastic

    @property
    def shares(self) -> tuple[Share, ...]:
        """Of Fargate's two providers; one that gets no task is left out."""
        capacity = self.capacity
        on_demand = Share("FARGATE", capacity.on_demand_base, capacity.on_demand_weight)
        spot = Share("FARGATE_SPOT", 0, capacity.spot_weight)
        return tuple(share for share in (on_demand, spot) if share.base + share.weight)

    @property
    def mix(self) -> Mix:
        """The shares in words."""
        providers = {share.provider for share in self.shares}
        if len(providers) > 1:
            return "on demand and Spot"
        return "Spot" if providers == {"FARGATE_SPOT"} else "on demand"


def families(config: AwsConfig, deployment: Deployment) -> tuple[Family, ...]:
    """Of every role that runs in a task, single commands among them."""
    return tuple(_families(config, deployment))


def services(config: AwsConfig, deployment: Deployment, made: tuple[Family, ...]) -> tuple[Service, ...]:
    """Of the long-running roles, in their order."""
    found = {family.role.name: family for family in made}
    return tuple(_service(config, found[role.name]) for role in deployment.roles)


def _families(config: AwsConfig, deployment: Deployment) -> Iterator[Family]:
    for role in roles(deployment).values():
        size = config.target.size(role.spec)
        disk = size.ephemeral_storage if isinstance(size, WorkersConfig) else None
        name = f"{config.target.name}-{role.name}"
        route: LogRoute = "Firehose" if config.target.logs.firelens and not role.spec.one_shot else "CloudWatch"
        yield Family(role, name, f"target.{role.spec.section}", size.cpu, size.memory, disk, route)


def _service(config: AwsConfig, family: Family) -> Service:
    settings = config.target.service(family.role.spec)
    if isinstance(settings, WorkersConfig):
        return Service(family, settings.min, settings.max, settings.capacity, settings.schedule)
    return Service(family, settings.count, settings.count, settings.capacity, settings.schedule)
