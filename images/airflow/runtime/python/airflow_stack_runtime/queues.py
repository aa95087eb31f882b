"""The queues that workers serve, and what happens to a task that asks for another one: it takes no slot.

Sent to a queue without a worker, a task is queued for ever, and holds one of the slots that ``core.parallelism`` has:
as many of them as there are slots stop every other DAG. https://github.com/apache/airflow/issues/40289
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from typing import Any

from airflow_stack_runtime.options import option

SERVED = "AIRFLOW_STACK_QUEUES"
"""Variable with the queues that the stack's own workers serve, separated by commas; empty for the default queue alone.
Without the variable nothing is refused: the executor has no queues."""
OTHERS = "AIRFLOW_STACK_OTHER_QUEUES"
"""The same of the queues that somebody else's workers serve; * stands for every name, and refuses nothing."""
VERSIONS = ("2.10.", "2.11.")

log = logging.getLogger(__name__)


def own(environment: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """The queues that the stack's workers serve; None where there are no queues."""
    if SERVED not in environment:
        return None
    return _names(environment[SERVED]) or (option("operators", "default_queue", "default"),)


def served(environment: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """The queues that a task may ask for; None where that is not known."""
    ours, others = own(environment), _names(environment.get(OTHERS, ""))
    return None if ours is None or "*" in others else (*ours, *others)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))


def is_served(queue: str | None, known: Collection[str] | None) -> bool:
    """Whether a worker takes what is sent to it; no queue at all is the default one."""
    return known is None or not queue or queue in known


def complaint(queue: str, known: Collection[str]) -> str:
    """One sentence on a queue that nobody serves, and what can be done."""
    return (
        f"no worker of this stack serves queue {queue!r}, only {', '.join(map(repr, known))}; use one of these,"
        f" or add {queue!r} to airflow-stack:worker.queues (the stack's workers serve it) or to"
        " airflow-stack:worker.other_queues (somebody else's do)"
    )


def refuse_unserved() -> None:
    """Have the executor fail what it would send to nobody, with the reason in the task's log.

    The cluster policy refuses such a DAG before it runs; this is for what gets by it: a queue that a
    ``task_instance_mutation_hook`` has set, or one that config serves no longer. Installed in the scheduler.
    ``worker.other_queues: ["*"]`` switches it off.
    """
    import airflow

    if served() is None or not airflow.__version__.startswith(VERSIONS):
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
