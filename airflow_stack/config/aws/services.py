"""Sizes and capacity of the ECS services: CPU units of Fargate (1024 are one vCPU) and MiB of memory."""

from __future__ import annotations

from pydantic import Field, model_validator

from airflow_stack.config.aws.types import FARGATE_MEMORY, Cron, FargateCpu, TimeZone
from airflow_stack.config.errors import RuleError
from airflow_stack.config.services import WorkerConfig
from airflow_stack.config.types import Section


class Schedule(Section):
    """Hours in which a service runs: at ``stop`` it goes to zero, at ``start`` it comes back."""

    start: Cron = Field(description="When it starts.", examples=["0 7 ? * MON-FRI *"])
    stop: Cron = Field(description="When it stops.", examples=["0 20 ? * MON-FRI *"])
    time_zone: TimeZone = Field("UTC", description="Time zone of both.")

    @model_validator(mode="after")
    def _differ(self) -> Schedule:
        """At one moment, which of both comes last is chance."""
        if self.start == self.stop:
            raise RuleError("stop", "is the same moment as start", put=("stop", "0 20 ? * MON-FRI *"))
        return self


class Capacity(Section):
    """On-demand and Spot capacity. AWS takes Spot tasks back with two minutes' notice."""

    on_demand_base: int = Field(0, ge=0, le=1000, description="Tasks that are always on demand, before the weights.")
    on_demand_weight: int = Field(1, ge=0, le=1000, description="Share of the other tasks that is on demand.")
    spot_weight: int = Field(0, ge=0, le=1000, description="Share of the other tasks that is on Spot.")

    @model_validator(mode="after")
    def _some(self) -> Capacity:
        """ECS refuses a strategy in which nothing weighs."""
        if self.on_demand_weight + self.spot_weight == 0:
            raise RuleError(
                "on_demand_weight",
                "is 0, and spot_weight too: one of them must be at least 1",
                put=("on_demand_weight", 1),
            )
        return self


FEW = 3
"""So many sizes are named each; more have a step."""


class TaskSize(Section):
    """CPU and memory of a task."""

    cpu: FargateCpu = Field(512, description="CPU units: 1024 are one vCPU.")
    memory: int = Field(1024, ge=512, le=122_880, description="Memory in MiB. Each CPU size has its own few.")

    @model_validator(mode="after")
    def _pair(self) -> TaskSize:
        """Fargate has no other pairs."""
        fitting = FARGATE_MEMORY[self.cpu]
        if self.memory not in fitting:
            which = ", ".join(map(str, fitting))
            if len(fitting) > FEW:
                which = f"{fitting[0]} to {fitting[-1]} in steps of {fitting[1] - fitting[0]}"
            near = min(fitting, key=lambda memory: (memory < self.memory, abs(memory - self.memory)))
            raise RuleError(
                "memory",
                f"{self.memory} does not go with cpu {self.cpu}, for which Fargate has {which} MiB",
                put=("memory", near),
            )
        return self


class ServiceConfig(TaskSize):
    """One service of the cluster."""

    count: int = Field(1, ge=1, le=20, description="How many tasks of it run.")
    capacity: Capacity = Field(default_factory=Capacity, description="On demand or Spot.")
    schedule: Schedule | None = Field(None, description="Hours in which it runs. Always by default.")

    @property
    def least(self) -> int:
        """Tasks that run while the service does."""
        return self.count


class WebserverService(ServiceConfig):
    """The webserver's tasks; on Spot by default: one that AWS takes back is replaced in a minute or two."""

    cpu: FargateCpu = Field(256, description="CPU units: 1024 are one vCPU.")
    capacity: Capacity = Field(
        default_factory=lambda: Capacity(on_demand_weight=0, spot_weight=1), description="On demand or Spot."
    )


class TriggererService(ServiceConfig):
    """The triggerer's tasks; on Spot by default, since another one takes its triggers over."""

    cpu: FargateCpu = Field(256, description="CPU units: 1024 are one vCPU.")
    memory: int = Field(512, ge=512, le=122_880, description="Memory in MiB. Each CPU size has its own few.")
    capacity: Capacity = Field(
        default_factory=lambda: Capacity(on_demand_weight=0, spot_weight=1), description="On demand or Spot."
    )


class WorkersConfig(TaskSize):
    """Workers, from ``min`` to ``max`` by what is queued and running."""

    cpu: FargateCpu = Field(1024, description="CPU units: 1024 are one vCPU.")
    memory: int = Field(2048, ge=512, le=122_880, description="Memory in MiB. Each CPU size has its own few.")
    min: int = Field(0, ge=0, le=1000, description="Workers that always run.")
    max: int = Field(5, ge=1, le=1000, description="Workers at most.")
    capacity: Capacity = Field(default_factory=Capacity, description="On demand or Spot.")
    schedule: Schedule | None = Field(None, description="Hours in which there are workers. Always by default.")
    scale_out_cooldown: int = Field(60, ge=0, le=3600, description="Seconds between two additions of workers.")
    scale_in_cooldown: int = Field(300, ge=0, le=3600, description="Seconds between two removals of workers.")
    protection_minutes: int = Field(
        60,
        ge=1,
        le=2880,
        description="Minutes for which a worker with tasks asks ECS not to stop it; asked again while it has tasks.",
    )
    ephemeral_storage: int | None = Field(
        None, ge=21, le=200, description="GiB of disk of each worker. 20 by default.", examples=[50]
    )

    @property
    def least(self) -> int:
        """Tasks that always run."""
        return self.min

    @model_validator(mode="after")
    def _range(self) -> WorkersConfig:
        """A range that ends before it begins holds nothing."""
        if self.min > self.max:
            raise RuleError("min", f"{self.min} is more than max, {self.max}", put=("max", self.min))
        return self


LONGEST_STOP = 120
"""Seconds between SIGTERM and SIGKILL that Fargate allows at most.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
"""


class AwsWorker(WorkerConfig):
    """``airflow-stack:worker``: Celery workers, whose number and size are ``target.worker``'s."""

    stop_timeout: int = Field(
        LONGEST_STOP,
        ge=10,
        description="Seconds for which a worker that is stopped may go on with its tasks: 120 at most, after which"
        " Fargate kills it. A deployment and the autoscaler do not stop a worker with tasks.",
        json_schema_extra={"maximum": LONGEST_STOP},
    )

    @model_validator(mode="after")
    def _stops_in_time(self) -> AwsWorker:
        """Fargate would cut it off without a word."""
        if self.stop_timeout > LONGEST_STOP:
            raise RuleError(
                "stop_timeout",
                f"{self.stop_timeout} is too long for AWS: Fargate kills a container after {LONGEST_STOP} seconds at"
                " most. A worker with tasks is protected there: a deployment and the autoscaler wait for them, and do"
                " not stop it",
                put=("stop_timeout", LONGEST_STOP),
            )
        return self
