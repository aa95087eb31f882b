"""With ``egress: vpc_endpoints`` a task reaches what has an endpoint, and nothing else: calls against endpoints.

What tasks call is read from two places: the policies of their roles, and the clients that the image makes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from backends.aws.recorded import planned
from backends.aws.whole import deploy, parsed

RUNTIME = Path(__file__).parents[3] / "images/airflow/runtime/python"

# Endpoints by the prefix that IAM knows a service by, and by boto3's name for it. S3 has its gateway.
ENDPOINTS: dict[str, set[str]] = {
    "cloudwatch": {"monitoring"},
    "ecr": {"ecr.api", "ecr.dkr"},
    "ecs": {"ecs"},
    "firehose": {"kinesis-firehose"},
    "logs": {"logs"},
    "s3": set(),
    "secretsmanager": {"secretsmanager"},
    "sqs": {"sqs"},
    "ssmmessages": {"ssmmessages"},
}

# Asked of the ECS agent of the task's own host, by ECS_AGENT_URI.
BY_THE_AGENT = {"ecs:GetTaskProtection", "ecs:UpdateTaskProtection"}

STACKS: dict[str, dict[str, Any]] = {
    "sqs": {},
    "elasticache": {"broker": {"kind": "elasticache"}},
    "exec": {"target": {"exec": True}},
    "firelens": {"target": {"logs": {"firelens": True}}},
}


def closed(raw: dict[str, Any]) -> dict[str, Any]:
    """The stack without a way to the internet."""
    mirror = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/mirror"
    return raw | {"target": raw.get("target", {}) | {"egress": "vpc_endpoints", "side_images": mirror}}


def of_services(names: set[str]) -> set[str]:
    return set[str]().union(*(ENDPOINTS[name] for name in names))


@pytest.mark.parametrize("name", STACKS)
def test_what_tasks_may_call_has_an_endpoint(name: str) -> None:
    """Rule: an endpoint for each service in a policy of a task, and none that nobody calls: each costs by the hour."""
    raw = closed(STACKS[name])
    policies = deploy(raw).of("aws:iam/rolePolicy:RolePolicy")
    tasks = {key: json.loads(one.inputs["policy"]) for key, one in policies.items() if "-firehose-" not in key}
    actions = {
        action for policy in tasks.values() for one in policy["Statement"] for action in one["Action"]
    } - BY_THE_AGENT
    assert of_services({action.partition(":")[0] for action in actions}) == set(
        planned(parsed(raw)[0]).network.endpoints
    )


def test_what_the_image_calls_has_an_endpoint() -> None:
    """Rule: a client of boto3 in the image's own programs leads to an endpoint, whatever the policies say."""
    found = {
        service
        for file in RUNTIME.rglob("*.py")
        for service in re.findall(r"""boto3\.client\(\s*["']([a-z0-9-]+)["']""", file.read_text(encoding="utf-8"))
    }
    assert {"ecs", "cloudwatch", "s3", "secretsmanager"} <= found, "the search finds nothing any more"
    assert of_services(found) <= set(planned(parsed(closed({}))[0]).network.endpoints)
