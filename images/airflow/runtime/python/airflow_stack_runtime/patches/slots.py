"""Gives back the slots of tasks whose worker died: the executor of Celery keeps them for ever.

It takes a task off its books when Celery's result says that the task is over. A worker that was killed writes none:
the result stays STARTED, and with each such task the scheduler has one slot less, until it restarts. Airflow 2.11 gives
back those of tasks that miss their heartbeat; here the metadata database decides, which knows of every way in which a
task ends: cleared, marked by hand, deleted, too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any

LOOK = 5.0
"""Seconds between two looks."""
GRACE = 30.0
"""Seconds for which a task may be over before its worker says so: it ends its processes and sends the log meanwhile."""
ALIVE = ("queued", "running", "restarting")
"""States of a task that may have a slot."""

log = logging.getLogger(__name__)


class Books:
    """What of an executor's tasks is over, and since when."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` in seconds."""
        self._clock = clock
        self._over: dict[Hashable, float] = {}
        self._due = 0.0

    def dead(self, keys: Collection[Any], alive: Callable[[Collection[Any]], Collection[Any]]) -> list[Any]:
        """Return those of the executor's tasks that have been over for ``GRACE``. Asks ``alive`` once in ``LOOK``."""
        now = self._clock()
        if now < self._due:
            return []
        self._due = now + LOOK
        living = set(alive(keys)) if keys else set()
        self._over = {key: self._over.get(key, now) for key in keys if key not in living}
        return [key for key, since in self._over.items() if now - since >= GRACE]


def living(keys: Collection[Any], found: Mapping[Any, tuple[str | None, int]]) -> set[Any]:
    """Return the keys of tasks that are at work in the try of the key, by state and try of each primary key."""
    return {
        key for key in keys
        if key.primary in found and found[key.primary][0] in ALIVE and found[key.primary][1] == key.try_number
    }  # fmt: skip


def apply() -> None:
    """Have the scheduler's executor look after its books."""
    from airflow.providers.celery.executors.celery_executor import CeleryExecutor

    sync, books = CeleryExecutor.sync, Books()

    def sync_and_give_back(self: Any) -> None:
        sync(self)
        try:
            for key in books.dead(list(self.tasks), _alive):
                self.tasks.pop(key, None)
                self.running.discard(key)
                log.warning("The slot of %s is free: the task is over, and its worker died before it said so.", key)
        except Exception:
            # The database is away: the slots can wait.
            log.exception("The slots of dead tasks could not be looked for.")

    CeleryExecutor.sync = sync_and_give_back


def _alive(keys: Collection[Any]) -> set[Any]:
    """By a connection of its own: the scheduler is amid a session when its executor looks."""
    from airflow import settings
    from airflow.models import TaskInstance
    from sqlalchemy import select

    columns = [getattr(TaskInstance, name) for name in ("dag_id", "task_id", "run_id", "map_index", "state",
                                                        "try_number")]  # fmt: skip
    with settings.engine.connect() as connection:
        rows = connection.execute(select(*columns).where(TaskInstance.filter_for_tis(keys)))
        return living(keys, {tuple(row[:4]): (row[4], row[5]) for row in rows})
