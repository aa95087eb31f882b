"""Labels by which a stack's containers are found again."""

from __future__ import annotations

from typing import Literal

from airflow_stack.backends.containers import Container

Tool = Literal["pulumi", "compose"]

STACK = "airflow-stack.stack"
SERVICE = "airflow-stack.service"
SECRETS = "airflow-stack.secrets"
MANAGED_BY = "airflow-stack.managed-by"


def container_labels(container: Container, stack: str, tool: Tool) -> dict[str, str]:
    """Labels of one container, but for the fingerprint of its secrets."""
    return {MANAGED_BY: tool, SERVICE: container.service, STACK: stack}
