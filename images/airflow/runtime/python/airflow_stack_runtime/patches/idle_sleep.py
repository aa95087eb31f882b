"""Lets the scheduler look often while tasks come and go, and seldom while nothing moves.

Between two loops without work it sleeps for ``scheduler_idle_sleep_time``: a second is long for a row of short tasks,
of which each waits for two such sleeps, and a twentieth of a second, all day long, costs a fifth of a processor.
"""

from __future__ import annotations

import time
from typing import Any

SHORT = 0.05
"""Seconds of sleep while tasks move."""
MOVING = 3.0
"""Seconds after the last task came or went."""
FEW = 4
"""Tasks in flight. With more of them there is always work, and looking for it takes the time of the tasks."""


class IdleSleep:
    """Descriptor in the place of ``SchedulerJobRunner._scheduler_idle_sleep_time``, which the loop reads each time."""

    def __init__(self) -> None:
        """Nothing has moved yet."""
        self.configured = 1.0
        self.tasks: set[Any] = set()
        self.moved = 0.0

    def __set__(self, runner: Any, seconds: float) -> None:
        """Keep what is configured."""
        self.configured = seconds

    def __get__(self, runner: Any, _owner: type | None = None) -> float:
        """Return how long the loop may sleep now."""
        if runner is None:
            return self.configured
        tasks: set[Any] = set()
        for executor in runner.job.executors:
            tasks.update(executor.running, executor.queued_tasks)
        now = time.monotonic()
        if tasks != self.tasks:
            self.tasks, self.moved = tasks, now
        moves = now - self.moved < MOVING and len(tasks) <= FEW
        return min(SHORT, self.configured) if moves else self.configured


def apply() -> None:
    """Install the descriptor in the place of the attribute, which each scheduler sets for itself."""
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    SchedulerJobRunner._scheduler_idle_sleep_time = IdleSleep()
