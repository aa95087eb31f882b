"""The model that a test knows a config to have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_stack.config import AwsConfig, LocalConfig, read_stack_file


def local(config: Any) -> LocalConfig:
    """Of a stack of this machine."""
    assert isinstance(config, LocalConfig)
    return config


def aws(config: Any) -> AwsConfig:
    """Of a stack on AWS."""
    assert isinstance(config, AwsConfig)
    return config


def local_file(directory: Path, stack: str = "local") -> LocalConfig:
    """What the stack file of this machine's stack says."""
    return local(read_stack_file(directory, stack)[0])


def aws_file(directory: Path, stack: str = "prod") -> AwsConfig:
    """What the stack file of AWS's stack says."""
    return aws(read_stack_file(directory, stack)[0])
