"""A stack that is up, whichever its target."""

from __future__ import annotations

from pathlib import Path

from airflow_stack.operations.running.interface import (
    Completed,
    LogLine,
    RoleStatus,
    RunningStack,
    Work,
)
from airflow_stack.operations.target import target_of_file

__all__ = ["Completed", "LogLine", "RoleStatus", "RunningStack", "Work", "find"]


def find(directory: Path, stack: str) -> RunningStack:
    """The stack of this name, as it runs. Raises OperationError where it is not up, ConfigError for a bad file."""
    running: RunningStack = target_of_file(directory, stack).running()
    return running
