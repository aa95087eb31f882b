"""publish.py: how many workers there should be, as a metric."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from airflow_stack_runtime import database
from airflow_stack_runtime.options import OptionError
from airflow_stack_runtime.verbs import publish
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

ENVIRONMENT = {
    "AIRFLOW_STACK_CLUSTER": "arn:aws:ecs:us-east-1:123456789012:cluster/airflow",
    "AIRFLOW_STACK_WORKER_SERVICE": "airflow-worker",
    "AIRFLOW_STACK_WORKER_CONCURRENCY": "4",
    "AIRFLOW_STACK_METRIC_NAMESPACE": "airflow-stack/airflow",
}
GIVEN = publish.settings(ENVIRONMENT)


@pytest.mark.parametrize(
    ("tasks", "workers", "ratio"),
    [(0, 0, 100), (1, 0, 200), (99, 0, 200), (0, 3, 0), (4, 1, 100), (5, 1, 200), (20, 5, 100), (8, 4, 50)],
)
def test_ratio(tasks: int, workers: int, ratio: float) -> None:
    """The numbers of the design, for four tasks a worker."""
    assert publish.desired_to_running(tasks, 4, workers) == ratio


@given(tasks=st.integers(0, 100_000), concurrency=st.integers(1, 1000), workers=st.integers(0, 1000))
def test_ratio_leads_to_enough_workers_and_no_more(tasks: int, concurrency: int, workers: int) -> None:
    """Target tracking multiplies the workers by ratio / 100: then all tasks have a place, with none to spare."""
    ratio = publish.desired_to_running(tasks, concurrency, workers)
    assert ratio >= 0
    if workers:
        wanted = round(workers * ratio / 100)
        assert wanted * concurrency >= tasks
        assert wanted == 0 or (wanted - 1) * concurrency < tasks
    else:
        assert (ratio > 100) == (tasks > 0)


@given(tasks=st.integers(0, 10_000), more=st.integers(0, 100), workers=st.integers(0, 100))
def test_ratio_never_falls_with_more_tasks(tasks: int, more: int, workers: int) -> None:
    """Nor is it ever an error."""
    assert publish.desired_to_running(tasks + more, 8, workers) >= publish.desired_to_running(tasks, 8, workers)


def test_counts() -> None:
    """Only what a worker of this stack has or will get."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE task_instance (state TEXT, queue TEXT, executor TEXT)")
    celery = "airflow.providers.celery.executors.celery_executor.CeleryExecutor"
    rows = [
        ("queued", "default", None),
        ("queued", "default", "CeleryExecutor"),
        ("queued", "default", celery),
        ("running", "default", None),
        ("running", "gpu", None),
        ("queued", "default", "LocalExecutor"),
        *((state, "default", None) for state in ("deferred", "scheduled", "success", "up_for_retry", None)),
    ]
    assert publish.count_tasks(connection, ("default",), "?") == (0, 0)
    connection.executemany("INSERT INTO task_instance VALUES (?, ?, ?)", rows)
    assert publish.count_tasks(connection, ("default",), "?") == (3, 1)
    assert publish.count_tasks(connection, ("default", "gpu"), "?") == (3, 2)


def test_a_query_is_never_built_of_values() -> None:
    """The name of the queue is the driver's to quote."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE task_instance (state TEXT, queue TEXT, executor TEXT)")
    assert publish.count_tasks(connection, ("' OR 1=1 --",), "?") == (0, 0)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """ECS with two workers, and CloudWatch."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        ecs, cloudwatch = boto3.client("ecs"), boto3.client("cloudwatch")
        ecs.create_cluster(clusterName="airflow")
        task: Any = {"name": "worker", "image": "worker", "memory": 64}
        ecs.register_task_definition(family="worker", containerDefinitions=[task])
        ecs.create_service(cluster="airflow", serviceName="airflow-worker", taskDefinition="worker", desiredCount=2)
        yield SimpleNamespace(ecs=ecs, cloudwatch=cloudwatch)


