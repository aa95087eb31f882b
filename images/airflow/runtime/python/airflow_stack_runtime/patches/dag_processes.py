"""Has the kernel kill the process that imports a DAG file, and not the scheduler, where their memory is used up.

Airflow has no option and no hook for it, hence this replacement of the process's first function.
"""

from __future__ import annotations

from typing import Any

from airflow_stack_runtime import memory


def apply() -> None:
    """Before the scheduler forks the manager of these processes."""
    from airflow.dag_processing.processor import DagFileProcessorProcess

    run = DagFileProcessorProcess._run_file_processor

    def run_expendable(*arguments: Any, **options: Any) -> None:
        memory.become_expendable()
        run(*arguments, **options)

    DagFileProcessorProcess._run_file_processor = staticmethod(run_expendable)
