"""A stack of this machine."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from airflow_stack.config.errors import RuleError
from airflow_stack.config.local.data import ContainerBroker, ContainerDatabase, LocalBroker, LocalDatabase
from airflow_stack.config.local.services import (
    DockerSocketProxyConfig,
    FlowerConfig,
    LocalTriggerer,
    LocalWebserver,
    LocalWorker,
    ProxyConfig,
    SchedulerConfig,
    SecretsBackendConfig,
)
from airflow_stack.config.local.target import LocalTarget
from airflow_stack.config.services import DAY
from airflow_stack.config.stack import StackConfig


class LocalConfig(StackConfig):
    """Containers of this machine's Docker."""

    STACKS: ClassVar[str] = "local stacks"

    target: LocalTarget = Field(default_factory=LocalTarget, description="Where the stack runs.")
    webserver: LocalWebserver = Field(default_factory=LocalWebserver, description="UI and API.")
    scheduler: SchedulerConfig = Field(default_factory=SchedulerConfig, description="The scheduler.")
    triggerer: LocalTriggerer = Field(default_factory=LocalTriggerer, description="Runs deferrable tasks.")
    worker: LocalWorker = Field(default_factory=LocalWorker, description="Celery workers.")
    flower: FlowerConfig = Field(default_factory=FlowerConfig, description="Celery monitor.")
    proxy: ProxyConfig = Field(default_factory=ProxyConfig, description="nginx in front.")
    docker_socket_proxy: DockerSocketProxyConfig = Field(
        default_factory=DockerSocketProxyConfig, description="What DockerOperator talks to."
    )
    database: LocalDatabase = Field(default_factory=ContainerDatabase, description="Metadata database.")
    broker: LocalBroker = Field(default_factory=ContainerBroker, description="Celery broker.")
    secrets_backend: SecretsBackendConfig | None = Field(
        None, description="Where Airflow looks connections and variables up before its database."
    )

    @model_validator(mode="after")
    def _airflow_is_no_superuser(self) -> LocalConfig:
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
    def _celery_parts_need_celery(self) -> LocalConfig:
        """Flower watches Celery, and an external broker serves it: without Celery both would do nothing."""
        if not self.celery:
            if self.flower.enabled:
                raise RuleError("flower.enabled", "needs airflow.executor: CeleryExecutor", remove="flower.enabled")
            for name, default in (("worker", LocalWorker()), ("broker", ContainerBroker())):
                if getattr(self, name) != default:
                    raise RuleError(name, "has no effect with airflow.executor: LocalExecutor", remove=name)
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> LocalConfig:
        """Two containers can't publish one port."""
        ports: dict[int, str] = {}
        taken = self.published_ports().values()
        for key, port in self.published_ports().items():
            if port in ports:
                free = next(other for other in (*range(port + 1, 65_536), *range(8080, port)) if other not in taken)
                raise RuleError(key, f"is the port of {ports[port]} too: each needs one of its own", put=(key, free))
            ports[port] = key
        return self

    @property
    def most_workers(self) -> int:
        return self.worker.count

    @property
    def longest_stop(self) -> int:
        return DAY

    @property
    def monitored(self) -> bool:
        return self.flower.enabled

    @property
    def trusted_proxies(self) -> str:
        return "*" if self.proxy.proxy_fix else super().trusted_proxies

    @property
    def lookup_class(self) -> str | None:
        return self.secrets_backend.class_name if self.secrets_backend else None

    def unread_secrets(self) -> dict[str, str]:
        found = super().unread_secrets()
        if not self.flower.enabled:
            found["flower_password"] = "flower.enabled is false"  # noqa: S105 - a cause
        found["oidc_client_secret"] = "target.load_balancer.oidc is for stacks on AWS"  # noqa: S105
        if self.secrets_backend is None:
            found["secrets_backend_kwargs"] = "secrets_backend is not set"
        return found

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
