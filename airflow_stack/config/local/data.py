"""Metadata database and broker of a stack of this machine: a container, or a server that is already there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from airflow_stack.config.data import BrokerConfig, DatabaseConfig, ExternalBroker, ExternalDatabase
from airflow_stack.config.types import (
    DatabaseName,
    MemoryMiB,
    Port,
    RedisVisibilityTimeout,
    RoleName,
    by_engine,
    kind_by_default,
)


class ContainerDatabase(DatabaseConfig):
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
    port: Port | None = Field(
        None, description="Port on the host that leads to PostgreSQL. None by default.", examples=[5432]
    )
    memory: MemoryMiB | None = by_engine(384)


LocalDatabase = Annotated[
    ContainerDatabase | ExternalDatabase, Field(discriminator="kind"), kind_by_default("container")
]


class ContainerBroker(BrokerConfig):
    """Redis in a container of the stack; its queue is on disk, so that a restart loses no task."""

    kind: Literal["container"] = "container"
    visibility_timeout: RedisVisibilityTimeout = 86_400
    memory: MemoryMiB = Field(128, description="Memory limit in MiB.")


LocalBroker = Annotated[ContainerBroker | ExternalBroker, Field(discriminator="kind"), kind_by_default("container")]
