"""The whole of what a user may ask: one section a concern, and the rules that join them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from airflow_stack.config.airflow import AdminConfig, AirflowConfig
from airflow_stack.config.aws import AwsTarget, RdsDatabase
from airflow_stack.config.aws.connections import connections, larger, pool
from airflow_stack.config.aws.options import refused
from airflow_stack.config.data import (
    BrokerConfig,
    ContainerBroker,
    ContainerDatabase,
    DatabaseConfig,
)
from airflow_stack.config.errors import RuleError, either
from airflow_stack.config.services import (
    DAY,
    DockerSocketProxyConfig,
    FlowerConfig,
    ProxyConfig,
    SchedulerConfig,
    SecretsBackendConfig,
    TriggererConfig,
    WebserverConfig,
    WorkerConfig,
)
from airflow_stack.config.target import LocalTarget, TargetConfig
from airflow_stack.config.types import Section
from airflow_stack.errors import OperationError

# Keys that are about containers on one machine, and what to use on AWS instead.
LOCAL_ONLY = {
    "webserver.memory": "target.webserver.memory is its task's",
    "webserver.port": "the load balancer is the only way in",
    "scheduler.memory": "target.scheduler.memory is its task's",
    "triggerer.memory": "target.triggerer.memory is its task's",
    "worker.count": "target.worker.min and target.worker.max are its bounds",
    "worker.memory": "target.worker.memory is its task's",
    "proxy": "the load balancer stands in front",
    "docker_socket_proxy": "Fargate has no Docker socket; EcsRunTaskOperator runs containers there",
    "secrets_backend": "it is Secrets Manager; target.secrets_lookup says what is looked up there",
}


LONGEST_STOP = 120
"""Seconds between SIGTERM and SIGKILL that Fargate allows at most.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
"""

# The same for keys of a local target, which the one of AWS does not have.
LOCAL_TARGET_ONLY = {
    "throw_away": "delete_data, with confirm_delete_data, lets a destroy delete the data",
    "uid": "the image's own user runs Airflow",
    "gid": "the image's own user runs Airflow",
    "prefix": "name is what every resource's name starts with",
    "bind_address": "load_balancer.allowed_cidrs says who reaches the UI",
}

# Kinds that each target has, the one that it has by default first.
KINDS: dict[str, dict[str, tuple[str, ...]]] = {
    "local": {"database": ("container", "external"), "broker": ("container", "external")},
    "aws": {"database": ("rds", "external"), "broker": ("sqs", "elasticache", "external")},
}


def target_kind(raw: Any) -> str:
    """``local`` or ``aws``: what a config that may be wrong elsewhere means to be."""
    target = raw.get("target") if isinstance(raw, Mapping) else None
    return "aws" if isinstance(target, Mapping) and target.get("kind") == "aws" else "local"


class StackConfig(Section):
    """Everything but the secrets of one Airflow deployment."""

    target: TargetConfig = Field(default_factory=LocalTarget, description="Where the stack runs.")
    airflow: AirflowConfig = Field(default_factory=AirflowConfig, description="Airflow itself.")
    admin: AdminConfig = Field(default_factory=AdminConfig, description="The first user.")
    webserver: WebserverConfig = Field(default_factory=WebserverConfig, description="UI and API.")
    scheduler: SchedulerConfig = Field(default_factory=SchedulerConfig, description="The scheduler.")
    triggerer: TriggererConfig = Field(default_factory=TriggererConfig, description="Runs deferrable tasks.")
    worker: WorkerConfig = Field(default_factory=WorkerConfig, description="Celery workers.")
    flower: FlowerConfig = Field(default_factory=FlowerConfig, description="Celery monitor.")
    proxy: ProxyConfig = Field(default_factory=ProxyConfig, description="nginx in front.")
    docker_socket_proxy: DockerSocketProxyConfig = Field(
        default_factory=DockerSocketProxyConfig, description="What DockerOperator talks to."
    )
    database: DatabaseConfig = Field(default_factory=ContainerDatabase, description="Metadata database.")
    broker: BrokerConfig = Field(default_factory=ContainerBroker, description="Celery broker.")
    secrets_backend: SecretsBackendConfig | None = Field(
        None, description="Where Airflow looks connections and variables up before its database."
    )
    hardened: bool = Field(
        False,
        description="Production hardening: no migration and no user creation at start, configuration shown without"
        " sensitive values at most, no examples, and the database's bootstrap credentials dropped. For a stack that has"
        " been up: a new database needs what this takes away.",
    )

    @model_validator(mode="before")
    @classmethod
    def _data_of_the_target(cls, raw: Any) -> Any:
        """Where no kind is named, database and broker are what the target has of its own."""
        if target_kind(raw) != "aws":
            return raw
        own = {}
        for key, kinds in KINDS["aws"].items():
            value = raw.get(key, {})
            if isinstance(value, dict):
                own[key] = {"kind": kinds[0]} | value
        return raw | own

    @model_validator(mode="after")
    def _kinds_of_the_target(self) -> StackConfig:
        """Neither AWS has our containers, nor this machine AWS's services."""
        for key in KINDS["aws"]:
            kind = getattr(self, key).kind
            if self.on_aws and kind == "container":
                raise RuleError(
                    f"{key}.kind",
                    f"container is for local stacks: use {either(KINDS['aws'][key])}",
                    put=(f"{key}.kind", KINDS["aws"][key][0]),
                )
            if not self.on_aws and kind not in KINDS["local"][key]:
                raise RuleError(
                    f"{key}.kind",
                    f"{kind} is for stacks on AWS, of target.kind: aws; here use {either(KINDS['local'][key])}",
                    put=(f"{key}.kind", KINDS["local"][key][0]),
                )
        return self

    @model_validator(mode="after")
    def _nothing_local_on_aws(self) -> StackConfig:
        """A key that changes nothing would be taken for one that does."""
        if not self.on_aws:
            return self
        for key, instead in LOCAL_ONLY.items():
            section, _, name = key.partition(".")
            holder = getattr(self, section) if name else self
            if (name or section) in holder.model_fields_set and holder is not None:
                raise RuleError(key, f"is for local stacks, and has no effect on AWS: {instead}", remove=key)
        if self.worker.stop_timeout > LONGEST_STOP:
            raise RuleError(
                "worker.stop_timeout",
                f"{self.worker.stop_timeout} is too long for AWS: Fargate kills a container after {LONGEST_STOP}"
                " seconds at most. A worker with tasks is protected there: a deployment and the autoscaler wait for"
                " them, and do not stop it",
                put=("worker.stop_timeout", LONGEST_STOP),
            )
        if not self.celery:
            raise RuleError(
                "airflow.executor",
                "LocalExecutor is for local stacks: on AWS tasks run on the workers",
                put=("airflow.executor", "CeleryExecutor"),
            )
        if self.flower.model_fields_set:
            why = "SQS has no events for it to show" if self.broker.kind == "sqs" else "CloudWatch shows the workers"
            raise RuleError("flower", f"is for local stacks: {why}", remove="flower")
        return self

    @model_validator(mode="after")
    def _options_of_the_stack(self) -> StackConfig:
        """On AWS the stack sets more of Airflow's options itself than elsewhere."""
        if self.on_aws:
            sqs, statsd = self.broker.kind == "sqs", self.aws.metrics.statsd
            found = refused(self.airflow.options, self.airflow.release, sqs=sqs, statsd=statsd)
            if found:
                key = f"airflow.options.{found[0]}"
                raise RuleError(key, f"belongs to the stack on AWS; {found[1]}", remove=key)
        return self

    @model_validator(mode="after")
    def _connections_fit(self) -> StackConfig:
        """A database that refuses connections fails tasks and heartbeats, and only when everything is busy."""
        if not isinstance(self.database, RdsDatabase):
            return self
        each, key = pool(self), "database.instance_class"
        if each.limit is None:
            raise RuleError(
                "airflow.options.database",
                "sql_alchemy_pool_size 0 and a negative sql_alchemy_max_overflow are no limit, and"
                f" {self.database.instance_class} takes {self.database.max_connections} connections; remove them, and"
                " the stack sets what fits",
            )
        needed = connections(self, each)
        if needed > self.database.max_connections:
            fitting = larger(self.database, needed)
            raise RuleError(
                key,
                f"{self.database.instance_class} takes {self.database.max_connections} connections, and"
                f" target.worker.max {self.aws.worker.max} with worker.concurrency {self.worker.concurrency} and the"
                f" services open up to {needed}: lower one of them, or take a larger class",
                put=(key, fitting) if fitting else None,
            )
        return self

    @model_validator(mode="after")
    def _hardened_allows_no_opposite(self) -> StackConfig:
        """A switch that another key silently undoes would be no hardening."""
        if self.hardened:
            if self.airflow.load_examples:
                raise RuleError(
                    "airflow.load_examples", "excludes hardened: switch one off", put=("airflow.load_examples", False)
                )
            if self.airflow.expose_config is True:
                raise RuleError(
                    "airflow.expose_config",
                    "true excludes hardened: use 'non-sensitive-only' or false",
                    put=("airflow.expose_config", "non-sensitive-only"),
                )
        return self

    @model_validator(mode="after")
    def _airflow_is_no_superuser(self) -> StackConfig:
        """One role has one password, and a superuser of PostgreSQL reads files and runs commands on its server."""
        database = self.database
        if isinstance(database, ContainerDatabase) and database.superuser == database.user:
            other = "postgres" if database.user != "postgres" else "superuser"
            raise RuleError(
                "database.superuser",
                "is database.user too, and Airflow's role must be no superuser: give it another name, such as"
                f" {other} (superuser_database and name can be the same)",
                put=("database.superuser", other),
            )
        return self

    @model_validator(mode="after")
    def _celery_parts_need_celery(self) -> StackConfig:
        """Flower watches Celery, and an external broker serves it: without Celery both would do nothing."""
        if self.airflow.executor != "CeleryExecutor":
            if self.flower.enabled:
                raise RuleError("flower.enabled", "needs airflow.executor: CeleryExecutor", remove="flower.enabled")
            for name, default in (("worker", WorkerConfig()), ("broker", ContainerBroker())):
                if getattr(self, name) != default:
                    raise RuleError(name, "has no effect with airflow.executor: LocalExecutor", remove=name)
        return self

    @model_validator(mode="after")
    def _queues_are_served(self) -> StackConfig:
        """A task that names no queue goes to the default one: where nobody serves it, most DAGs never run."""
        worker, broker = self.worker, self.broker.kind
        for name in ("queues", "other_queues"):
            if getattr(worker, name) and broker == "sqs":
                key = f"worker.{name}"
                raise RuleError(
                    key,
                    "needs a broker with more than one queue, and SQS has one here; broker.kind: elasticache has as"
                    " many as tasks ask for",
                    remove=key,
                )
        default = self.default_queue
        if worker.queues and not {default, "*"} & {*worker.queues, *worker.other_queues}:
            raise RuleError(
                "worker.queues",
                f"leaves out {default!r}, the queue of every task that names none; add it, or set"
                " airflow.options.operators.default_queue to one of these",
                put=("worker.queues", [default, *worker.queues]),
            )
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> StackConfig:
        """Two containers can't publish one port."""
        ports: dict[int, str] = {}
        taken = self.published_ports().values()
        for key, port in self.published_ports().items():
            if port in ports:
                free = next(other for other in (*range(port + 1, 65_536), *range(8080, port)) if other not in taken)
                raise RuleError(key, f"is the port of {ports[port]} too: each needs one of its own", put=(key, free))
            ports[port] = key
        return self

    def at(self, key: str) -> Any:
        """What this key holds, as in ``worker.count``; None where there is none of this name."""
        found: Any = self
        for name in key.split("."):
            found = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
        return found

    @property
    def on_aws(self) -> bool:
        """Whether the stack runs on AWS."""
        return isinstance(self.target, AwsTarget)

    @property
    def local(self) -> LocalTarget:
        """The target of a stack of this machine. Raises OperationError for another one."""
        if not isinstance(self.target, LocalTarget):
            raise OperationError("this stack runs on AWS; this is for stacks of this machine.\nNothing was changed.")
        return self.target

    @property
    def aws(self) -> AwsTarget:
        """The target of a stack on AWS. Raises OperationError for another one."""
        if not isinstance(self.target, AwsTarget):
            raise OperationError("this stack runs on this machine; this is for stacks on AWS.\nNothing was changed.")
        return self.target

    @property
    def most_workers(self) -> int:
        """Celery workers that there may be at a time."""
        return self.aws.worker.max if self.on_aws else self.worker.count

    @property
    def longest_stop(self) -> int:
        """Seconds that ``worker.stop_timeout`` may be at most."""
        return LONGEST_STOP if self.on_aws else DAY

    def has_schedule(self, section: str) -> bool:
        """Whether the role of this section does not always run."""
        return self.on_aws and self.at(f"target.{section}.schedule") is not None

    @property
    def task_slots(self) -> int:
        """Tasks that run at a time when all workers are there; with LocalExecutor, beside the scheduler."""
        if not self.celery:
            return self.worker.concurrency
        return self.most_workers * self.worker.concurrency

    @property
    def default_queue(self) -> str:
        """The queue of a task that names none."""
        return str(self.airflow.options.get("operators", {}).get("default_queue", "default"))

    @property
    def celery(self) -> bool:
        """Whether tasks run on Celery workers."""
        return self.airflow.executor == "CeleryExecutor"

    @property
    def migrates(self) -> bool:
        """Whether the init container migrates the database."""
        return self.airflow.migrate and not self.hardened

    @property
    def creates_admin(self) -> bool:
        """Whether the init container creates the first user."""
        return self.admin.create and not self.hardened

    def published_ports(self) -> dict[str, int]:
        """Ports on the host, by config key; only those that are in use."""
        ports = {"proxy.port": self.proxy.port}
        if self.webserver.port is not None:
            ports["webserver.port"] = self.webserver.port
        if self.flower.enabled and self.flower.port is not None:
            ports["flower.port"] = self.flower.port
        if isinstance(self.database, ContainerDatabase) and self.database.port is not None:
            ports["database.port"] = self.database.port
        return ports
