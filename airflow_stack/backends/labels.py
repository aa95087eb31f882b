"""Labels by which a stack's containers are found again."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from airflow_stack.backends.containers import Container

Tool = Literal["pulumi", "compose"]

STACK = "airflow-stack.stack"
SERVICE = "airflow-stack.service"
SECRETS = "airflow-stack.secrets"
MANAGED_BY = "airflow-stack.managed-by"
DIRECTORY = "airflow-stack.directory"


def volume_labels(stack: str, program: Path) -> dict[str, str]:
    """Labels of a data volume: also where the secrets are that open it."""
    return {DIRECTORY: str(program), STACK: stack}


def container_labels(container: Container, stack: str, tool: Tool) -> dict[str, str]:
    """Labels of one container, but for the fingerprint of its secrets."""
    return {MANAGED_BY: tool, SERVICE: container.service, STACK: stack}
