"""What services have wherever they run. What belongs to one target is beside it, in ``local/`` and ``aws/``."""

from __future__ import annotations

from pydantic import Field

from airflow_stack.config.types import AnyQueueName, QueueName, Section

DAY = 86_400
"""Seconds."""


class WebserverConfig(Section):
    """``airflow-stack:webserver``: UI and API."""

    workers: int = Field(2, ge=1, le=32, description="Gunicorn workers: how many requests are answered at a time.")


class TriggererConfig(Section):
    """``airflow-stack:triggerer``: runs deferrable tasks while they wait."""

    capacity: int = Field(1000, ge=1, le=100_000, description="Triggers that it runs at a time.")


class WorkerConfig(Section):
    """``airflow-stack:worker``: Celery workers."""

    concurrency: int = Field(4, ge=1, le=256, description="Tasks that each worker runs at a time.")
    stop_timeout: int = Field(
        120,
        ge=10,
        le=DAY,
        description="Seconds for which a worker that is stopped may go on with its tasks. A task that needs longer is"
        " cut off: its try fails, and its log says why. `restart`, `scale`, `up` and `down` wait as long. At most 120"
        " on AWS.",
    )
    queues: list[QueueName] = Field(
        default_factory=list,
        description="Queues that the workers take tasks from, all of them; empty for Airflow's default queue alone. A"
        " DAG with a task in a queue that is neither here nor in other_queues is refused: the task would hold a slot"
        " that no worker ever frees.",
        examples=[["default", "gpu"]],
    )
    other_queues: list[AnyQueueName] = Field(
        default_factory=list,
        description="Queues that workers outside this stack take tasks from, by the same broker; '*' for any, which"
        " lets a mistyped queue hold slots for minutes.",
        examples=[["on-premises"]],
    )
