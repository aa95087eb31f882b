"""What a machine needs before containers are created: checks, then images."""

from __future__ import annotations

from collections.abc import Collection

from airflow_stack.backends.containers import Plan
from airflow_stack.backends.labels import Tool
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig
from airflow_stack.operations import image_build, preflight
from airflow_stack.operations.image_build import Say


def prepare(
    config: LocalConfig, given: Collection[str], plan: Plan, machine: Machine, stack: str, tool: Tool, say: Say
) -> None:
    """Check first, build then. Raises OperationError with nothing created but images and the project's folders.

    ``given`` are the keys of the secrets that config sets.
    """
    preflight.check(config, given, plan, machine, stack, tool)
    image_build.ensure(plan, machine, say)
