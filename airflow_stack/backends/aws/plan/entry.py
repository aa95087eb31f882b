"""The only way in: the load balancer, its name and its certificate, and who logs in there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_stack.backends.aws.plan.services import Service
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.network import LoadBalancerConfig


@dataclass(frozen=True)
class Entry:
    """The load balancer in front of whoever serves the UI."""

    prefix: str
    asked: LoadBalancerConfig
    """What config says of it."""
    port: int
    """Of the tasks that it leads to."""
    health: str
    """Path there that answers 200 to anybody."""


def entry(config: AwsConfig, services: Sequence[Service]) -> Entry:
    """Of this stack."""
    ui, port = next((service.role.spec, port) for service in services if service.served and (port := service.role.port))
    return Entry(config.target.name, config.target.load_balancer, port, ui.health)
