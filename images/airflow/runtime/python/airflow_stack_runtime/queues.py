"""The queues that workers serve, and whether a task asks for one of them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from airflow_stack_runtime.options import option

SERVED = "AIRFLOW_STACK_QUEUES"
"""Variable with the queues that the stack's own workers serve, separated by commas; empty for the default queue alone.
Without the variable nothing is refused: the executor has no queues."""
OTHERS = "AIRFLOW_STACK_OTHER_QUEUES"
"""The same of the queues that somebody else's workers serve; * stands for every name, and refuses nothing."""


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
