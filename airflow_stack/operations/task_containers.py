"""The containers of a task on AWS as they are deployed, before AWS is asked for anything."""

from __future__ import annotations

import json
from typing import Any

from airflow_stack.airflow import Deployment
from airflow_stack.backends.aws.container_definitions import TaskFacts, container_definitions
from airflow_stack.backends.aws.environment import Facts, environment
from airflow_stack.config import AwsConfig

UNKNOWN = "…"
"""Stands for the part of a name that AWS or Pulumi makes up."""


def task_containers(config: AwsConfig, deployment: Deployment, role: str) -> list[dict[str, Any]]:
    """Airflow's container first. Image, stream and log group are empty; a secret's ARN is the name of its file."""
    target = config.target
    queue = f"https://sqs.{target.region}.amazonaws.com/{UNKNOWN}" if config.broker.kind == "sqs" else None
    domain = target.load_balancer.domain
    url = f"https://{domain}" if domain else f"http://{UNKNOWN}.elb.amazonaws.com"
    known = environment(config, Facts(target.region, f"{target.name}-{UNKNOWN}", queue, url))
    names = {name: name for one in (deployment.init, *deployment.roles) for name in one.secrets}
    facts = TaskFacts("", target.region, target.name, "", known, names, "")
    found: list[dict[str, Any]] = json.loads(container_definitions(config, deployment, role, facts))
    return found
