"""What a metadata database and a broker are, wherever a stack runs, and the servers that are already there."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from airflow_stack.config.types import DatabaseName, RedisVisibilityTimeout, RoleName, Section


class DatabaseConfig(Section):
    """``airflow-stack:database``: where Airflow keeps its metadata."""

    kind: str
    user: RoleName = Field("airflow", description="Airflow's role.")
    name: DatabaseName = Field("airflow", description="Airflow's database.")


class ExternalDatabase(DatabaseConfig):
    """A PostgreSQL or MySQL server that is already there, named by the secret ``database_url``."""

    kind: Literal["external"]
    user: RoleName = Field("airflow", description="Airflow's role, for the SQL that creates it.")
    name: DatabaseName = Field("airflow", description="Airflow's database, for the SQL that creates it.")


class BrokerConfig(Section):
    """``airflow-stack:broker``: what hands the tasks to the workers."""

    ONE_QUEUE: ClassVar[str] = ""
    """Why no task can ask for a queue of its own. Empty: any can."""

    kind: str
    visibility_timeout: int


class ExternalBroker(BrokerConfig):
    """A Redis or Valkey server that is already there, named by the secret ``broker_url``."""

    kind: Literal["external"]
    visibility_timeout: RedisVisibilityTimeout = 86_400
