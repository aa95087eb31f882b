"""The DAGs of a rehearsal, mounted into its containers: twenty short tasks, a connection, and a long task."""

from __future__ import annotations

import socket
import time

import pendulum
from airflow.decorators import dag, task
from airflow.hooks.base import BaseHook

TASKS = 20
# A second try would hide a loss.
ONCE = {
    "schedule": None,
    "start_date": pendulum.datetime(2024, 1, 1),
    "default_args": {"retries": 0},
    "is_paused_upon_creation": False,
}


@dag(
    schedule=None, start_date=pendulum.datetime(2024, 1, 1), default_args={"retries": 0}, is_paused_upon_creation=False
)
def rehearsal_twenty() -> None:
    @task
    def work(number: int) -> str:
        print(f"rehearsal task {number} on {socket.gethostname()}")
        time.sleep(2)
        return socket.gethostname()

    for number in range(TASKS):
        work.override(task_id=f"work_{number}")(number)


@dag(
    schedule=None, start_date=pendulum.datetime(2024, 1, 1), default_args={"retries": 0}, is_paused_upon_creation=False
)
def rehearsal_connection() -> None:
    @task
    def read() -> None:
        connection = BaseHook.get_connection("rehearsal")
        assert connection.host == "secrets.example.com", "the connection is not the one of Secrets Manager"

    read()


@dag(
    schedule=None, start_date=pendulum.datetime(2024, 1, 1), default_args={"retries": 0}, is_paused_upon_creation=False
)
def rehearsal_long() -> None:
    @task
    def long() -> None:
        time.sleep(20)

    long()


rehearsal_twenty()
rehearsal_connection()
rehearsal_long()
