"""The configurator: questions or options in, a checked stack file and secrets out."""

from airflow_stack.operations.init.database_sql import database_sql
from airflow_stack.operations.init.options import Options
from airflow_stack.operations.init.run import init

__all__ = ["Options", "database_sql", "init"]
