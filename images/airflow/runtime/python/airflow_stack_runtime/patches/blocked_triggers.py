"""Tells of a trigger that blocks the triggerer: to the probe, in the log, and which one it is to `status` and `doctor`.

All triggers of a triggerer share one event loop. One that calls ``time.sleep`` or a client that waits stops all of
them, while the main thread's heartbeat goes on and the triggerer looks well. Airflow 3.2 has an option for it,
``triggerer.runner_health_check_threshold``.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from airflow_stack_runtime.probes import alive

EVENT = "airflow_stack_blocks"
"""Of the rows in Airflow's table ``log``."""
BLOCKED = 10.0
"""Seconds without a sign of the event loop from which on a trigger is named."""
AGAIN = 60.0
"""Seconds until it is named again."""
ADVICE = (
    "in `async def run`, await: asyncio.sleep instead of time.sleep, an async client, or asyncio.to_thread;"
    " then restart the triggerer"
)

log = logging.getLogger(__name__)


def apply() -> None:
    """Have the event loop give signs beside Airflow's own watchdog, which can speak only when the loop goes on."""
    from airflow.jobs.triggerer_job_runner import TriggerRunner

    TriggerRunner.block_watchdog = watched(TriggerRunner.block_watchdog)


def watched(block_watchdog: Callable[..., Any]) -> Callable[..., Any]:
    """Of the coroutine that runs as long as the loop does."""

    @wraps(block_watchdog)
    async def call(self: Any) -> None:
        signs = Signs(self, asyncio.get_running_loop())
        threading.Thread(target=signs.watch, name="blocked-triggers", daemon=True).start()
        beats = asyncio.create_task(signs.beat())
        await block_watchdog(self)
        await beats

    return call


class Signs:
    """Of one event loop."""

    def __init__(self, runner: Any, loop: asyncio.AbstractEventLoop, path: Any = alive.PATH) -> None:
        """``runner`` is Airflow's, which knows its triggers and when to stop."""
        self._runner, self._loop, self._path = runner, loop, path
        self._last = time.monotonic()

    async def beat(self) -> None:
        """In the loop: a sign each second."""
        while not self._runner.stop:
            self._last = time.monotonic()
            alive.beat(self._path)
            await asyncio.sleep(1)

    def watch(self) -> None:
        """In a thread of its own, which goes on while the loop does not."""
        told = -AGAIN
        while not self._runner.stop:
            time.sleep(1)
            now = time.monotonic()
            if now - self._last > BLOCKED and now - told > AGAIN:
                told = now
                try:
                    tell(self._blocking(), now - self._last)
                except Exception:
                    log.exception("A trigger that blocks could not be told in the database")

    def _blocking(self) -> str:
        """Name of the trigger whose code the loop is in, as Airflow has it; empty where it is none."""
        task = asyncio.current_task(self._loop)
        return next((str(one["name"]) for one in list(self._runner.triggers.values()) if one["task"] is task), "")


def tell(name: str, seconds: float) -> None:
    """``name`` is DAG, run, task, map index and try, with strokes between; a run's id may have such strokes too."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    text = f"its trigger blocks all triggers of the triggerer, for {seconds:.0f} s by now; {ADVICE}"
    log.error("Trigger %s: %s", name or "unknown", text)
    dag, _, rest = name.partition("/")
    parts = rest.rsplit("/", 3)
    with create_session() as session:
        run, task = (parts[0], parts[1]) if len(parts) == 4 else ("", "")  # noqa: PLR2004 - of the name
        session.add(Log(event=EVENT, owner="airflow-stack", dag_id=dag, task_id=task, run_id=run, extra=text))
