"""What the benchmarks take from the rest of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from loading import load

from airflow_stack.airflow import describe
from airflow_stack.backends.compose import compose, render
from airflow_stack.backends.containers import plan
from airflow_stack.config import LocalConfig
from backends.recorder import machine

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """benchmarks/run.py, with an engine that answers with a base for each image."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = load(BENCHMARKS / "run.py")
    monkeypatch.setattr(module, "docker", lambda *words: f"base-of-{words[-1]}\n")
    return module


def exported(tmp_path: Path, **config: Any) -> Path:
    """The Compose file of a stack."""
    given, on = LocalConfig.model_validate(config), machine(tmp_path)
    file = tmp_path / "compose.yaml"
    file.write_text(render(compose(plan(given, describe(given), on), on, "local", {})))
    return file


def test_the_quick_start_stands_on_the_images_of_the_stack(run: Any, tmp_path: Path) -> None:
    """Rule: both contenders run the same Airflow, PostgreSQL and Redis; the quick start has no other image."""
    found = run.images(exported(tmp_path))
    assert found["AIRFLOW_IMAGE"].startswith("airflow-stack/airflow:2.10.2-")
    assert found["POSTGRES_IMAGE"].startswith("base-of-airflow-stack/postgres:")
    assert found["REDIS_IMAGE"].startswith("base-of-airflow-stack/redis:")
    quickstart = (BENCHMARKS / "quickstart" / "docker-compose.yaml").read_text()
    named = {line.split("${")[1].rstrip("}") for line in quickstart.splitlines() if line.strip().startswith("image:")}
    assert named == found.keys()


def test_a_stack_without_servers_of_its_own_is_no_contender(run: Any, tmp_path: Path) -> None:
    """Rule: without PostgreSQL and Redis there is nothing to compare, and one sentence says so."""
    with pytest.raises(SystemExit, match="PostgreSQL and Redis of its own"):
        run.images(exported(tmp_path, airflow={"executor": "LocalExecutor"}, docker_socket_proxy={"enabled": False}))
