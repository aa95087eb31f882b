"""A stack that is up, whichever its target."""

from __future__ import annotations

from pathlib import Path

from airflow_stack.config import read_stack_file
from airflow_stack.operations.running.interface import (
    Completed,
    LogLine,
    RoleStatus,
    RunningStack,
    Work,
)

__all__ = ["Completed", "LogLine", "RoleStatus", "RunningStack", "Work", "find"]


def find(directory: Path, stack: str) -> RunningStack:
    """The stack of this name, as it runs. Raises OperationError where it is not up, ConfigError for a bad file."""
    program = directory.resolve()
    config, _ = read_stack_file(program, stack)
    if config.on_aws:
        from airflow_stack.operations.running.aws_stack import AwsStack

        return AwsStack.find(program, stack, config)
    from airflow_stack.operations.running.docker_stack import DockerStack

    return DockerStack.find(program, stack, config)
