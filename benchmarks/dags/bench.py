"""The DAGs that the benchmark runs: three tasks in a row, at start and on demand, and 200 independent ones."""

from __future__ import annotations

import datetime
from typing import Any

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

COMMON = {
    "schedule": None,
    "start_date": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    "catchup": False,
    "is_paused_upon_creation": False,
}


def answer(number: int) -> int:
    """Return the square, so that a task leaves something in XCom as real ones do."""
    return number * number


def check(ti: Any) -> None:
    """Fail unless the first task's result came through XCom."""
    if ti.xcom_pull(task_ids="first") != 49:
        raise ValueError("the first task's result did not arrive")


def three_tasks(dag_id: str, schedule: str | None) -> DAG:
    """Return a DAG of three tasks in a row, of which the last one checks the first one's result."""
    with DAG(dag_id, **{**COMMON, "schedule": schedule}) as dag:
        first = PythonOperator(task_id="first", python_callable=answer, op_args=[7])
        second = BashOperator(task_id="second", bash_command="echo second")
        third = PythonOperator(task_id="third", python_callable=check)
        first >> second >> third
    return dag


# Runs as soon as a scheduler has found it: the end of its run is the end of a cold start.
at_start = three_tasks("bench_at_start", "@once")
three = three_tasks("bench_three", None)


with DAG("bench_many", **COMMON) as many:
    for number in range(200):
        PythonOperator(task_id=f"task_{number:03d}", python_callable=answer, op_args=[number])
