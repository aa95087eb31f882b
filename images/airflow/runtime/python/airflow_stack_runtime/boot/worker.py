"""What a Celery worker does once, before its pool forks, so that its tasks need not.

A task of Airflow runs in two forks: one that supervises, one that runs the user's code. Without this each of them
imports modules, builds the command line parser and configures SQLAlchemy's mappers anew: more than half of its time.
"""

from __future__ import annotations

import contextlib
import gc
import importlib

from airflow_stack_runtime.patches import loader

MODULES = (
    "airflow.api.common.experimental.get_task_instance",
    "airflow.cli.commands.task_command",
    "airflow.datasets.metadata",
    "airflow.decorators",
    "airflow.executors.executor_loader",
    "airflow.jobs.local_task_job_runner",
    "airflow.macros",
    "airflow.models.dagbag",
    "airflow.operators.bash",
    "airflow.operators.empty",
    "airflow.operators.python",
    "airflow.operators.subdag",
    "airflow.sensors.base",
    "airflow.serialization.serialized_objects",
    "airflow.task.task_runner.standard_task_runner",
    "airflow.utils.task_group",
    "jinja2.ext",
    "psycopg2.sql",
    "rich_argparse",
)
"""Imported by a task that runs a Python or Bash operator, and not by the worker itself."""


def prepare() -> None:
    """Load and build what every task needs, then freeze it."""
    for module in MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    from airflow.cli.cli_parser import get_parser
    from airflow.listeners.listener import get_listener_manager
    from airflow.models import import_all_models
    from sqlalchemy.orm import configure_mappers

    get_parser()
    get_listener_manager()
    import_all_models()
    configure_mappers()
    loader.apply("worker")
    # The collector of a fork would write into each object, and so copy all pages: a frozen one it leaves alone.
    gc.collect()
    gc.freeze()
