"""Bounds the callbacks of tasks: Airflow's ``execution_timeout`` bounds a task's work, and nothing what comes after it.

A callback that never ends would hold its task's slot for ever. Those of DAGs run where DAG files are parsed, within
``core.dag_file_processor_timeout``.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

LIMIT = "AIRFLOW_STACK_CALLBACK_TIMEOUT"
"""Variable with the seconds that one callback may take."""
AGAIN = 5.0
"""Seconds until one is interrupted again that has caught the first exception and gone on."""
KINDS = ("on_execute_callback", "on_failure_callback", "on_retry_callback", "on_skipped_callback",
         "on_success_callback")  # fmt: skip

log = logging.getLogger("airflow.task")


def bind(task: Any) -> None:
    """Bound all callbacks of a task that has just been read."""
    limit = os.environ.get(LIMIT, "")
    if not limit.isdigit():
        return
    for kind in KINDS:
        found = getattr(task, kind, None)
        if found:
            several = found if isinstance(found, list | tuple) else [found]
            bound = [bounded(one, kind, float(limit)) for one in several]
            setattr(task, kind, bound if isinstance(found, list | tuple) else bound[0])


def bounded(callback: Callable[..., Any], kind: str, seconds: float) -> Callable[..., Any]:
    """Return the same callback, which is interrupted after so many seconds. A bound one stays as it is."""
    if hasattr(callback, "airflow_stack_seconds"):
        return callback

    @wraps(callback)
    def call(*arguments: Any, **named: Any) -> Any:
        from airflow.exceptions import AirflowTaskTimeout

        try:
            with interrupted(kind, name, seconds):
                return callback(*arguments, **named)
        except AirflowTaskTimeout as error:
            # As after any callback that raises, the task's state stays what it is.
            raise RuntimeError(str(error)) from None

    name = call.__name__ = getattr(callback, "__name__", type(callback).__name__)
    call.airflow_stack_seconds = seconds  # type: ignore[attr-defined]
    return call


@contextmanager
def interrupted(kind: str, name: str, seconds: float) -> Iterator[None]:
    """By AirflowTaskTimeout, which no ``except Exception`` catches, and again for whoever catches it.

    Only the main thread can be interrupted: in another one nothing is bounded.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        from airflow.exceptions import AirflowTaskTimeout

        text = (
            f"{kind} {name} was ended after {seconds:g} s (airflow-stack:airflow.callback_timeout): it held the task's"
            " slot"
        )
        log.error("%s.", text)
        raise AirflowTaskTimeout(text)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
