"""launch.py: which roles wait for the metadata database."""

from __future__ import annotations

import pytest
from airflow_stack_runtime import migrations
from airflow_stack_runtime.boot import launch


@pytest.mark.parametrize(
    ("version", "command", "opens"),
    [
        ("2.11.2", "celery worker", True),
        ("3.3.2", "celery worker", False),
        ("3.3.2", "scheduler", True),
        ("3.3.2", "api-server", True),
        ("3.3.2", "dag-processor", True),
    ],
)
def test_a_worker_of_airflow_3_asks_no_database(
    monkeypatch: pytest.MonkeyPatch, version: str, command: str, opens: bool
) -> None:
    """Rule: it has no connection to one, and starts all the same."""
    monkeypatch.setattr(migrations, "installed", lambda: version)
    assert launch.opens_database(command.split()) is opens
