"""Which alarms there are, what each looks at, and when it goes off. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from airflow_stack.backends.aws.plan import refs
from airflow_stack.backends.aws.plan.metrics import COUNTER, HEARTBEAT, RATIO, agent_name, is_sent, namespace
from airflow_stack.backends.aws.plan.services import Service
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws import ElastiCacheBroker, RdsDatabase, SqsBroker

GIB = 1024**3

OFF = "scheduler-off"
"""The alarm that is no fault: the scheduler is off by its schedule. It only holds another one back."""

Comparison = Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"]
Missing = Literal["breaching", "notBreaching", "ignore", "missing"]


@dataclass(frozen=True)
class Metric:
    """A metric of CloudWatch, and what is made of its values in each period. Values of dimensions may hold a `Ref`."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str
    period: int = 300
    """Seconds."""


@dataclass(frozen=True)
class Formula:
    """Metric math over metrics by their ids in it."""

    id: str
    expression: str
    label: str
    metrics: Mapping[str, Metric]


@dataclass(frozen=True)
class Alarm:
    """An alarm, whose name in AWS is the stack's with its purpose. Its description says what to look at."""

    purpose: str
    description: str
    watches: Metric | Formula
    comparison: Comparison
    threshold: int
    periods: int
    """How many of them in a row."""
    missing: Missing
    """What a period without data counts as."""
    tells: bool = True
    """Whether it tells somebody by itself."""
    after: refs.Ref | None = None
    """What has to be there first."""

    @property
    def is_fault(self) -> bool:
        """Whether it says that something is wrong."""
        return self.purpose != OFF

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Those that it looks at, each of which is paid for."""
        return tuple(self.watches.metrics.values()) if isinstance(self.watches, Formula) else (self.watches,)


@dataclass(frozen=True)
class Composite:
    """Tells what an alarm says, unless another one goes off too. Both are named by their purposes; times in seconds."""

    purpose: str
    description: str
    of: str
    unless: str
    wait: int
    extension: int


@dataclass(frozen=True)
class Watching:
    """Alarms, dashboard, and whom they tell."""

    namespace: str
    """Of the stack's own metrics in CloudWatch."""
    alarms: tuple[Alarm, ...]
    composites: tuple[Composite, ...]
    email: str | None
    """Who is told; None for nobody."""
    airflow_metrics: tuple[str, ...] = ()
    """Beginnings of the names of Airflow's own metrics that are sent."""
    max_connections: int | None = None
    """Of the database; None for a server that is not ours."""
    elastic: str = field(kw_only=True)
    """Role whose number follows the ratio of wanted workers to running ones."""
    event_days: int = field(kw_only=True)
    """Days for which ECS's events are kept."""

    @property
    def alarm_metrics(self) -> int:
        """Metrics that the alarms look at."""
        return sum(len(alarm.metrics) for alarm in self.alarms)


def watching(config: AwsConfig, services: Sequence[Service]) -> Watching:
    """What is watched of this stack."""
    target, database = config.target, config.database
    scheduler = next(service for service in services if service.role.spec.schedules)
    elastic = next(service for service in services if service.elastic)
    scheduled = scheduler.schedule is not None
    return Watching(
        namespace=namespace(target.name),
        alarms=tuple(_alarms(config, scheduler, elastic.role.name)),
        composites=(_SILENT,) if scheduled else (),
        email=target.metrics.alarm_email,
        airflow_metrics=tuple(target.metrics.allow) if target.metrics.statsd else (),
        max_connections=database.max_connections if isinstance(database, RdsDatabase) else None,
        elastic=elastic.role.name,
        event_days=target.logs.retention_days,
    )


# With a schedule, silence is told only while a task of the service runs, which ECS's own metric says.
#
# Missing data can't count as good, for then a dead scheduler would be good by day too; and metric math has the hour in
# UTC, but neither time zone nor cron. So one alarm says that the service is off, and holds back what the other one
# would tell; a task that starts has a quarter of an hour until its silence counts. That no task comes up at all in the
# morning is told by ECS's events (see service_events.py).
_SILENT = Composite(
    "scheduler-silent",
    "The scheduler runs and gives no sign of life: no task is started. See its log group.",
    of="scheduler-heartbeat",
    unless=OFF,
    wait=600,
    extension=900,
)


def _alarms(config: AwsConfig, scheduler: Service, elastic: str) -> Iterator[Alarm]:
    yield from _scheduler(config, scheduler, elastic)
    yield _services(config)
    yield from _tasks(config, elastic)
    yield from _web()
    if isinstance(config.database, RdsDatabase):
        yield from _database(config.database)


def of_service(config: AwsConfig, name: str, role: str, statistic: str, period: int) -> Metric:
    """One of the stack's own metrics, which the publisher beside the scheduler sends of a service."""
    return Metric(namespace(config.target.name), name, _dimensions(role), statistic, period)


def _dimensions(role: str) -> Mapping[str, str]:
    return {"ClusterName": str(refs.CLUSTER_NAME), "ServiceName": str(refs.service_name(role))}


