"""Plain tasks over all workers. Proves that every Celery worker of the stack takes its share."""

from __future__ import annotations

import socket
import time

import pendulum
from airflow.decorators import dag, task

# Long enough that one worker alone can't finish them before the next one is asked.
TASKS = 12
SECONDS = 2


@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1), is_paused_upon_creation=False, tags=["example"])
def example_workers():
    @task
    def where(number: int) -> str:
        time.sleep(SECONDS)
        print(f"task {number} runs on {socket.gethostname()}")
        return socket.gethostname()

    @task
    def every_worker_took_one(hosts: list[str]) -> list[str]:
        from airflow.providers.celery.executors.celery_executor import app

        workers = {name.partition("@")[2] for answer in app.control.ping(timeout=5) for name in answer}
        idle = workers - set(hosts)
        assert workers, "no worker answers"
        assert not idle, f"these workers took no task: {sorted(idle)}"
        return sorted(workers)

    every_worker_took_one(where.expand(number=list(range(TASKS))))


example_workers()
