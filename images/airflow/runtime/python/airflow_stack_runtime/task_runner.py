"""Runs a task as Airflow does, and says so where its worker has cut it off or the kernel has killed it for memory.

Airflow's own option ``core.task_runner`` names it. Without it a task's log ends in "return code -9"
(https://github.com/apache/airflow/issues/61521), and the kernel kills whichever process of the worker is the largest.
"""

from __future__ import annotations

import json
import os
import resource
import signal
from datetime import UTC, datetime
from typing import Any

from airflow.task.task_runner.standard_task_runner import StandardTaskRunner

from airflow_stack_runtime import memory
from airflow_stack_runtime.boot import cut_off

EVENT = "killed for memory"
"""In Airflow's audit log, which the UI shows and `facts` reads."""

MARKER = "killed for memory: "
"""Before the JSON of a kill in the container's own log."""

DEFERRED = 100
"""``TaskReturnCode.DEFERRED``: the task waits in the triggerer."""

NEAR = 0.95
"""Share of the limit that a container has had when it was killed for it. With less, the whole machine was full."""


class TaskRunner(StandardTaskRunner):
    """In the process that supervises a task; the user's code runs in a child of it."""

    _kills: int | None = None
    _since: datetime
    _told = False

    def start(self) -> None:
        """Start the child as one that is killed before the worker, its pool and this supervisor."""
        self._kills, self._since = memory.read().kills, datetime.now(UTC)
        with memory.expendable():
            super().start()

    def return_code(self, timeout: float = 0) -> int | None:
        """Look once at what has ended the child."""
        code: int | None = super().return_code(timeout)
        if code and code != DEFERRED and not self._told:
            self._told = True
            try:
                self._explain(code)
            except Exception:  # the task's end is handled whatever becomes of its explanation
                self.log.exception("A kill for memory could not be recorded")
        return code

    def terminate(self) -> None:
        """End the task, after a word about the reason where the worker has one."""
        reason = cut_off.reason() if self.process is not None and self.process.is_running() else ""
        if reason:
            # A kill that follows is ours.
            self._told = True
            task = self._task_instance
            left = max(task.max_tries + 1 - task.try_number, 0)
            then = f"it is tried again, retries left: {left}" if left else "it fails, since it has no retries left"
            self.log.error("cut off: %s; %s.", reason, then)
        super().terminate()
        if reason and self._rc == -signal.SIGKILL:
            self.log.error("It did not end for SIGTERM, so it was killed: memory has nothing to do with it.")

    def _explain(self, code: int) -> None:
        now = memory.read()
        known = now.kills is not None and self._kills is not None
        killed = known and now.kills > self._kills  # type: ignore[operator]
        if not killed and (known or code != -signal.SIGKILL):
            return
        kill = describe(now, os.environ)
        if not known:
            self.log.error("Killed from outside, by its return code; %s. If it was for memory: %s", *told(kill))
            self._record(kill)
            return
        seen, advice = told(kill)
        if code == -signal.SIGKILL:
            self.log.error("Killed by the kernel for memory: %s; %s", seen, advice)
        else:
            self.log.error(
                "While this task ran, the kernel killed a process of this container for memory, likely one that the"
                " task had started: %s; %s", seen, advice,
            )  # fmt: skip
        # A neighbour's kill counts in the same container: this task is told by name where no neighbour was killed.
        if code == -signal.SIGKILL or now.kills - self._kills > self._recorded(kill["host"]):  # type: ignore[operator]
            self._record(kill)

    def _recorded(self, host: str) -> int:
        """Kills in this container that were recorded since the task began."""
        from airflow.models.log import Log
        from airflow.utils.session import create_session

        with create_session() as session:
            here = Log.extra.contains(json.dumps({"host": host})[1:-1])
            return int(session.query(Log).filter(Log.event == EVENT, Log.dttm >= self._since, here).count())

    def _record(self, kill: dict[str, Any]) -> None:
        """Where `status` and `doctor` look: the audit log, and the log of the container, which is not the task's."""
        from airflow.models.log import Log
        from airflow.utils.session import create_session

        task = self._task_instance
        named = {"dag": task.dag_id, "task": task.task_id, "run": task.run_id, "try": task.try_number}
        os.write(2, f"{MARKER}{json.dumps(named | kill)}\n".encode())
        with create_session() as session:
            session.add(Log(EVENT, task_instance=task, extra=json.dumps(kill)))


def describe(now: memory.Memory, environment: Any) -> dict[str, Any]:
    """All that is known of a kill, in MiB; ``task_mib`` is the most that one process of the task has had."""
    slots = environment.get("AIRFLOW__CELERY__WORKER_CONCURRENCY", "")
    # Of the children that this process has waited for: the task alone, and those of the task. KiB.
    task = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    limit = now.limit if now.limit is not None else memory.limit_told()
    return {
        "host": os.uname().nodename,
        "limit": limit,
        "used": now.peak,
        "task_mib": task,
        "slots": int(slots) if slots.isdigit() else None,
        "advice": environment.get("AIRFLOW_STACK_MEMORY_ADVICE", "give it more memory"),
    }


def told(kill: dict[str, Any]) -> tuple[str, str]:
    """What was seen, and what to do."""
    limit, used = kill["limit"], kill["used"]
    parts = [f"the limit of {kill['host']} is {limit} MiB" if limit else "its limit is not known"]
    if used is not None:
        parts.append(f"at the kill it used {used} MiB")
    seen = f"{', '.join(parts)} (the task itself {kill['task_mib']} MiB)"
    if limit and used is not None and used < NEAR * limit:
        return seen, "the whole machine's memory was used up: give Docker more, or run less beside it"
    return seen, kill["advice"]
