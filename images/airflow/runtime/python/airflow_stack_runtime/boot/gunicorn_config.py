"""Gunicorn's settings for the webserver, on top of Airflow's own."""

from __future__ import annotations

import gc
from typing import Any

from airflow.www.gunicorn_config import on_starting as providers_on_starting
from airflow.www.gunicorn_config import post_worker_init

__all__ = ["on_starting", "post_worker_init", "pre_fork"]


def on_starting(server: Any) -> None:
    """Load the providers, which the workers share."""
    providers_on_starting(server)


def pre_fork(_server: Any, _worker: Any) -> None:
    """Freeze the application, which is loaded by now: a collection in a worker must not copy the master's pages."""
    gc.freeze()
