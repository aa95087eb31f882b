"""Runs a deferred task in ``DAG.test`` to its end: Airflow's own resumes it without what it has deferred with."""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """In the process that tests a DAG."""
    from airflow.models import dag

    dag._run_task = run_task


def run_task(*, ti: Any, inline_trigger: bool = False, mark_success: bool = False, session: Any) -> None:
    """Run one task, and its trigger where it defers."""
    from airflow.exceptions import TaskDeferred
    from airflow.models import dag

    while True:
        try:
            ti._run_raw_task(session=session, raise_on_defer=inline_trigger, mark_success=mark_success)
        except TaskDeferred as deferred:
            print(f"{ti.task_id} waits for {type(deferred.trigger).__name__}", flush=True)
            event = dag._run_inline_trigger(deferred.trigger)
            ti.next_method = deferred.method_name
            ti.next_kwargs = dict(deferred.kwargs or {}) | ({"event": event.payload} if event else {})
            session.merge(ti)
            session.commit()
        else:
            return
