"""The servers behind Airflow that the stack has itself: database and broker, under names that are known beforehand.

An external one is none of AWS's: the plan has None for it. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_stack.config import AwsConfig
from airflow_stack.config.aws import ElastiCacheBroker, RdsDatabase, SqsBroker


@dataclass(frozen=True)
class DatabasePlan:
    """An instance of RDS for PostgreSQL."""

    prefix: str
    asked: RdsDatabase
    """What config says of it."""
    log_days: int
    keep: bool
    """Whether a destroy leaves it."""

    @property
    def identifier(self) -> str:
        """Fixed: RDS names its log groups after it. And what could only replace the instance fails on the name that is
        taken, before any service has been led to an empty database."""
        return f"{self.prefix}-database"


@dataclass(frozen=True)
class Queues:
    """SQS: the queue of tasks, and that of what was delivered too often."""

    prefix: str
    asked: SqsBroker
    """What config says of them."""

    @property
    def tasks(self) -> str:
        """What the queue's name begins with. A deleted queue's name is taken for another minute: AWS ends it."""
        return f"{self.prefix}-tasks-"

    @property
    def dead_letters(self) -> str:
        """The other one's."""
        return f"{self.prefix}-dead-letters-"


@dataclass(frozen=True)
class Cache:
    """A replication group of ElastiCache."""

    prefix: str
    asked: ElastiCacheBroker
    """What config says of it."""

    @property
    def identifier(self) -> str:
        """Of the group."""
        return f"{self.prefix}-broker"

    @property
    def nodes(self) -> int:
        """The one that is written to, and its copies."""
        return self.asked.replicas + 1


BrokerPlan = Queues | Cache


def database(config: AwsConfig) -> DatabasePlan | None:
    """The stack's own one."""
    if not isinstance(config.database, RdsDatabase):
        return None
    target = config.target
    return DatabasePlan(target.name, config.database, target.logs.retention_days, not target.delete_data)


def broker(config: AwsConfig) -> BrokerPlan | None:
    """The stack's own one."""
    if isinstance(config.broker, SqsBroker):
        return Queues(config.target.name, config.broker)
    return Cache(config.target.name, config.broker) if isinstance(config.broker, ElastiCacheBroker) else None
