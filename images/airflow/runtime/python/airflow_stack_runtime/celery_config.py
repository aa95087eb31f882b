"""Celery's settings: the provider's own, and what makes a worker survive its broker and share its memory.

Airflow takes them from here by ``AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS=airflow_stack_runtime.celery_config.CONFIG``.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import worker_init, worker_shutdown

from airflow_stack_runtime.boot import cut_off, protection, sqs

CONFIG: dict[str, Any] = {
    **DEFAULT_CELERY_CONFIG,
    # A worker that starts before its broker, or loses it, tries again for ever instead of a hundred times.
    "broker_connection_retry": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # The scheduler, when it sends a task: a broker that restarts is back within these seconds.
    "task_publish_retry_policy": {"max_retries": 5, "interval_start": 0.1, "interval_step": 0.5, "interval_max": 2},
    # The task runs in a process of its own, which goes on while the worker reconnects: its result still counts.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Writing a state waits for a database that restarts, up to a minute, instead of failing the task.
    "result_backend_always_retry": True,
    "result_backend_max_retries": 30,
    "result_backend_base_sleep_between_retries_ms": 200,
    "result_backend_max_sleep_between_retries_ms": 2000,
    **sqs.settings(DEFAULT_CELERY_CONFIG),
}

if sqs.queue_url():
    from airflow_stack_runtime.boot import sqs_transport

    sqs_transport.install()

protection.connect()
cut_off.connect()


@worker_init.connect(weak=False)
def preload(sender: Any = None, **_: object) -> None:
    """Prepare the parent of the pool, before it forks: what is done here, no task has to do again."""
    from airflow_stack_runtime.boot import worker

    if sqs.queue_url():
        sqs.without_events(sender.options)
    worker.prepare()


@worker_shutdown.connect(weak=False)
def leave(**_: object) -> None:
    """Let a last request to SQS end, after the tasks have."""
    if sqs.queue_url():
        sqs_transport.join(sqs.WAIT + 5)
