"""The ECS cluster, and the log groups of what runs in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_stack.backends.aws.plan.services import Family
from airflow_stack.config import AwsConfig

EXEC = "exec"
FIREHOSE = "firehose"


@dataclass(frozen=True)
class LogsPlan:
    """Where the lines of the tasks go, and how long they stay. Which way a role's take, its family says."""

    prefix: str
    roles: tuple[str, ...]
    """Each has a group of its own."""
    days: int
    """In CloudWatch, and in S3 where they go there."""
    firelens: bool
    """Whether Firehose takes those of the services to S3, where Athena queries them."""

    def group(self, purpose: str) -> str:
        """Name of a group: a role's, or one of what else writes."""
        return f"/airflow-stack/{self.prefix}/{purpose}"

    @property
    def workgroup(self) -> str:
        """Of Athena, with examples of queries."""
        return f"{self.prefix}-logs"


@dataclass(frozen=True)
class ClusterPlan:
    """The cluster, which bears the stack's name."""

    name: str
    insights: bool
    """Whether Container Insights measure each task."""
    exec_log_group: str | None
    """Of the shells in tasks; None where nobody may open one."""
    log_days: int

    @property
    def exec(self) -> bool:
        """Whether shells may be opened in the tasks."""
        return self.exec_log_group is not None


def logs(config: AwsConfig, families: Sequence[Family]) -> LogsPlan:
    """Of this stack."""
    asked = config.target.logs
    roles = tuple(family.role.name for family in families)
    return LogsPlan(config.target.name, roles, asked.retention_days, asked.firelens)


def cluster(config: AwsConfig, logs: LogsPlan) -> ClusterPlan:
    """Of this stack."""
    target = config.target
    sessions = logs.group(EXEC) if target.exec else None
    return ClusterPlan(target.name, target.metrics.container_insights, sessions, logs.days)
