"""Containers of a stack that is up: memory, restarts, roles, logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_stack.airflow import describe
from airflow_stack.backends.containers import plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig, read_stack_file
from airflow_stack.operations.doctor import docker_stack
from airflow_stack.operations.doctor.finding import Finding, State
from airflow_stack.operations.doctor.roles import judge
from airflow_stack.operations.running import RoleStatus
from airflow_stack.operations.running.docker_stack import DockerStack
from airflow_stack.releases import DEFAULT, RELEASES

from .conftest import one

MIB = 1024**2


def container(service: str, used: int = 100, cache: int = 0, **attributes: Any) -> Any:
    """One with a limit of 1000 MiB that has taken so many, ``cache`` of them for files."""
    stats = {"memory_stats": {"usage": used * MIB, "limit": 1000 * MIB, "stats": {"inactive_file": cache * MIB}}}
    state = {"Status": "running", "OOMKilled": attributes.pop("oom", False)}
    killed = f"low 0\noom 2\noom_kill {attributes.pop('killed', 0)}\n"
    return SimpleNamespace(
        id=service,
        name=f"af-{service}",
        labels={"airflow-stack.service": service},
        attrs={"State": state, "RestartCount": attributes.pop("restarts", 0), "HostConfig": {"Memory": 1000 * MIB}},
        stats=stats,
        exec_run=lambda _: SimpleNamespace(output=killed.encode()),
    )


def running(program: Path, engine: int = 4096, **config: Any) -> DockerStack:
    """A stack of an engine that has so many MiB."""
    parsed = LocalConfig.model_validate({"target": {"memory": engine}} | config)
    machine = Machine.of(parsed, program, "local")
    return DockerStack("local", program, parsed, plan(parsed, describe(parsed), machine))


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[Finding]]:
    """What is found where the engine has these containers."""

    def look(*containers: Any, engine: int = 16_000) -> list[Finding]:
        known = {one.id: one.stats for one in containers}
        api = SimpleNamespace(stats=lambda id_, **_: known[id_])
        monkeypatch.setattr(docker_stack, "client", lambda: SimpleNamespace(api=api))
        return list(docker_stack._memory(containers, running(tmp_path, engine)))

    return look


def test_memory(memory: Callable[..., list[Finding]]) -> None:
    """Rule: what a container can't give back is what counts, not the cache of files."""
    (found,) = memory(container("worker-1", 950, cache=500), container("redis", 500))
    assert (found.state, found.seen) == (State.OK, "the fullest, redis, has 50% of its limit")


def test_memory_that_is_nearly_full(memory: Callable[..., list[Finding]]) -> None:
    """Rule: the container is named, and the key that gives it more."""
    (found,) = memory(container("worker-2", 950), container("redis", 10))
    assert (found.what, found.state, found.seen) == ("Memory of worker-2", State.WARNING, "95% of its limit")
    assert found.mend == "airflow-stack init -s local --set worker.memory=5696"


def test_processes_that_were_killed_are_told_of_their_container(memory: Callable[..., list[Finding]]) -> None:
    """Rule: what the cgroup of a container counts is a warning; a worker's tasks are told by their names instead."""
    found = memory(container("scheduler", killed=2), container("worker-1", killed=1), container("proxy", killed=1))
    first, second = (one for one in found if one.state is State.WARNING)
    assert (first.what, first.seen[:20]) == ("Memory of scheduler", "2 of its processes w")
    assert "--set scheduler.memory=" in first.mend
    assert "--set proxy.memory=128" in second.mend


def test_killed_and_restarted(tmp_path: Path) -> None:
    """Rule: what has ended by itself is told; what runs since its start is not."""
    found = list(
        docker_stack._restarts(
            [container("worker-1", oom=True), container("scheduler", restarts=3), container("webserver", restarts=1)],
            running(tmp_path),
        )
    )
    assert [finding.what for finding in found] == ["Memory of worker-1", "scheduler"]
    assert found[1].mend == "docker logs af-scheduler"
    assert found[1].state is State.MISSING


def test_task_logs(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: their size is told, and from when on it is a burden what deletes the old ones."""
    (program / "logs" / "dag_id=a").mkdir(parents=True)
    (program / "logs" / "dag_id=a" / "1.log").write_bytes(b"x" * 4096)
    stack: Any = SimpleNamespace(name="local", program=program, config=read_stack_file(program, "local")[0])
    (found,) = docker_stack._logs(stack)
    assert (found.state, found.seen) == (State.OK, "4 KiB in logs")
    monkeypatch.setattr(docker_stack, "LOGS", 1024)
    (found,) = docker_stack._logs(stack)
    assert found.state is State.WARNING
    assert found.mend.startswith("find ")
    monkeypatch.setattr(docker_stack, "LARGE_LOG", 4095)
    both = list(docker_stack._logs(stack))
    large = one(both, "Largest task log")
    assert large.seen == "4 KiB in logs/dag_id=a/1.log"
    assert large.mend.endswith("/logs/dag_id=a/1.log")


def test_roles() -> None:
    """Rule: those that are well are one line; each of the others has what it costs and what is done about it."""
    found = list(
        judge(
            [
                RoleStatus("scheduler", 1, 0, 0, "2.10.2", None, "exited with code 137"),
                RoleStatus("worker", 3, 3, 2, "2.10.2", None),
                RoleStatus("webserver", 1, 1, 1, "2.10.2", None),
            ],
            RELEASES[DEFAULT],
            "local",
        )
    )
    assert one(found, "Roles").seen == "healthy: webserver (1 in all)"
    scheduler = one(found, "Scheduler")
    assert (scheduler.state, scheduler.seen) == (State.MISSING, "0 of 1 healthy: exited with code 137")
    assert scheduler.cost == "no task is started"
    assert scheduler.mend == "airflow-stack scale -s local scheduler=1"  # what is stopped can't be restarted
    assert one(found, "Worker").seen == "2 of 3 healthy"
    assert one(found, "Worker").mend == "airflow-stack restart -s local worker"


def test_servers_of_aws() -> None:
    """Rule: RDS and SQS are neither restarted nor scaled by us."""
    (found,) = judge([RoleStatus("database", 1, 0, 0, "postgres 16", None, "it is gone")], RELEASES[DEFAULT], "prod")
    assert found.mend == "pulumi up --refresh --stack prod"


def test_servers_of_this_machine() -> None:
    """Rule: they can't be scaled; what brings a stopped one back is the stack's own start."""
    (found,) = judge([RoleStatus("redis", 1, 0, 0, "7.2", None, "exited with code 0")], RELEASES[DEFAULT], "local")
    assert (found.cost, found.mend) == ("no task reaches a worker", "airflow-stack up -s local")
