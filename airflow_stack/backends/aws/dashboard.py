"""The dashboard as JSON: what one looks at first when tasks don't run. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_stack.backends.aws.plan.metrics import COUNTER, GAUGE, HEARTBEAT, RATIO, agent_name, is_sent

COLUMNS = 24
WIDTH = 8
HEIGHT = 6
PERIOD = 60

Metric = list[Any]


@dataclass(frozen=True)
class Watched:
    """What the graphs are about: names and ids as AWS has them. None is what this stack does not have."""

    region: str
    namespace: str
    """Of the stack's own metrics."""
    cluster: str
    services: Mapping[str, str] = field(default_factory=dict)
    """Names of the ECS services by role."""
    elastic: str = field(kw_only=True)
    """Role whose number follows the ratio."""
    load_balancer: str = ""
    """The ARN's last part, as metrics have it; likewise the target group's."""
    target_group: str = ""
    database: str | None = None
    max_connections: int | None = None
    """Of the database, for a line that says where it ends."""
    queue: str | None = None
    dead_letters: str | None = None
    cache: str | None = None
    airflow_metrics: tuple[str, ...] = ()
    """Beginnings of the names of Airflow's own metrics that are sent."""
    alarms: tuple[str, ...] = ()
    """ARNs."""


def dashboard(watched: Watched) -> str:
    """The dashboard's body: the same text for the same stack."""
    graphs = [*_tasks(watched), *_services(watched), *_queue(watched), *_database(watched), *_web(watched)]
    widgets: list[dict[str, Any]] = []
    top = 0
    if watched.alarms:
        widgets.append(
            {
                "type": "alarm",
                "x": 0,
                "y": 0,
                "width": COLUMNS,
                "height": 3,
                "properties": {"title": "Alarms", "alarms": list(watched.alarms)},
            }
        )
        top = 3
    for number, properties in enumerate(graphs):
        row, column = divmod(number, COLUMNS // WIDTH)
        widgets.append(
            {
                "type": "metric",
                "x": column * WIDTH,
                "y": top + row * HEIGHT,
                "width": WIDTH,
                "height": HEIGHT,
                "properties": {"region": watched.region, "view": "timeSeries", "period": PERIOD} | properties,
            }
        )
    return json.dumps({"widgets": widgets}, sort_keys=True)


def _graph(title: str, *metrics: Metric, mark: tuple[str, float] | None = None, **more: Any) -> dict[str, Any]:
    graph = {"title": title, "metrics": list(metrics), "yAxis": {"left": {"min": 0}}} | more
    if mark:
        graph["annotations"] = {"horizontal": [{"label": mark[0], "value": mark[1]}]}
    return graph


def _tasks(watched: Watched) -> list[dict[str, Any]]:
    """Airflow: is it alive, is there work, are there workers for it?"""
    ours = watched.namespace

    def sent(metric: str) -> bool:
        return is_sent(metric, watched.airflow_metrics)

    def airflow(metric: str, kind: dict[str, str], label: str, stat: str) -> Metric:
        dimensions = [part for pair in kind.items() for part in pair]
        return [ours, agent_name(metric), *dimensions, {"label": label, "stat": stat}]

    graphs = []
    if sent(HEARTBEAT):
        graphs.append(_graph("Scheduler heartbeats a minute", airflow(HEARTBEAT, COUNTER, "heartbeats", "Sum")))
    ratio = [ours, RATIO, "ClusterName", watched.cluster, "ServiceName", watched.services[watched.elastic]]
    graphs.append(
        _graph(
            "Wanted workers to running ones, per cent",
            [*ratio, {"label": "wanted to running", "stat": "Maximum"}],
            mark=("as many as wanted", 100),
        )
    )
    slots = [
        airflow(metric, GAUGE, label, "Maximum")
        for metric, label in (
            ("executor.queued_tasks", "queued"),
            ("executor.running_tasks", "running"),
            ("executor.open_slots", "free slots"),
        )
        if sent(metric)
    ]
    if slots:
        graphs.append(_graph("Tasks of the executor", *slots))
    if sent("dag_processing.import_errors"):
        errors = airflow("dag_processing.import_errors", GAUGE, "import errors", "Maximum")
        graphs.append(_graph("DAG files that can't be imported", errors))
    return graphs


def _services(watched: Watched) -> list[dict[str, Any]]:
    """ECS's own metrics, which cost nothing. A sample of CPU use a minute is one running task."""

    def each(metric: str, stat: str) -> list[Metric]:
        return [
            ["AWS/ECS", metric, "ClusterName", watched.cluster, "ServiceName", service, {"label": role, "stat": stat}]
            for role, service in sorted(watched.services.items())
        ]

    return [
        _graph("Running tasks", *each("CPUUtilization", "SampleCount")),
        _graph("CPU, per cent of what is reserved", *each("CPUUtilization", "Average"), mark=("all of it", 100)),
        _graph("Memory, per cent of what is reserved", *each("MemoryUtilization", "Maximum"), mark=("all of it", 100)),
    ]


def _queue(watched: Watched) -> list[dict[str, Any]]:
    graphs = []
    if watched.queue is not None:
        name = ["QueueName", watched.queue]
        graphs += [
            _graph(
                "Tasks in the queue",
                ["AWS/SQS", "ApproximateNumberOfMessagesVisible", *name, {"label": "waiting", "stat": "Maximum"}],
                ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", *name, {"label": "at work", "stat": "Maximum"}],
            ),
            _graph(
                "Age of the oldest task that is not done, seconds",
                ["AWS/SQS", "ApproximateAgeOfOldestMessage", *name, {"label": "age", "stat": "Maximum"}],
            ),
        ]
    if watched.dead_letters is not None:
        waiting = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", watched.dead_letters]
        graphs.append(_graph("Dead letters", [*waiting, {"label": "dead letters", "stat": "Maximum"}]))
    if watched.cache is not None:
        node = ["CacheClusterId", watched.cache]
        graphs += [
            _graph(
                "Broker: memory, per cent",
                ["AWS/ElastiCache", "DatabaseMemoryUsagePercentage", *node, {"label": "memory", "stat": "Maximum"}],
                mark=("all of it", 100),
            ),
            _graph(
                "Broker: connections",
                ["AWS/ElastiCache", "CurrConnections", *node, {"label": "connections", "stat": "Maximum"}],
            ),
        ]
    return graphs


def _database(watched: Watched) -> list[dict[str, Any]]:
    if watched.database is None:
        return []

    def rds(metric: str, label: str, stat: str) -> Metric:
        return ["AWS/RDS", metric, "DBInstanceIdentifier", watched.database, {"label": label, "stat": stat}]

    limit = ("max_connections", float(watched.max_connections)) if watched.max_connections else None
    return [
        _graph("Database: connections", rds("DatabaseConnections", "connections", "Maximum"), mark=limit),
        _graph("Database: free storage, bytes", rds("FreeStorageSpace", "free", "Minimum")),
        _graph(
            "Database: CPU, per cent; CPU credits on the right",
            rds("CPUUtilization", "CPU", "Maximum"),
            [
                *rds("CPUCreditBalance", "credits", "Minimum")[:-1],
                {"label": "credits", "stat": "Minimum", "yAxis": "right"},
            ],
        ),
    ]


def _web(watched: Watched) -> list[dict[str, Any]]:
    if not watched.load_balancer:
        return []
    balancer = ["LoadBalancer", watched.load_balancer]
    target = ["TargetGroup", watched.target_group, *balancer]
    return [
        _graph(
            "UI: requests a minute",
            ["AWS/ApplicationELB", "RequestCount", *balancer, {"label": "requests", "stat": "Sum"}],
            ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", *balancer, {"label": "5xx of Airflow", "stat": "Sum"}],
            [
                "AWS/ApplicationELB",
                "HTTPCode_ELB_5XX_Count",
                *balancer,
                {"label": "5xx of the balancer", "stat": "Sum"},
            ],
        ),
        _graph(
            "UI: time of an answer, seconds",
            ["AWS/ApplicationELB", "TargetResponseTime", *balancer, {"label": "median", "stat": "p50"}],
            ["AWS/ApplicationELB", "TargetResponseTime", *balancer, {"label": "slowest of a hundred", "stat": "p99"}],
        ),
        _graph(
            "UI: healthy webservers",
            ["AWS/ApplicationELB", "HealthyHostCount", *target, {"label": "healthy", "stat": "Minimum"}],
            ["AWS/ApplicationELB", "UnHealthyHostCount", *target, {"label": "unhealthy", "stat": "Maximum"}],
        ),
    ]
