"""Lets no DAG take all slots, or all looks at queued runs, while another one that has nothing at work waits.

Airflow sends tasks by their weight and the date of their run, up to 16 of one DAG by default. A stack with fewer slots
is then that DAG's until its last task: beside a run of 10,000 tasks no other one got a slot for as long as it was
watched, seven minutes. Queued runs are looked at twenty at a time by their date: a thousand of one DAG hide the rest.

Here what belongs to a DAG with nothing at work comes first. Among the others Airflow's order stays, nothing that could
run waits for a turn that nobody takes, and no slot stays free.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def apply() -> None:
    """Install it in this process, the scheduler's."""
    from airflow.jobs import scheduler_job_runner
    from airflow.models import dagrun

    for module in (scheduler_job_runner, dagrun):
        module.with_row_locks = in_turns(module.with_row_locks)


def in_turns(lock: Callable[..., Any]) -> Callable[..., Any]:
    """Of ``with_row_locks``, which is the last to see a query."""

    @wraps(lock)
    def call(query: Any, *arguments: Any, **named: Any) -> Any:
        return lock(ordered(query), *arguments, **named)

    return call


def ordered(query: Any) -> Any:
    """Return that for tasks to send, or for runs to start, with DAGs first that have none; any other one as it is."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.ti_deps.dependencies_states import EXECUTION_STATES
    from sqlalchemy import select
    from sqlalchemy.orm import aliased
    from sqlalchemy.sql import Select

    clauses = query._order_by_clauses if isinstance(query, Select) else ()
    text = " ".join(map(str, clauses))
    for model, ordered_by, states in (
        (TaskInstance, "priority_weight", tuple(EXECUTION_STATES)),
        (DagRun, "last_scheduling_decision", ("running",)),
    ):
        if ordered_by in text:
            at_work = aliased(model)
            busy = select(at_work.dag_id).where(at_work.state.in_(states))
            return query.order_by(None).order_by(model.dag_id.in_(busy), *clauses)
    return query
