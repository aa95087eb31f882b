"""A connection pool for the processes of a task: keeps one connection for a moment, none for long.

Airflow gives these processes no pool, because each of hundreds would hold connections for hours. So they open a new one
for each session: 18 in the second that a task takes to start and end, and PostgreSQL needs longer to accept them than
to answer the queries. This pool hands a connection that was just given back to the next session, and closes it after
``LINGER`` seconds without one: short bursts share a connection, a task that works for hours holds none.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from sqlalchemy.pool import NullPool

LINGER = 1.0
"""Seconds that an unused connection stays open."""


class LingeringPool(NullPool):
    """At most one idle connection, and that for ``LINGER`` seconds. Not limited otherwise, as the base class.

    The kept connection is not tested before use: whatever broke it in the last second would refuse a new one too.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take SQLAlchemy's arguments."""
        super().__init__(*arguments, **options)
        self._idle: Any = None
        self._since = 0.0
        self._guard = threading.Lock()
        self._closer: threading.Thread | None = None

    def status(self) -> str:
        """Describe the pool, for SQLAlchemy's logs."""
        return f"LingeringPool, {'one' if self._idle else 'no'} idle connection"

    def dispose(self) -> None:
        """Close the idle connection."""
        if (record := self._take()) is not None:
            record.close()

    def _do_get(self) -> Any:
        return self._take() or self._create_connection()

    def _do_return_conn(self, record: Any) -> None:
        with self._guard:
            if self._idle is None and record.dbapi_connection is not None:
                self._idle, self._since, record = record, time.monotonic(), None
                if self._closer is None:
                    self._closer = threading.Thread(target=self._close_when_unused, daemon=True)
                    self._closer.start()
        if record is not None:
            record.close()

    def _take(self, unused_for: float = 0.0) -> Any:
        with self._guard:
            if time.monotonic() - self._since < unused_for:
                return None
            record, self._idle = self._idle, None
        return record

    def _close_when_unused(self) -> None:
        while True:
            time.sleep(LINGER)
            if (record := self._take(unused_for=LINGER)) is not None:
                record.close()
            with self._guard:
                if self._idle is None:
                    self._closer = None
                    return
