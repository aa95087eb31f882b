"""Airflow's own runner of a task's process, which says in the task's log why it ends a task of a worker that stops.

Airflow takes it by ``core.task_runner``; the user may name another one.
"""

from __future__ import annotations

import signal

from airflow.task.task_runner.standard_task_runner import StandardTaskRunner

from airflow_stack_runtime import cut_off


class TaskRunner(StandardTaskRunner):
    """In the supervisor of one task."""

    def terminate(self) -> None:
        """End the task, after a word about the reason where the worker has one."""
        reason = cut_off.reason() if self.process is not None and self.process.is_running() else ""
        if reason:
            task = self._task_instance
            left = max(task.max_tries + 1 - task.try_number, 0)
            then = f"it is tried again, retries left: {left}" if left else "it fails, since it has no retries left"
            self.log.error("cut off: %s; %s.", reason, then)
        super().terminate()
        if reason and self._rc == -signal.SIGKILL:
            self.log.error("It did not end for SIGTERM, so it was killed: memory has nothing to do with it.")
