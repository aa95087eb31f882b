"""Tells CloudWatch how many workers there should be: a process beside the scheduler, without Airflow in memory.

ECS scales the workers so that the metric ``DesiredToRunningRatio`` comes to 100: by as many workers as the tasks need,
in hundredths of those that are there or on their way.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import SplitResult, urlsplit

from airflow_stack_runtime import database, migrations
from airflow_stack_runtime.options import OptionError, option

TIMEOUT = 10
"""Seconds to wait for a connection or an answer."""

RETRY = (5.0, 120.0)
"""Seconds until the next attempt: after a first failure, and at most."""

QUERY = """
SELECT state, count(*) FROM task_instance
WHERE state IN ('queued', 'running') AND queue IN ({0}) AND (executor IS NULL OR executor LIKE {1})
GROUP BY state
"""
"""Tasks that a worker has or will get. A deferred one is the triggerer's, a scheduled one waits for something else than
a worker, and one of another queue or another executor never comes to these workers."""


def desired_to_running(tasks: int, concurrency: int, workers: int) -> float:
    """Return how many workers ``tasks`` need, in hundredths of the ``workers`` that ECS wants.

    Nothing to do for nobody is 100: as it should be. The first worker of all is asked for by 200, since there are no
    hundredths of nothing.
    """
    needed = math.ceil(tasks / concurrency)
    if workers == 0:
        return 200.0 if needed else 100.0
    return needed / workers * 100.0


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    cluster: str
    """Its name, as in the metric's dimension."""
    service: str
    namespace: str
    concurrency: int
    """Tasks that one worker runs at a time."""
    seconds: float
    """Between two publications."""
    queues: tuple[str, ...]
    """That the workers serve."""


def settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment.

    Raises:
        OptionError: a variable is missing, or is no number above zero.
    """
    prefix = "AIRFLOW_STACK_"

    def number(name: str, default: str | None = None) -> float:
        text = environment.get(prefix + name, default)
        try:
            value = float(text or "")
        except ValueError:
            value = 0.0
        if not value > 0:
            raise OptionError(f"{prefix}{name} must be a number above zero.")
        return value

    def text(name: str) -> str:
        if value := environment.get(prefix + name):
            return value
        raise OptionError(f"{prefix}{name} is not set.")

    return Settings(
        cluster=text("CLUSTER").rpartition("/")[2],
        service=text("WORKER_SERVICE").rpartition("/")[2],
        namespace=text("METRIC_NAMESPACE"),
        concurrency=max(1, int(number("WORKER_CONCURRENCY"))),
        seconds=number("PUBLISH_SECONDS", "30"),
        queues=tuple(filter(None, environment.get("AIRFLOW_STACK_QUEUES", "").split(",")))
        or (environment.get("AIRFLOW__OPERATORS__DEFAULT_QUEUE", "default"),),
    )


def count_tasks(connection: Any, queues: tuple[str, ...], placeholder: str = "%s") -> tuple[int, int]:
    """Return how many tasks are queued and how many run, by a connection of any database driver."""
    cursor = connection.cursor()
    places = ", ".join(placeholder for _ in queues)
    cursor.execute(QUERY.format(places, placeholder), (*queues, "%Celery%"))
    counts = dict(cursor.fetchall())
    cursor.close()
    return counts.get("queued", 0), counts.get("running", 0)


def count_workers(ecs: Any, cluster: str, service: str) -> int:
    """Return how many tasks ECS was told to run of the workers' service.

    Not how many run: a worker takes a minute to start, and what has been asked for would be asked for again.

    Raises:
        LookupError: the cluster has no such service.
    """
    answer = ecs.describe_services(cluster=cluster, services=[service])
    if not answer["services"]:
        raise LookupError(f"cluster {cluster} has no service {service}")
    return int(answer["services"][0]["desiredCount"])


def metrics(queued: int, running: int, workers: int, given: Settings) -> list[dict[str, Any]]:
    """Return the data of one publication, for ``put_metric_data``."""
    dimensions = [{"Name": "ClusterName", "Value": given.cluster}, {"Name": "ServiceName", "Value": given.service}]
    ratio = desired_to_running(queued + running, given.concurrency, workers)
    values = (
        ("DesiredToRunningRatio", ratio, "None"),
        ("QueuedTasks", queued, "Count"),
        ("RunningTasks", running, "Count"),
    )
    return [
        {"MetricName": name, "Dimensions": dimensions, "Value": float(value), "Unit": unit}
        for name, value, unit in values
    ]


class Publisher:
    """One publication after the other, whatever happens."""

    def __init__(self, given: Settings, count: Callable[[], tuple[int, int]], ecs: Any, cloudwatch: Any) -> None:
        """``count`` returns queued and running tasks; the other two are boto3's clients."""
        self._given, self._count, self._ecs, self._cloudwatch = given, count, ecs, cloudwatch
        self.failures = 0

    def publish(self) -> None:
        """Count and publish once."""
        queued, running = self._count()
        workers = count_workers(self._ecs, self._given.cluster, self._given.service)
        data = metrics(queued, running, workers, self._given)
        self._cloudwatch.put_metric_data(Namespace=self._given.namespace, MetricData=data)

    def attempt(self) -> float:
        """Publish, and return how many seconds to sleep."""
        started = time.monotonic()
        try:
            self.publish()
        except Exception as error:
            self.failures += 1
            seconds = min(RETRY[0] * 2.0 ** min(self.failures - 1, 10), RETRY[1])
            say(f"Nothing published, next attempt in {seconds:.0f} s: {describe(error)}")
            return seconds
        if self.failures:
            say(f"Published again, after {self.failures} failures.")
        self.failures = 0
        return max(0.0, self._given.seconds - (time.monotonic() - started))


