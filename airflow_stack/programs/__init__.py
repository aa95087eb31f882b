"""What `pulumi up` does for each target: what a machine needs first, then the resources."""

from __future__ import annotations

from pathlib import Path

from airflow_stack.config import Secrets, StackConfig
from airflow_stack.outputs import StackOutputs


def deploy(config: StackConfig, secrets: Secrets, program: Path, stack: str) -> StackOutputs:
    """Deploy the stack to its target. Only that one's SDK is imported, which takes a while."""
    if config.on_aws:
        from airflow_stack.backends.aws import stack as aws

        return aws.deploy(config, secrets, program, stack)
    from airflow_stack.programs import local

    return local.deploy(config, secrets, program, stack)
