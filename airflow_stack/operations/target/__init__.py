"""Where a stack runs. Here, and nowhere else, its config decides which of the two it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_stack.config import AnyConfig, AwsConfig, read_stack_file
from airflow_stack.operations.target.interface import Target

__all__ = ["Target", "target_of", "target_of_file"]


def target_of(config: AnyConfig, program: Path, stack: str) -> Target[Any, Any]:
    """The stack's. Nothing is asked, and only what this one needs is imported when it is asked for something."""
    if isinstance(config, AwsConfig):
        from airflow_stack.operations.target.aws import OnAws

        return OnAws(config, program, stack)
    from airflow_stack.operations.target.docker import OnDocker

    return OnDocker(config, program, stack)


def target_of_file(directory: Path, stack: str) -> Target[Any, Any]:
    """The one of which the stack file speaks. Raises ConfigError."""
    program = directory.resolve()
    return target_of(read_stack_file(program, stack)[0], program, stack)
