"""Sends a task again that nobody has taken in ``scheduler.task_queued_timeout``: it was lost on its way.

Airflow 2.10 counts that as a failed try, and a task without retries fails by a fault that is none of its own. Airflow
2.11 sends those again itself, as often as ``scheduler.num_stuck_in_queued_retries`` says, which is read here; 0 is
never.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from airflow_stack_runtime.patches import unstarted

EVENT = "stuck in queued reschedule"
"""In the event log of the task; the name is Airflow's."""

log = logging.getLogger(__name__)


def apply() -> None:
    """Have the scheduler do so, before it fails what is left."""
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.utils.session import create_session

    if (limit := unstarted.limit()) < 1:
        return
    fail_stuck = SchedulerJobRunner._fail_tasks_stuck_in_queued

    def send_stuck_again(self: Any) -> None:
        with create_session() as session:
            for executor, tasks in self._executor_to_tis(list(_stuck(self, session))).items():
                for task in tasks:
                    if hasattr(executor, "bulk_state_fetcher") and unstarted.again(task, EVENT, limit, session):
                        _forget(executor, task)
        fail_stuck(self)

    SchedulerJobRunner._fail_tasks_stuck_in_queued = send_stuck_again


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
