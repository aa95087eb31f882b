"""What the stack stores: the bucket, and what it deletes by itself there; the repository of its image. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_stack.backends.aws.plan.environment import TASK_LOGS
from airflow_stack.config import AwsConfig

SERVICE_LOGS = "service-logs"
"""Prefix in the bucket of Firehose's records, and of what Athena finds in them."""


@dataclass(frozen=True)
class Bucket:
    """The stack's only one."""

    prefix: str
    """What its name begins with: the name is unique in all of AWS, and AWS makes up the rest."""
    days: Mapping[str, int]
    """After which S3 deletes an object, by its prefix; the backups', which is not here, stay."""
    keep: bool
    """Whether a destroy leaves it."""


@dataclass(frozen=True)
class Repository:
    """Of the stack's image."""

    prefix: str
    keep: bool
    """Whether a destroy leaves it."""

    def name(self, suffix: str) -> str:
        """``*`` for the suffix gives the pattern of all that this stack has made."""
        return f"{self.prefix}-airflow-{suffix}"


def bucket(config: AwsConfig) -> Bucket:
    """Each prefix has its days, used or not: what a changed config leaves expires too."""
    logs = config.target.logs
    days = {TASK_LOGS: logs.task_log_days, SERVICE_LOGS: logs.retention_days}
    return Bucket(f"{config.target.name}-", days, not config.target.delete_data)


def repository(config: AwsConfig) -> Repository:
    """Of this stack."""
    return Repository(config.target.name, not config.target.delete_data)
