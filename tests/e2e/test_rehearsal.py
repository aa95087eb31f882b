"""The stack of AWS on real containers: what `airflow-stack rehearse` claims, and that nothing of it is left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from airflow_stack.rehearsal import rehearse
from airflow_stack.rehearsal.rehearse import name_of
from e2e.session import Session, copy_project
from e2e.stack import RELEASE, Stack, docker

PROVED = (
    "the migration ran once",
    "webserver, triggerer and scheduler are healthy within their memory; the admin logs in",
    "20 tasks came by SQS to 2 workers, and all succeeded",
    "the workers went 0 → 2 → 0; each set its protection",
    "20 task logs are in S3, and the UI shows one of a worker that is gone",
    "a task read its connection from Secrets Manager",
    "a one-off command returns its exit code: 0 and 1",
    "a worker with a task is healthy; SIGTERM amid it: the worker finished it",
    "CloudWatch has the metrics DesiredToRunningRatio, airflow_scheduler_heartbeat",
    "no message is left in the queue, none in the dead-letter queue",
)

PROVED_BY_REDIS = (
    "the migration ran once",
    "a worker is healthy: it answers its probe through the broker",
    "20 tasks came by Redis over TLS to 2 workers, and all succeeded",
    "the workers went 0 → 2 → 0; each set its protection",
    "lines of the scheduler's log are in S3, by way of a log router and Firehose, with the columns that Athena reads",
    "no task is left in Redis, which answers nobody without the password, and nobody without TLS",
)

OF_RELEASE = {f"airflow-stack:{key}": value for key, value in RELEASE.items()}

pytestmark = pytest.mark.usefixtures("images")


def left(name: str) -> list[str]:
    """Containers and networks of a rehearsal."""
    label = f"label=airflow-stack.rehearsal={name}"
    containers = docker("ps", "--all", "--quiet", "--filter", label)
    return [*containers.split(), *docker("network", "ls", "--quiet", "--filter", label).split()]


def test_prod_is_rehearsed_and_nothing_is_left(session: Session, tmp_path: Path) -> None:
    """The committed stack file, by the task definitions that the program registers; then a clean machine."""
    stack = Stack(session, tmp_path)
    config = yaml.safe_load((stack.program / "Pulumi.prod.yaml").read_text())
    config["config"] |= OF_RELEASE
    config["config"]["airflow-stack:target"]["name"] = f"r{os.getpid()}"  # two runs on one machine don't meet
    (stack.program / "Pulumi.prod.yaml").write_text(yaml.safe_dump(config))
    result = stack.cli("rehearse", "-s", "prod").check()
    for sentence in PROVED:
        assert sentence in result.output, result.output
    assert left(name_of(stack.program, f"r{os.getpid()}", "prod")) == []


def test_redis_carries_the_tasks_over_tls_and_with_its_password(session: Session, tmp_path: Path) -> None:
    """Rule: ElastiCache's URL is one that Celery can use: TLS that is checked, the password, and nothing left behind.

    The services' logs go by the log router here: each line is in S3, of a worker that is gone too. What does not depend
    on the broker or on that, the test above has seen.
    """
    program = Stack(session, tmp_path).program
    config = yaml.safe_load((program / "Pulumi.prod.yaml").read_text())["config"] | OF_RELEASE
    config["airflow-stack:target"] |= {"name": f"e{os.getpid()}", "logs": {"firelens": True}}
    config["airflow-stack:broker"] = {"kind": "elasticache"}
    (program / "Pulumi.cache.yaml").write_text(yaml.safe_dump({"config": config}))
    said: list[str] = []
    proved = rehearse(program, "cache", said.append, queue_alone=True)
    for sentence in PROVED_BY_REDIS:
        assert any(sentence in one for one in proved), said
    assert left(name_of(program, f"e{os.getpid()}", "cache")) == []


def test_a_stack_with_servers_in_use_is_not_rehearsed(session: Session, tmp_path: Path) -> None:
    """A rehearsal would write into the database that the stack uses."""
    program = copy_project(tmp_path / "program")
    config = yaml.safe_load((program / "Pulumi.prod.yaml").read_text())
    config["config"] |= {"airflow-stack:database": {"kind": "external"}, "airflow-stack:database_url": {"secure": "x"}}
    (program / "Pulumi.prod.yaml").write_text(yaml.safe_dump(config))
    command = Stack(session, tmp_path).command("rehearse", "-s", "prod", "--cwd", str(program))
    result = subprocess.run(command, cwd=program, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "must not touch a server that is in use" in result.stderr
    assert "Traceback" not in result.stderr
