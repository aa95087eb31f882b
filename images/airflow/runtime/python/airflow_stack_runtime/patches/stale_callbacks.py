"""Lets a task fail once for one reason: what was seen of it must still be so when it is failed.

The scheduler looks every ten seconds for tasks whose supervisor is gone, and has the DAG processor fail them. Where
that takes longer, it sees the same task again. The second request then fails a task whose next try is at work or has
succeeded, and a task that has succeeded runs once more. So does one that was given up and ended well meanwhile.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Have the DAG processor, a child of this process, pass such requests over."""
    from airflow.dag_processing.processor import DagFileProcessor

    execute = DagFileProcessor._execute_task_callbacks.__func__

    def execute_if_as_seen(cls: Any, dagbag: Any, request: Any, unit_test_mode: bool, session: Any) -> None:
        if request.task_callback_type is None and (changed := _changed(request.simple_task_instance, session)):
            cls.logger().warning("Ignored, for %s: %s", changed, request.msg)
            return
        execute(cls, dagbag, request, unit_test_mode, session)

    DagFileProcessor._execute_task_callbacks = classmethod(execute_if_as_seen)


def _changed(seen: Any, session: Any) -> str:
    """How the task is, where it is not as it was seen; empty where it is."""
    from airflow.models import TaskInstance

    now = (
        session.query(TaskInstance.state, TaskInstance.try_number)
        .filter_by(dag_id=seen.dag_id, run_id=seen.run_id, task_id=seen.task_id, map_index=seen.map_index)
        .one_or_none()
    )
    if now is None or (now.state, now.try_number) == (seen.state, seen.try_number):
        return ""
    return f"it is {now.state} in try {now.try_number}, and was {seen.state} in try {seen.try_number}"
