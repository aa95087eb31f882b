"""The stack's cluster policy: what one DAG may not ask for or do, since it would stop the others.

Airflow loads it in every process, by the entry point ``airflow.policy`` of this distribution, beside the user's own
``airflow_local_settings``.
"""

from __future__ import annotations

from typing import Any

from airflow.policies import hookimpl

from airflow_stack_runtime import callbacks, queues
from airflow_stack_runtime.patches import loader

loader.apply("process")


ID_LIMIT = 242
"""Characters of a DAG's id: the FAB auth manager makes permissions for ``DAG Run:`` and the id, in 250 characters. With
a longer one the whole file's DAGs never appear, and no import error says so."""


@hookimpl(trylast=True)
def dag_policy(dag: Any) -> None:
    """Refuse a DAG that could never appear. Raises AirflowClusterPolicyViolation."""
    from airflow.configuration import conf
    from airflow.exceptions import AirflowClusterPolicyViolation

    if len(dag.dag_id) > ID_LIMIT and "fab" in conf.get("core", "auth_manager"):
        raise AirflowClusterPolicyViolation(
            f"DAG {dag.dag_id!r}: the id has {len(dag.dag_id)} characters, and Airflow's FAB auth manager takes"
            f" {ID_LIMIT} at most; shorten it."
        )


@hookimpl(trylast=True)
def task_policy(task: Any) -> None:
    """Bound a task's callbacks, and refuse a DAG with a task in a queue that nobody serves.

    It comes after the user's own policy, which may set both. The file shows as an import error, with the DAG and the
    task. Raises AirflowClusterPolicyViolation.
    """
    callbacks.bind(task)
    known = queues.served()
    queue = getattr(task, "queue", None)
    if known is None or queues.is_served(queue, known):
        return
    from airflow.exceptions import AirflowClusterPolicyViolation

    dag = getattr(task, "dag_id", "")
    raise AirflowClusterPolicyViolation(f"DAG {dag!r}, task {task.task_id!r}: {queues.complaint(str(queue), known)}.")