def published(cloudwatch: Any, name: str) -> list[float]:
    now = datetime.now(UTC)
    answer = cloudwatch.get_metric_statistics(
        Namespace="airflow-stack/airflow",
        MetricName=name,
        Dimensions=[{"Name": "ClusterName", "Value": "airflow"}, {"Name": "ServiceName", "Value": "airflow-worker"}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=600,
        Statistics=["Maximum"],
    )
    return [point["Maximum"] for point in answer["Datapoints"]]


def test_published_to_cloudwatch(aws: SimpleNamespace) -> None:
    """Three metrics, with the dimensions that the scaling policy asks for."""
    running = publish.count_workers(aws.ecs, "airflow", "airflow-worker")
    publisher = publish.Publisher(GIVEN, lambda: (9, 3), aws.ecs, aws.cloudwatch)
    assert 20 < publisher.attempt() <= 30
    assert published(aws.cloudwatch, "QueuedTasks") == [9]
    assert published(aws.cloudwatch, "RunningTasks") == [3]
    assert published(aws.cloudwatch, "DesiredToRunningRatio") == [publish.desired_to_running(12, 4, running)]


def test_failures_are_said_and_repeated(aws: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, ever more slowly, and never the end; nothing is published meanwhile."""

    def fail() -> tuple[int, int]:
        raise publish.DatabaseError("The database server\n db does not answer.")

    publisher = publish.Publisher(GIVEN, fail, aws.ecs, aws.cloudwatch)
    assert [publisher.attempt() for _ in range(7)] == [5, 10, 20, 40, 80, 120, 120]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "publish: Nothing published, next attempt in 5 s: The database server db does not answer."
    assert len(lines) == 7
    assert published(aws.cloudwatch, "QueuedTasks") == []
    publisher._count = lambda: (0, 0)
    assert publisher.attempt() > 20
    assert "after 7 failures" in capsys.readouterr().out
    publisher._count = fail
    assert publisher.attempt() == 5


@pytest.mark.parametrize("missing", ["cluster", "service"])
def test_a_refusal_of_aws_is_a_failure(aws: SimpleNamespace, missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A service that is not there has no number of workers: publishing zero would start some for nothing."""
    variables = {"cluster": "AIRFLOW_STACK_CLUSTER", "service": "AIRFLOW_STACK_WORKER_SERVICE"}
    given = publish.settings(ENVIRONMENT | {variables[missing]: "other"})
    assert publish.Publisher(given, lambda: (1, 0), aws.ecs, aws.cloudwatch).attempt() == 5
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert published(aws.cloudwatch, "DesiredToRunningRatio") == []


def test_the_database_error_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver may quote the connection string."""
    monkeypatch.setenv(
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://airflow:hidden@db.example.com/airflow"
    )

    def connect(url: Any, timeout: float) -> Any:
        raise ValueError(f"cannot connect to {url.geturl()} in {timeout}")

    monkeypatch.setattr(database, "connect", connect)
    with pytest.raises(publish.DatabaseError) as error:
        publish.count_in_database(("default",))
    assert "hidden" not in str(error.value)
    assert "db.example.com" in str(error.value)


def test_a_silent_database_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one lost packet stops the scaling; the URL's own parameters stay."""
    url = "postgresql+psycopg2://airflow:hidden@db/airflow?sslmode=require"
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", url)
    seen: list[Any] = []

    def connect(url: Any, _timeout: float) -> sqlite3.Connection:
        seen.append(url)
        return sqlite3.connect(":memory:")

    monkeypatch.setattr(database, "connect", connect)
    with pytest.raises(publish.DatabaseError):
        publish.count_in_database(("default",))
    assert seen[0].query == "sslmode=require&tcp_user_timeout=10000"


def test_settings() -> None:
    """ECS's variables hold ARNs or names; the metric's dimensions are names."""
    assert publish.Settings("airflow", "airflow-worker", "airflow-stack/airflow", 4, 30.0, ("default",)) == GIVEN
    more = {"AIRFLOW_STACK_PUBLISH_SECONDS": "10", "AIRFLOW__OPERATORS__DEFAULT_QUEUE": "etl"}
    assert publish.settings(ENVIRONMENT | more).seconds == 10
    assert publish.settings(ENVIRONMENT | more).queues == ("etl",)
    assert publish.settings(ENVIRONMENT | more | {"AIRFLOW_STACK_QUEUES": "etl,gpu"}).queues == ("etl", "gpu")


@pytest.mark.parametrize(
    ("name", "value"),
    [*((name, "") for name in sorted(ENVIRONMENT)), *(("AIRFLOW_STACK_WORKER_CONCURRENCY", bad) for bad in "0x")],
)
def test_a_missing_setting_is_named(name: str, value: str) -> None:
    """It would never come by waiting."""
    with pytest.raises(OptionError, match=name):
        publish.settings(ENVIRONMENT | {name: value})
