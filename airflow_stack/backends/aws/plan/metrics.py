"""Names of the metrics that the stack publishes itself, in one place for who sends them and who watches them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

RATIO = "DesiredToRunningRatio"
"""Per cent of the running workers that there should be: sent by the publisher beside the scheduler, with the
dimensions ClusterName and ServiceName of the worker."""

QUEUED, RUNNING = "QueuedTasks", "RunningTasks"
"""Tasks of Airflow, from the publisher and with its dimensions."""

HEARTBEAT = "scheduler_heartbeat"
"""Airflow's name of the counter that the scheduler's own loop increments about every five seconds."""

# The only dimension that the CloudWatch agent gives a statsd metric: it runs in a container, where it names no host, so
# that the agents of all services count as one.
# https://github.com/aws/amazon-cloudwatch-agent/blob/main/plugins/inputs/statsd/statsd.go
COUNTER = {"metric_type": "counter"}
GAUGE = {"metric_type": "gauge"}


def namespace(prefix: str) -> str:
    """CloudWatch namespace of the stack's own metrics; ``prefix`` is ``target.name``."""
    return f"airflow-stack/{prefix}"


def agent_name(metric: str) -> str:
    """What the CloudWatch agent calls a metric of Airflow: statsd's prefix is airflow, and _ stands for each dot."""
    return f"airflow_{metric.replace('.', '_')}"


def is_sent(metric: str, allowed: Iterable[str]) -> bool:
    """Whether Airflow sends a metric: one of ``metrics.allow`` is the beginning of its name."""
    return any(metric.startswith(beginning) for beginning in allowed)
