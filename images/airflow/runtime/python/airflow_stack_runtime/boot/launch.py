"""Starts a role that needs the metadata database: loads its code while the database is being initialized, then waits.

``python -m airflow_stack_runtime.boot.launch scheduler`` does what ``airflow scheduler`` does.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

from airflow_stack_runtime import migrations
from airflow_stack_runtime.boot import sqs
from airflow_stack_runtime.options import OptionError
from airflow_stack_runtime.patches import loader

MODULES = {
    "webserver": ("airflow.www.app",),
    "api-server": ("airflow.api_fastapi.app",),
    "scheduler": (
        "airflow.jobs.scheduler_job_runner",
        "airflow.providers.celery.executors.celery_executor",
        # Else imported by the first send, which a timer of one second interrupts: half imported on a busy machine, it
        # fails every send from then on.
        "airflow_stack_runtime.boot.sqs_transport" if sqs.queue_url() else "kombu.transport.redis",
    ),
    "triggerer": ("airflow.jobs.triggerer_job_runner",),
    "dag-processor": ("airflow.jobs.dag_processor_job_runner",),
    "celery": ("airflow.providers.celery.executors.celery_executor", "airflow.providers.celery.cli.celery_command"),
}
"""What each role imports sooner or later."""


def opens_database(arguments: list[str]) -> bool:
    """Whether the role talks to the metadata database. From Airflow 3 on a worker asks the api-server."""
    return arguments[0] != "celery" or migrations.major() < migrations.APART


def main(arguments: list[str]) -> None:
    """Become the role. Does not return."""
    for module in ("airflow.cli.cli_parser", *MODULES.get(arguments[0], ())):
        importlib.import_module(module)
    from airflow.utils.net import get_hostname

    if arguments[0] == "scheduler" and sqs.queue_url():
        from airflow.providers.celery.executors.celery_executor_utils import app

        from airflow_stack_runtime.boot import sqs_transport

        sqs_transport.warm_up(app)
    try:
        if opens_database(arguments):
            migrations.wait_until_migrated(float(os.environ.get("AIRFLOW_STACK_WAIT_SECONDS", "300")))
            migrations.retire_jobs(get_hostname())
    except (migrations.DatabaseError, OptionError) as error:
        sys.exit(f"{arguments[0]} does not start: {error}")
    loader.apply("role")
    # What is loaded now stays for ever. Frozen, the collector of a forked child does not write into it, so that the
    # pages stay shared between all processes of the container.
    gc.collect()
    gc.freeze()
    if arguments == ["webserver"]:
        from airflow_stack_runtime.boot import webserver

        webserver.main()
    if arguments[0] == "scheduler":
        loader.apply("scheduler")
    if arguments[0] == "triggerer":
        loader.apply("triggerer")
    from airflow.__main__ import main as airflow

    sys.argv = ["airflow", *arguments]
    airflow()


if __name__ == "__main__":
    main(sys.argv[1:])
