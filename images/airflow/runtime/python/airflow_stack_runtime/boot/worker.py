"""What a Celery worker does once, before its pool forks, so that its tasks need not.

A task of Airflow 2 runs in two forks, one that supervises, and one that runs the user's code; from Airflow 3 on in one,
which the pool's own process supervises. Without this each of them imports modules, builds the command line parser and
configures SQLAlchemy's mappers anew: in Airflow 2 that is more than half of its time.
"""

from __future__ import annotations

import contextlib
import gc
import importlib

from airflow_stack_runtime import migrations
from airflow_stack_runtime.patches import loader

OF_2 = (
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
OF_3 = (
    "airflow.dag_processing.bundles.manager",
    "airflow.dag_processing.dagbag",
    "airflow.executors.workloads",
    "airflow.providers.standard.operators.bash",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.python",
    "airflow.sdk",
    "airflow.sdk.api.client",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "jinja2.ext",
)
"""By major version of Airflow: imported by a task that runs a Python or Bash operator, and not by the worker itself."""


def prepare() -> None:
    """Load and build what every task needs, then freeze it."""
    apart = migrations.major() >= migrations.APART
    for module in OF_3 if apart else OF_2:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    if not apart:
        _build()
    loader.apply("worker")
    # The collector of a fork would write into each object, and so copy all pages: a frozen one it leaves alone.
    gc.collect()
    gc.freeze()


def _build() -> None:
    """What a task of Airflow 2 makes anew: it is a command of Airflow, and talks to the database."""
    from airflow.cli.cli_parser import get_parser
    from airflow.listeners.listener import get_listener_manager
    from airflow.models import import_all_models
    from sqlalchemy.orm import configure_mappers

    get_parser()
    get_listener_manager()
    import_all_models()
    configure_mappers()
