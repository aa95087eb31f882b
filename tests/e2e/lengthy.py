"""The DAGs of test_cut_off, which copies this file: tasks longer than a worker that is stopped gives them."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.decorators import dag, task

LONG = 600


@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1))
def lengthy() -> None:
    @task
    def once() -> None:
        """By the stack's default: no retries."""
        time.sleep(LONG)

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def again(ti: Any = None) -> None:
        time.sleep(LONG if ti.try_number == 1 else 0)

    once()
    again()


@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1))
def eight() -> None:
    @task
    def one(number: int, run_id: str | None = None) -> None:  # noqa: ARG001 - a task for each
        """Holds its slot until the test has seen enough."""
        deadline = time.monotonic() + LONG
        while not Path(f"/opt/airflow/logs/enough-{run_id}").exists() and time.monotonic() < deadline:
            time.sleep(0.2)

    one.expand(number=list(range(8)))


lengthy()
eight()
