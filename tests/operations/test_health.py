"""What `up` calls healthy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_stack.airflow import describe
from airflow_stack.backends.containers import Plan, plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations import health

Look = dict[str, dict[str, Any]]


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}.123456789Z"


def container(started: int = 0, probed: int = 5, status: str = "healthy", restarts: int = 0) -> dict[str, Any]:
    probes = {"Status": status, "Log": [{"Start": at(probed)}]}
    return {
        "RestartCount": restarts,
        "State": {"Status": "running", "ExitCode": 0, "StartedAt": at(started), "Health": probes},
    }


ENDED = {"RestartCount": 0, "State": {"Status": "exited", "ExitCode": 0, "StartedAt": at(0)}}


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    config = LocalConfig()
    return plan(config, describe(config), Machine.of(config, tmp_path, "local"))


@pytest.fixture
def watch(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Waits while each look at the engine finds what comes next; the last one for good. Returns what was said."""

    def wait(*looks: Look, timeout: float = 60) -> list[str]:
        said: list[str] = []
        coming: Iterator[Look] = iter(looks)
        now: Look = {}

        def look(name: str) -> SimpleNamespace:
            service = name.removeprefix("af-")
            if service == planned.containers[0].service:
                now.update(next(coming, {}))
            usual = ENDED if service == "init" else container()
            return SimpleNamespace(attrs=now.get(service, usual), logs=lambda tail: f"last {tail}".encode())

        engine = SimpleNamespace(containers=SimpleNamespace(get=look))
        monkeypatch.setattr(health, "client", lambda: engine)
        monkeypatch.setattr(health, "INTERVAL", 0)
        health.wait_until_healthy(planned, said.append, timeout)
        assert next(coming, None) is None, "it did not look often enough"
        return said

    return wait


def test_all_healthy_ends_at_once(watch: Callable[..., list[str]], planned: Plan) -> None:
    """Rule: a stack that is well is not waited for, and each container is told once."""
    assert len(watch({})) == len(planned.long_running)


def test_a_container_that_falls_ill_again_is_waited_for(watch: Callable[..., list[str]]) -> None:
    """Rule: all are healthy in one look; having been it is not enough."""
    watch(
        {"webserver": container(status="starting")},
        {"webserver": container(), "scheduler": container(status="starting")},
        {"scheduler": container()},
    )


def test_health_from_before_the_database_was_replaced_does_not_count(watch: Callable[..., list[str]]) -> None:
    """Rule: a scheduler that was probed while the old database was there has to be probed again."""
    replaced = container(started=20, probed=25)
    watch({"postgres": replaced}, {"scheduler": container(probed=19)}, *[_all_probed(30)])


def _all_probed(second: int) -> Look:
    services = ("scheduler", "webserver", "triggerer", "worker-1", "worker-2", "proxy")
    return {service: container(probed=second) for service in services}


def test_restarts_of_another_day_do_not_count(watch: Callable[..., list[str]]) -> None:
    """Rule: who was restarted often in a long life, and is well, is well."""
    watch({"scheduler": container(restarts=7)})


def test_a_container_that_ends_again_and_again_is_named(watch: Callable[..., list[str]]) -> None:
    """Rule: no five minutes of waiting for what does not come."""
    with pytest.raises(OperationError, match=r"af-scheduler ends again and again(.|\n)*docker logs af-scheduler"):
        watch(
            {"scheduler": container(status="starting", restarts=1)},
            {"scheduler": container(status="starting", restarts=4)},
        )


def test_who_is_not_healthy_in_time_is_named(watch: Callable[..., list[str]]) -> None:
    """Rule: the error names the container and the command that shows more."""
    with pytest.raises(OperationError, match=r"not healthy after 0 s: af-triggerer\.(.|\n)*docker logs af-triggerer"):
        watch({"triggerer": container(status="unhealthy")}, timeout=0)
