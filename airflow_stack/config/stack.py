"""The whole of what a user may ask: one section a concern, and the rules that join them."""

from __future__ import annotations

from pydantic import Field, model_validator

from airflow_stack.config.airflow import AdminConfig, AirflowConfig
from airflow_stack.config.data import (
    BrokerConfig,
    ContainerBroker,
    ContainerDatabase,
    DatabaseConfig,
)
from airflow_stack.config.services import (
    DockerSocketProxyConfig,
    FlowerConfig,
    ProxyConfig,
    SchedulerConfig,
    SecretsBackendConfig,
    TriggererConfig,
    WebserverConfig,
    WorkerConfig,
)
from airflow_stack.config.target import LocalTarget
from airflow_stack.config.types import Section


class StackConfig(Section):
    """Everything but the secrets of one Airflow deployment."""

    target: LocalTarget = Field(default_factory=LocalTarget, description="Where the stack runs.")
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

    @model_validator(mode="after")
    def _hardened_allows_no_opposite(self) -> StackConfig:
        """A switch that another key silently undoes would be no hardening."""
        if self.hardened:
            if self.airflow.load_examples:
                raise ValueError("hardened and airflow.load_examples exclude each other: switch one off")
            if self.airflow.expose_config is True:
                raise ValueError(
                    "hardened and airflow.expose_config: true exclude each other: use 'non-sensitive-only' or false"
                )
        return self

    @model_validator(mode="after")
    def _celery_parts_need_celery(self) -> StackConfig:
        """Flower watches Celery, and an external broker serves it: without Celery both would do nothing."""
        if self.airflow.executor != "CeleryExecutor":
            if self.flower.enabled:
                raise ValueError("flower.enabled needs airflow.executor: CeleryExecutor")
            for name, default in (("worker", WorkerConfig()), ("broker", ContainerBroker())):
                if getattr(self, name) != default:
                    raise ValueError(f"{name} has no effect with airflow.executor: LocalExecutor: remove it")
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> StackConfig:
        """Two containers can't publish one port."""
        ports: dict[int, str] = {}
        for key, port in self.published_ports().items():
            if port in ports:
                raise ValueError(f"{ports[port]} and {key} are both {port}: each needs a port of its own")
            ports[port] = key
        return self

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
