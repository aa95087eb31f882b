"""Has the kernel kill the process that imports a DAG file, and not the scheduler, where their memory is used up.

Airflow has no option and no hook for it, hence this replacement of the process's first function, for the versions that
were looked at. See https://github.com/apache/airflow/issues/61521 for what happens else. ``AIRFLOW_STACK_EXPENDABLE``
false leaves it out.
"""

from __future__ import annotations

from typing import Any

from airflow_stack_runtime import memory
from airflow_stack_runtime.options import is_true


def make_expendable() -> None:
    """Before the scheduler forks the manager of these processes."""
    import airflow
    from airflow.dag_processing.processor import DagFileProcessorProcess

    if not airflow.__version__.startswith(("2.10.", "2.11.")) or not is_true("AIRFLOW_STACK_EXPENDABLE", default=True):
        return
    run = DagFileProcessorProcess._run_file_processor

    def run_expendable(*arguments: Any, **options: Any) -> None:
        memory.become_expendable()
        run(*arguments, **options)

    DagFileProcessorProcess._run_file_processor = staticmethod(run_expendable)
