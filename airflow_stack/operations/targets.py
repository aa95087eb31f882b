"""Verbs that stacks of this machine alone have."""

from __future__ import annotations

import shlex

from airflow_stack.config import StackConfig
from airflow_stack.errors import OperationError


def require_local(config: StackConfig, stack: str, why: str, instead: str = "pulumi up") -> None:
    """Raise OperationError for a stack on AWS: why this is not for it, and the command of Pulumi that is."""
    if config.on_aws:
        raise OperationError(
            f"stack {stack!r} runs on AWS: {why}.\nNothing was changed. Use: {instead} --stack {shlex.quote(stack)}"
        )
