"""The DAG of test_faults: forty short tasks, most of them independent. The test copies this file into a project."""

from __future__ import annotations

import time
from datetime import timedelta

import pendulum
from airflow.decorators import dag, task

ROWS, COLUMNS = 8, 5


@dag(
    schedule=None,
    start_date=pendulum.datetime(2024, 1, 1),
    max_active_tasks=4,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
)
def forty() -> None:
    @task
    def work() -> None:
        time.sleep(2)

    for row in range(ROWS):
        before = None
        for column in range(COLUMNS):
            this = work.override(task_id=f"work_{row}_{column}")()
            if before is not None:
                before >> this
            before = this


forty()
