"""Keeps the scheduler's loop going when it fails over one DAG: that DAG waits, the others are scheduled.

Code of a DAG's author runs in the scheduler's own process: timetables, weight rules, listeners, mutation hooks of
plugins. One exception of theirs ends the scheduler, which starts anew and meets the same DAG first. Later versions of
Airflow go on as well.

What was passed over is told in the log, in the audit log of the DAG in the UI, and by `doctor` and `status`, which find
it by EVENT.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

EVENT = "airflow_stack_passed_over"
"""Of the rows in Airflow's table ``log``."""
AGAIN = 60.0
"""Seconds until a DAG is told of again, and until the next run of one is tried to be created again."""
TEXT = 500

log = logging.getLogger(__name__)
_told: dict[tuple[str, str], float] = {}


def apply() -> None:
    """Install it in this process, the scheduler's."""
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dagrun import DagRun

    SchedulerJobRunner._schedule_dag_run = each_run(SchedulerJobRunner._schedule_dag_run)
    for name in ("_create_dag_runs", "_create_dag_runs_dataset_triggered"):
        setattr(SchedulerJobRunner, name, each_dag(getattr(SchedulerJobRunner, name)))
    DagRun.notify_dagrun_state_changed = listened(DagRun.notify_dagrun_state_changed)


def each_run(schedule: Callable[..., Any]) -> Callable[..., Any]:
    """Of ``_schedule_dag_run``: a run that can't be scheduled is looked at again in its turn, and not first of all."""

    @wraps(schedule)
    def call(self: Any, dag_run: Any, session: Any) -> Any:
        from airflow.utils import timezone

        try:
            return schedule(self, dag_run, session)
        except Exception as error:
            if _is_of_the_database(error):
                raise
            dag_run.last_scheduling_decision = timezone.utcnow()
            tell(session, dag_run.dag_id, dag_run.run_id, "its run could not be scheduled", error)
            return None

    return call


def each_dag(create: Callable[..., Any]) -> Callable[..., Any]:
    """Of ``_create_dag_runs``: all at once, and where that fails, one by one."""

    @wraps(create)
    def call(self: Any, dag_models: Any, *arguments: Any) -> None:
        from airflow.utils import timezone

        models, session = list(dag_models), arguments[-1]
        try:
            create(self, models, *arguments)
        except Exception as error:
            if _is_of_the_database(error):
                raise
            log.warning("DAG runs could not be created together, so they are one by one.", exc_info=True)
            undo(self, models, session)
        else:
            return
        for model in models:
            try:
                create(self, [model], *arguments)
            except Exception as error:
                if _is_of_the_database(error):
                    raise
                undo(self, [model], session)
                # The next ten are taken by this time: else ten such DAGs would be the only ones that are looked at.
                model.next_dagrun_create_after = timezone.utcnow() + timedelta(seconds=AGAIN)
                tell(session, model.dag_id, None, "its next run could not be created", error)

    return call


def undo(self: Any, models: list[Any], session: Any) -> None:
    """Delete the runs of these DAGs that were created without their tasks: they would be a success of nothing.

    Airflow itself takes back all that a loop of the scheduler has done.
    """
    from airflow.models.dagrun import DagRun

    session.flush()
    made = session.query(DagRun).filter(
        DagRun.dag_id.in_([model.dag_id for model in models]),
        DagRun.state == "queued",
        DagRun.creating_job_id == self.job.id,
        ~DagRun.task_instances.any(),
    )
    for run in made:
        session.delete(run)
    session.flush()


def listened(notify: Callable[..., Any]) -> Callable[..., Any]:
    """Of ``notify_dagrun_state_changed``: a listener that raises has heard all the same."""

    @wraps(notify)
    def call(self: Any, msg: str = "") -> None:
        from sqlalchemy.orm import object_session

        try:
            notify(self, msg=msg)
        except Exception as error:
            if _is_of_the_database(error):
                raise
            tell(object_session(self), self.dag_id, self.run_id, "a listener of a plugin raised", error)

    return call


def tell(session: Any, dag_id: str, run_id: str | None, what: str, error: Exception) -> None:
    """In the log and in the database, each DAG once a minute: the loop comes by several times a second."""
    now = time.monotonic()
    if now - _told.get((dag_id, what), -AGAIN) < AGAIN:
        return
    _told[dag_id, what] = now
    log.error("DAG %r, run %r was passed over: %s. The others go on.", dag_id, run_id, what, exc_info=error)
    if session is not None:
        from airflow.models.log import Log

        text = f"{what}: {type(error).__name__}: {error}{_place(error)}"[:TEXT]
        session.add(Log(event=EVENT, owner="airflow-stack", dag_id=dag_id, run_id=run_id, extra=text))


def _place(error: BaseException) -> str:
    """File and line where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})"


def _is_of_the_database(error: Exception) -> bool:
    """Airflow itself tries these again, or must start anew: the session is of no use afterwards."""
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, SQLAlchemyError)
