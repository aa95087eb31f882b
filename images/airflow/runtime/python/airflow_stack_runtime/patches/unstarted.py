"""Sends a task again whose worker says that it is over, when it has not begun: none of its code ran.

Its worker could not begin it, or the message was refused. Airflow counts that as a failed try, and a task without
retries fails by a fault that is none of its own. Only a task that is still queued is sent again: one that was running,
even for a moment, is failed as Airflow does it. The event log of the task says so each time. With
``scheduler.num_stuck_in_queued_retries`` at 0, Airflow's option for tasks that nobody takes (`stuck`), none is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

EVENT = "not begun, sent again"
"""In the event log of the task."""
AT_ONCE = 3
"""Times that a task is sent again: what fails each time before it begins does so for a reason."""

log = logging.getLogger(__name__)


def apply() -> None:
    """Have the scheduler do so, before it fails what is left."""
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    if (times := min(limit(), AT_ONCE)) < 1:
        return
    process = SchedulerJobRunner._process_executor_events

    def process_what_has_begun(self: Any, executor: Any, session: Any) -> int:
        for task in _not_begun(self, executor, session):
            if again(task, EVENT, times, session):
                executor.event_buffer.pop(task.key)
        done: int = process(self, executor, session)
        return done

    SchedulerJobRunner._process_executor_events = process_what_has_begun


def limit() -> int:
    """Return how often a task may be sent again, as Airflow reads it."""
    from airflow.configuration import conf

    found: int = conf.getint("scheduler", "num_stuck_in_queued_retries", fallback=2)
    return found


def over(events: Iterable[tuple[Any, tuple[Any, Any]]]) -> list[Any]:
    """Return the keys of tasks that the executor has done with. A text beside the state is a reason: it has judged."""
    return [key for key, (state, info) in events if state in ("failed", "success") and not isinstance(info, str)]


def _not_begun(runner: Any, executor: Any, session: Any) -> list[Any]:
    """Those that ``_process_executor_events`` would take for killed externally."""
    from airflow.models import TaskInstance
    from airflow.utils.sqlalchemy import with_row_locks
    from sqlalchemy import select

    keys = over(executor.event_buffer.items())
    if not keys:
        return []
    query = select(TaskInstance).where(
        TaskInstance.filter_for_tis(keys),
        TaskInstance.state == "queued",
        TaskInstance.queued_by_job_id == runner.job.id,
    )
    found = session.scalars(with_row_locks(query, of=TaskInstance, session=session, skip_locked=True)).all()
    return [task for task in found if task.key in keys and not executor.has_task(task)]


def again(task: Any, event: str, limit: int, session: Any) -> bool:
    """Give the task back to the scheduler, unless that was done ``limit`` times in this try."""
    from airflow.models import Log
    from sqlalchemy import func, select

    times = session.scalar(
        select(func.count(Log.id)).where(
            Log.dag_id == task.dag_id,
            Log.task_id == task.task_id,
            Log.run_id == task.run_id,
            Log.map_index == task.map_index,
            Log.try_number == task.try_number,
            Log.event == event,
        )
    )
    if times >= limit:
        return False
    said = f"It was sent to a worker and has not begun: it is sent again ({times + 1} of {limit} times)."
    log.warning("%s: %s", task.key, said)
    session.add(Log(event=event, task_instance=task.key, extra=said))
    task.state, task.queued_dttm = "scheduled", None
    session.flush()
    return True
