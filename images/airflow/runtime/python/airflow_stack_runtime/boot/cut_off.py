"""Ends the tasks of a worker that is stopped in good order, before its container is killed with them.

A worker that gets SIGTERM takes no more tasks and waits for those that it has. Docker and ECS kill it when the stop
timeout is over: a task's log then ended without a reason, and the scheduler found out by a heartbeat that did not come.
So shortly before, the supervisors of the tasks get SIGTERM: ``on_kill`` runs, the try fails or is repeated at once, the
log is sent, the message is acknowledged. What does not end for SIGTERM is killed; its supervisor still says so.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

KEY = "airflow-stack:worker.stop_timeout"
VARIABLE = "AIRFLOW_STACK_STOP_TIMEOUT"
"""Variable with the seconds between SIGTERM and SIGKILL of this container."""
ORDERLY, LAST = 15.0, 5.0
"""Seconds before SIGKILL at which tasks are told to end, and at which they are killed. Of a short timeout: at most a
half and a fifth."""
MOMENT = 3.0
"""Seconds for which the database may take to hear of it."""
EVENT = "cut off"
"""Of the task's event log."""
LOOK = 0.2
"""Seconds between two looks at whether the tasks have ended."""

# Nobody else is in this container; a container that starts again has the files of its earlier life.
REASON = Path("/tmp/airflow-stack-cut-off")  # noqa: S108

log = logging.getLogger(__name__)


def seconds(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return the stop timeout; None outside of a stack's worker."""
    given = environment.get(VARIABLE, "")
    return float(given) if given else None


def schedule(timeout: float) -> tuple[float, float]:
    """Return after how many seconds the tasks are told to end, and after how many they are killed."""
    return timeout - min(ORDERLY, timeout / 2), timeout - min(LAST, timeout / 5)


def sentence(timeout: float) -> str:
    """Why a task ends, for its log."""
    given, _ = schedule(timeout)
    return f"the worker was stopped and gave it {given:.0f} s ({KEY}: {timeout:.0f})"


def reason(path: Path = REASON) -> str:
    """Why the tasks of this worker are ended now; empty where they are not."""
    try:
        return path.read_text()
    except OSError:
        return ""


class CutOff:
    """Waits in a thread for the tasks of a worker that is stopped, and ends them when their time is over."""

    def __init__(
        self,
        timeout: float,
        supervisors: Callable[[], Mapping[int, Callable[[bool], None]]],
        told: Callable[[str], None],
        path: Path = REASON,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``supervisors``: of the tasks at work, what ends them by their process, hard where True is given.

        ``told`` is called with the reason, before the tasks are ended, where there are any.
        """
        self._timeout, self._supervisors, self._told, self._path = timeout, supervisors, told, path
        self._clock, self._sleep = clock, sleep
        self._started = False
        path.unlink(missing_ok=True)

    def begin(self) -> None:
        """The worker has been told to stop. Does not wait."""
        if not self._started:
            self._started = True
            threading.Thread(target=self.run, name="cut-off", daemon=True).start()

    def run(self) -> None:
        """Return when no task is left, or all that can be done is done."""
        begin = self._clock()
        for after, hard in zip(schedule(self._timeout), (False, True), strict=True):
            while (left := begin + after - self._clock()) > 0:
                if not self._supervisors():
                    return
                self._sleep(min(left, LOOK))
            if not (tasks := self._supervisors()):
                return
            if not hard:
                said = sentence(self._timeout)
                with contextlib.suppress(OSError):  # a full disk: the tasks' end matters more
                    self._path.write_text(said)
                self._tell(said)
            for end in tasks.values():
                end(hard)

    def _tell(self, said: str) -> None:
        """Not longer than a moment: a database that does not answer must not keep the tasks from their end."""

        def tell() -> None:
            with contextlib.suppress(Exception):  # the database is away
                self._told(said)

        thread = threading.Thread(target=tell, name="cut-off-told", daemon=True)
        thread.start()
        thread.join(MOMENT)


def connect(environment: Mapping[str, str] = os.environ) -> CutOff | None:
    """Look after the tasks of the Celery worker that this process may become."""
    if (timeout := seconds(environment)) is None:
        return None
    from celery import signals

    cut_off: list[CutOff] = []

    def ready(**_: object) -> None:
        cut_off[:] = [CutOff(timeout, supervisors, tell)]

    def stopping(**_: object) -> None:
        for one in cut_off:
            one.begin()

    signals.worker_init.connect(ready, weak=False)
    signals.worker_shutting_down.connect(stopping, weak=False)
    return None


def is_supervisor(command: Iterable[str]) -> bool:
    """Whether this is the command line of a process that looks after one task."""
    text = " ".join(command)
    return "airflow task supervisor" in text or ("tasks run" in text and "--local" in text)


def supervisors() -> dict[int, Callable[[bool], None]]:
    """Return what ends the tasks of this process, by their supervisors' process ids."""
    import psutil

    found: dict[int, Callable[[bool], None]] = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and is_supervisor(process.cmdline()):
                found[process.pid] = functools.partial(_end, process)
    return found


def _end(supervisor: Any, hard: bool) -> None:
    """The supervisor itself is never killed: it writes the log's end and frees the slot."""
    import psutil

    with contextlib.suppress(psutil.Error):
        if not hard:
            supervisor.terminate()
            return
        for process in supervisor.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.kill()


def tell(said: str) -> None:
    """Write into the event log of each task of this host that it is cut off."""
    import psutil
    from airflow import settings
    from airflow.models import Log, TaskInstance
    from airflow.utils import timezone
    from airflow.utils.net import get_hostname
    from sqlalchemy import insert, select

    alive = {process.pid for process in psutil.Process().children(recursive=True)}
    task = TaskInstance
    now = timezone.utcnow()
    with settings.engine.begin() as connection:
        columns = (task.dag_id, task.task_id, task.run_id, task.map_index, task.try_number, task.start_date, task.pid)
        running = connection.execute(
            select(*columns).where(task.state == "running", task.hostname == get_hostname())
        ).all()
        for dag, name, run, index, number, started, pid in running:
            if pid is not None and pid not in alive:
                continue
            ran = (now - started).total_seconds() if started else 0.0
            log.warning("cut off: %s.%s, run %s, map index %s, after %.0f s: %s", dag, name, run, index, ran, said)
            connection.execute(
                insert(Log).values(
                    dttm=now, event=EVENT, dag_id=dag, task_id=name, run_id=run, map_index=index, try_number=number,
                    owner="airflow-stack", extra=f"after {ran:.0f} s: {said}",
                )
            )  # fmt: skip
