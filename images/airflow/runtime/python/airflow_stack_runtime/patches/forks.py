"""Lets each fork of a role open database connections of its own."""

from __future__ import annotations

import os
from typing import Any

_inherited: list[Any] = []


def apply() -> None:
    """Have each fork forget its parent's connections.

    A fork inherits the pool with the parent's open connections. Parent and fork then read each other's answers from one
    socket: the scheduler's health server, a fork, made the scheduler wait for ever for an answer that the health server
    had taken. Later versions of Airflow do the same themselves (``clean_in_fork`` in ``airflow/settings.py``).
    """
    os.register_at_fork(after_in_child=_forget)


def _forget() -> None:
    from airflow import settings

    if settings.engine is not None:
        # Kept, because a driver may tell the server good-bye when the object goes, over the parent's connection.
        _inherited.append(settings.engine.pool)
        settings.engine.dispose(close=False)