def _scheduler(config: AwsConfig, scheduler: Service, elastic: str) -> Iterator[Alarm]:
    """The scheduler is dead: Airflow's own counter is the best sign of it, since its loop increments it.

    The publisher beside the scheduler goes on when that loop hangs, so its metric only says that the task is there and
    reaches the database. It stands in where Airflow's counter is not sent. Silence is the fault in both cases.
    """
    target = config.target
    scheduled = scheduler.schedule is not None
    if target.metrics.statsd and is_sent(HEARTBEAT, target.metrics.allow):
        sign = Metric(namespace(target.name), agent_name(HEARTBEAT), COUNTER, "Sum", 60)
    else:
        sign = of_service(config, RATIO, elastic, "SampleCount", 60)
    yield Alarm(
        "scheduler-heartbeat",
        "The scheduler gives no sign of life: no task is started. See its log group and the events of its service.",
        sign,
        "LessThanThreshold",
        1,
        periods=5,
        missing="breaching",
        tells=not scheduled,
        # An alarm that is older than the service would go off during the first deployment.
        after=refs.service_name(scheduler.role.name),
    )
    if scheduled:
        yield Alarm(
            OFF,
            "No task of the scheduler runs. By its schedule, that is as it should be; nobody is told.",
            # A sample a minute of each running task.
            Metric("AWS/ECS", "CPUUtilization", _dimensions(scheduler.role.name), "SampleCount", 60),
            "LessThanThreshold",
            1,
            periods=3,
            missing="breaching",
            tells=False,
        )


def _services(config: AwsConfig) -> Alarm:
    group = f"/aws/events/{config.target.name}-services"
    return Alarm(
        "services",
        f"Tasks of a service don't come up. The log group {group} says which, and why.",
        Metric("AWS/Events", "TriggeredRules", {"RuleName": str(refs.EVENT_RULE)}, "Sum"),
        "GreaterThanThreshold",
        0,
        periods=1,
        missing="notBreaching",
    )


def _tasks(config: AwsConfig, elastic: str) -> Iterator[Alarm]:
    stuck = "Tasks have been waiting for a quarter of an hour, and {}. See the events of the worker's service."
    if isinstance(config.broker, SqsBroker):
        queue = {"QueueName": str(refs.QUEUE_NAME)}
        # Not the age of the oldest message: a task that runs for hours is one, since it is acknowledged at its end.
        yield Alarm(
            "queue-stuck",
            stuck.format("no worker has taken one"),
            Formula(
                "stuck",
                "IF(waiting > 0 AND taken < 1, waiting, 0)",
                "tasks that nobody takes",
                {
                    "waiting": Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, "Minimum"),
                    "taken": Metric("AWS/SQS", "NumberOfMessagesReceived", queue, "Sum"),
                },
            ),
            "GreaterThanThreshold",
            0,
            periods=3,
            # A queue that nobody uses has no metrics.
            missing="notBreaching",
        )
        letters = {"QueueName": str(refs.DEAD_LETTER_NAME)}
        yield Alarm(
            "dead-letters",
            "A task was delivered several times and never acknowledged: its worker died each time. Look at the"
            " message in the dead-letter queue, then delete it or send it back.",
            Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", letters, "Maximum"),
            "GreaterThanThreshold",
            0,
            periods=1,
            # SQS stops sending metrics of a queue that nobody touches, and the letter is still there.
            missing="ignore",
        )
    else:
        yield Alarm(
            "queue-stuck",
            stuck.format("less than half of the workers that they need have come"),
            of_service(config, RATIO, elastic, "Minimum", 300),
            "GreaterThanOrEqualToThreshold",
            200,
            periods=3,
            # Nothing is sent while the scheduler is off, whose own alarm that is.
            missing="notBreaching",
        )
    if isinstance(config.broker, ElastiCacheBroker):
        node = {"CacheClusterId": refs.cache_node()}
        yield Alarm(
            "broker-memory",
            "The broker's memory is nearly full: it will refuse tasks. Take a larger broker.node_type.",
            Metric("AWS/ElastiCache", "DatabaseMemoryUsagePercentage", node, "Maximum"),
            "GreaterThanThreshold",
            80,
            periods=2,
            missing="missing",
        )


def _web() -> Iterator[Alarm]:
    both = {"LoadBalancer": str(refs.LOAD_BALANCER), "TargetGroup": str(refs.TARGET_GROUP)}
    yield Alarm(
        "ui-errors",
        "The webserver answers with errors (5xx). See its log group.",
        Metric("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", both, "Sum"),
        "GreaterThanOrEqualToThreshold",
        10,
        periods=2,
        missing="notBreaching",  # no answer of this kind is no data
    )
    yield Alarm(
        "ui-unhealthy",
        "A webserver has failed the load balancer's health check for ten minutes. See its log group.",
        Metric("AWS/ApplicationELB", "UnHealthyHostCount", both, "Maximum", 60),
        "GreaterThanThreshold",
        0,
        periods=10,
        missing="notBreaching",  # no webserver by its schedule is no data
    )


def _database(database: RdsDatabase) -> Iterator[Alarm]:
    """RDS is silent while it is stopped, and says so itself."""
    instance = {"DBInstanceIdentifier": str(refs.DATABASE)}
    yield Alarm(
        "database-storage",
        "The database has had less than a tenth of its first storage free for half an hour: by then it should have"
        " grown. Raise database.max_storage, or trim the metadata with `airflow db clean`.",
        Metric("AWS/RDS", "FreeStorageSpace", instance, "Minimum"),
        "LessThanThreshold",
        database.storage * GIB // 10,
        periods=6,
        missing="missing",
    )
    yield Alarm(
        "database-connections",
        "The database has four fifths of the connections that it allows; past that it refuses them. Take a larger"
        " database.instance_class, or fewer workers.",
        Metric("AWS/RDS", "DatabaseConnections", instance, "Maximum"),
        "GreaterThanThreshold",
        database.max_connections * 4 // 5,
        periods=3,
        missing="missing",
    )
