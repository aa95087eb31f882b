"""Lets all forks of a worker use one database engine, with a pool that does not hold connections.

Each fork of a task makes an engine of its own, twice, with no pool. That throws away the compiled queries that it
inherited, and opens a connection for each session. Airflow has no option for it.
"""

from __future__ import annotations

from typing import Any

from airflow_stack_runtime.patches.pool import LingeringPool


def apply() -> None:
    """In the worker, before its pool forks."""
    from airflow import settings

    if not settings.engine:
        return
    reconfigure = settings.reconfigure_orm
    reconfigure(pool_class=LingeringPool)

    def reconfigure_orm(disable_connection_pool: bool = False, pool_class: Any = None) -> None:
        if pool_class is not None or not disable_connection_pool:
            reconfigure(disable_connection_pool=disable_connection_pool, pool_class=pool_class)

    settings.reconfigure_orm = reconfigure_orm
