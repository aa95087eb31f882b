"""Labels by which what a stack consists of is found again. Whose an object is, `operations/ownership.py` decides."""

from __future__ import annotations

from typing import Literal

from airflow_stack.backends.containers import Container
from airflow_stack.backends.machine import Machine

Tool = Literal["pulumi", "compose"]

STACK = "airflow-stack.stack"
DIRECTORY = "airflow-stack.directory"
ID = "airflow-stack.id"
SERVICE = "airflow-stack.service"
SECRETS = "airflow-stack.secrets"
MANAGED_BY = "airflow-stack.managed-by"

IMAGE_VERSION = "org.opencontainers.image.version"
"""Of the image, which a container shows as its own: of Airflow's, the version of Airflow."""


def stack_labels(stack: str, machine: Machine) -> dict[str, str]:
    """Of every container, network and volume. Without an id where the stack was never brought up."""
    known = {ID: machine.id} if machine.id else {}
    return {DIRECTORY: str(machine.program)} | known | {STACK: stack}


def container_labels(container: Container, stack: str, machine: Machine, tool: Tool) -> dict[str, str]:
    """Labels of one container, but for the fingerprint of its secrets."""
    return stack_labels(stack, machine) | {MANAGED_BY: tool, SERVICE: container.service}
