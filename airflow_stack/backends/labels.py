"""Labels by which a stack's containers are found again."""

from __future__ import annotations

from airflow_stack.backends.containers import Container

STACK = "airflow-stack.stack"
SERVICE = "airflow-stack.service"
SECRETS = "airflow-stack.secrets"


def container_labels(container: Container, stack: str, secrets: str | None) -> dict[str, str]:
    """Labels of one container; ``secrets`` is the fingerprint of its secret files, where they are known."""
    labels = {SERVICE: container.service, STACK: stack}
    return labels if secrets is None else labels | {SECRETS: secrets}
