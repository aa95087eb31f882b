"""DAGs without a stack: check them all, run one. In a container of the stack's image that lives for that alone."""

from airflow_stack.operations.dags.check_all import check
from airflow_stack.operations.dags.one_run import run

__all__ = ["check", "run"]