class DatabaseError(Exception):
    """One sentence without secrets: the drivers' own text may quote the connection string."""


def count_in_database(queues: tuple[str, ...]) -> tuple[int, int]:
    """Count with a connection of its own: one that is kept all day would be one less for the others.

    Raises:
        DatabaseError: it cannot be reached or asked.
    """
    url = urlsplit(option("database", "sql_alchemy_conn"))
    try:
        connection = database.connect(_with_timeouts(url), TIMEOUT)
        try:
            return count_tasks(connection, queues)
        finally:
            connection.close()
    except Exception as error:
        explained = migrations.explain(error, SimpleNamespace(host=url.hostname))
        raise DatabaseError(str(explained)) from None


def _with_timeouts(url: SplitResult) -> SplitResult:
    """Have libpq give up a server that has gone without a word. The connection's timeout ends with its opening."""
    if database.dialect(url) != "postgresql" or "tcp_user_timeout" in url.query:
        return url
    return url._replace(query="&".join(filter(None, (url.query, f"tcp_user_timeout={TIMEOUT * 1000}"))))


def describe(error: Exception) -> str:
    """Return one line on an error."""
    text = " ".join(str(error).split())
    return text if isinstance(error, (DatabaseError, OptionError)) else f"{type(error).__name__}: {text}"


def say(sentence: str) -> None:
    """Print a line at once."""
    print(f"publish: {sentence}", flush=True)


def main() -> None:
    """Publish until a signal ends the process."""
    import boto3
    from botocore.config import Config

    try:
        given = settings()
    except OptionError as error:
        sys.exit(f"publish: {error}")
    config = Config(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries={"mode": "standard", "max_attempts": 2})
    ecs, cloudwatch = boto3.client("ecs", config=config), boto3.client("cloudwatch", config=config)
    publisher = Publisher(given, lambda: count_in_database(given.queues), ecs, cloudwatch)
    say(f"every {given.seconds:.0f} s to {given.namespace}, for {given.service} of {given.cluster}.")
    while True:
        time.sleep(publisher.attempt())


if __name__ == "__main__":
    main()
