"""Sends a task again that was sent and has not begun: none of its code ran, so that costs it no try.

It was lost on its way, with the broker for example, or its worker could not begin it. Airflow 2.10.2 counts that as a
failed try, and a task without retries fails by a fault that is none of its own. Airflow 2.11 sends those again that are
queued for too long, as often as ``scheduler.num_stuck_in_queued_retries`` says, which is read here; 0 is never. Only a
task that is still queued is sent again: one that was running, even for a moment, is failed as Airflow does it. The
event log of the task says so each time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

STUCK = "stuck in queued reschedule"
"""Event of a task that nobody has taken in ``scheduler.task_queued_timeout``; the name is Airflow's."""
NOT_BEGUN = "not begun, sent again"
"""Event of a task whose worker says that it is over, when it has not begun."""
AT_ONCE = 3
"""Times that the second kind is sent again: what fails each time before it begins does so for a reason."""

log = logging.getLogger(__name__)


def apply() -> None:
    """Have the scheduler do so, where it has no such option itself."""
    from airflow.configuration import conf
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    limit = conf.getint("scheduler", "num_stuck_in_queued_retries", fallback=2)
    if limit < 1:
        return
    from airflow.utils.session import create_session

    fail_stuck, process = SchedulerJobRunner._fail_tasks_stuck_in_queued, SchedulerJobRunner._process_executor_events

    def send_stuck_again(self: Any) -> None:
        with create_session() as session:
            for executor, tasks in self._executor_to_tis(list(_stuck(self, session))).items():
                for task in tasks:
                    if hasattr(executor, "bulk_state_fetcher") and _again(task, STUCK, limit, session):
                        _forget(executor, task)
        fail_stuck(self)

    def process_what_has_begun(self: Any, executor: Any, session: Any) -> int:
        for task in _not_begun(self, executor, session):
            if _again(task, NOT_BEGUN, min(limit, AT_ONCE), session):
                executor.event_buffer.pop(task.key)
        done: int = process(self, executor, session)
        return done

    SchedulerJobRunner._fail_tasks_stuck_in_queued = send_stuck_again
    SchedulerJobRunner._process_executor_events = process_what_has_begun


def over(events: Iterable[tuple[Any, tuple[Any, Any]]]) -> list[Any]:
    """Return the keys of tasks that the executor has done with. A text beside the state is a reason: it has judged."""
    return [key for key, (state, info) in events if state in ("failed", "success") and not isinstance(info, str)]


def _stuck(runner: Any, session: Any) -> Iterator[Any]:
    """Those that ``_fail_tasks_stuck_in_queued`` would fail."""
    from datetime import timedelta

    from airflow.models import TaskInstance
    from airflow.utils import timezone
    from airflow.utils.sqlalchemy import with_row_locks
    from sqlalchemy import select

    since = timezone.utcnow() - timedelta(seconds=runner._task_queued_timeout)
    query = select(TaskInstance).where(
        TaskInstance.state == "queued",
        TaskInstance.queued_dttm < since,
        TaskInstance.queued_by_job_id == runner.job.id,
    )
    # Locked until all are given back: a worker that begins one meanwhile waits, and then finds it not queued.
    yield from session.scalars(with_row_locks(query, of=TaskInstance, session=session, skip_locked=True))


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


def _again(task: Any, event: str, limit: int, session: Any) -> bool:
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


def _forget(executor: Any, task: Any) -> None:
    """Take it off the executor's books, and have a worker that still gets the message pass it over."""
    from airflow.providers.celery.executors.celery_executor_utils import OPERATION_TIMEOUT, app
    from airflow.utils.timeout import timeout

    sent = executor.tasks.pop(task.key, None)
    executor.running.discard(task.key)
    executor.queued_tasks.pop(task.key, None)
    if sent is None or not app.conf.worker_enable_remote_control:
        return
    try:
        with timeout(seconds=OPERATION_TIMEOUT):
            app.control.revoke(sent.task_id)
    except BaseException as error:
        # Airflow's timeout is no Exception. A message that comes late finds the task at work or over.
        if not isinstance(error, Exception) and type(error).__name__ != "AirflowTaskTimeout":
            raise
        log.warning("%s: its message was not revoked: %s", task.key, type(error).__name__)
