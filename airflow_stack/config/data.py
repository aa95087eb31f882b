"""Metadata database and broker: a container of the stack, a service of AWS, or a server that is already there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from airflow_stack.config.aws import ElastiCacheBroker, RdsDatabase, SqsBroker
from airflow_stack.config.types import (
    DatabaseName,
    MemoryMiB,
    Port,
    RedisVisibilityTimeout,
    RoleName,
    Section,
    by_engine,
)


class ContainerDatabase(Section):
    """PostgreSQL in a container of the stack, with a volume that outlives it."""

    kind: Literal["container"] = "container"
    superuser: RoleName = Field(
        "postgres",
        description="Superuser, another role than Airflow's. Its password is the secret postgres_password.",
        examples=["postgres"],
    )
    superuser_database: DatabaseName = Field(
        "postgres", description="Database that is created for the superuser. Can be Airflow's."
    )
    user: RoleName = Field(
        "airflow", description="Airflow's role. Its password is the secret airflow_database_password."
    )
    name: DatabaseName = Field("airflow", description="Airflow's database.")
    port: Port | None = Field(
        None, description="Port on the host that leads to PostgreSQL. None by default.", examples=[5432]
    )
    memory: MemoryMiB | None = by_engine(384)


class ExternalDatabase(Section):
    """A PostgreSQL or MySQL server that is already there, named by the secret ``database_url``."""

    kind: Literal["external"]
    user: RoleName = Field("airflow", description="Airflow's role, for the SQL that creates it.")
    name: DatabaseName = Field("airflow", description="Airflow's database, for the SQL that creates it.")


def _container_by_default(value: Any) -> Any:
    return {"kind": "container"} | value if isinstance(value, dict) else value


DatabaseConfig = Annotated[
    ContainerDatabase | ExternalDatabase | RdsDatabase,
    Field(discriminator="kind"),
    BeforeValidator(_container_by_default),
]


class ContainerBroker(Section):
    """Redis in a container of the stack; its queue is on disk, so that a restart loses no task."""

    kind: Literal["container"] = "container"
    visibility_timeout: RedisVisibilityTimeout = 86_400
    memory: MemoryMiB = Field(128, description="Memory limit in MiB.")


class ExternalBroker(Section):
    """A Redis or Valkey server that is already there, named by the secret ``broker_url``."""

    kind: Literal["external"]
    visibility_timeout: RedisVisibilityTimeout = 86_400


BrokerConfig = Annotated[
    ContainerBroker | ExternalBroker | SqsBroker | ElastiCacheBroker,
    Field(discriminator="kind"),
    BeforeValidator(_container_by_default),
]
