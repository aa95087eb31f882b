"""Keeps a task that asks for a queue without a worker from taking a slot: it fails, and says why.

Sent to such a queue, a task is queued for ever, and holds one of the slots that ``core.parallelism`` has: as many of
them as there are slots stop every other DAG. The cluster policy refuses such a DAG before it runs; this is for what
gets by it: a queue that a ``task_instance_mutation_hook`` has set, or one that config serves no longer.
``worker.other_queues: ["*"]`` serves every queue, and nothing is refused.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow_stack_runtime.queues import complaint, is_served, served

log = logging.getLogger(__name__)


def apply() -> None:
    """Have the scheduler's executor fail what it would send to nobody, with the reason in the task's log."""
    if served() is None:
        return
    from airflow.providers.celery.executors.celery_executor import CeleryExecutor

    send, adopt = CeleryExecutor.queue_command, CeleryExecutor.try_adopt_task_instances

    def queue_command(self: Any, task_instance: Any, command: Any, priority: int = 1, queue: Any = None) -> None:
        known = served()
        if is_served(queue, known):
            send(self, task_instance, command, priority=priority, queue=queue)
            return
        assert known is not None  # noqa: S101 - narrows
        log.error("Not sent: %s: %s", task_instance.key, complaint(queue, known))
        self.fail(task_instance.key, complaint(queue, known))

    def try_adopt_task_instances(self: Any, tis: Any) -> Any:
        """What is not adopted is scheduled anew, and then refused above. What is at work has found a worker."""
        known = served()
        lost = [ti for ti in tis if ti.state == "queued" and not is_served(ti.queue, known)]
        return [*lost, *adopt(self, [ti for ti in tis if ti not in lost])]

    CeleryExecutor.queue_command = queue_command
    CeleryExecutor.try_adopt_task_instances = try_adopt_task_instances
