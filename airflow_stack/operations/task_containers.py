"""The containers of the tasks on AWS as they are deployed, before AWS is asked for anything."""

from __future__ import annotations

import json
from typing import Any

from airflow_stack.airflow import Deployment
from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.backends.aws.plan.container_definitions import TaskFacts, container_definitions
from airflow_stack.backends.aws.plan.environment import Facts, environment
from airflow_stack.backends.aws.plan.servers import Queues
from airflow_stack.config import AwsConfig

UNKNOWN = "…"
"""Stands for the part of a name that AWS or Pulumi makes up."""

Containers = dict[str, list[dict[str, Any]]]


def task_containers(config: AwsConfig, deployment: Deployment, plan: AwsPlan) -> Containers:
    """By role, Airflow's first. Image, stream and log group are empty; a secret's ARN is the name of its file."""
    queue = f"https://sqs.{plan.region}.amazonaws.com/{UNKNOWN}" if isinstance(plan.broker, Queues) else None
    domain = plan.entry.asked.domain
    url = f"https://{domain}" if domain else f"http://{UNKNOWN}.elb.amazonaws.com"
    known = environment(config, Facts(plan.region, plan.bucket.prefix + UNKNOWN, queue, url))
    names = {file.name: file.name for file in plan.secrets.files}
    facts = TaskFacts("", plan.region, plan.name, "", known, names, "")
    return {
        family.role.name: json.loads(container_definitions(config, deployment, family, facts))
        for family in plan.families
    }
