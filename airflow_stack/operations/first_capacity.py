"""Attach a new cluster's capacity providers as soon as ECS has its own role, which an account's first cluster makes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_stack.errors import OperationError
from airflow_stack.operations.aws_client import client, plain_errors

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

# Seconds between two attempts, and of all of them: IAM spreads a new role within some tens of seconds.
INTERVAL = 5.0
TIMEOUT = 180.0

# What ECS says of it: Unable to assume the service linked role. Please verify that the ECS service linked role exists.
ROLE = "service linked role"


def attach(inputs: Mapping[str, Any]) -> None:
    """Attach Fargate's two providers. Raises OperationError where the role is still not there after three minutes."""
    from botocore.exceptions import ClientError

    region, deadline = inputs["region"], time.monotonic() + TIMEOUT
    with plain_errors(region):
        ecs: ECSClient = client("ecs", region)
        while True:
            try:
                ecs.put_cluster_capacity_providers(
                    cluster=inputs["cluster"],
                    capacityProviders=["FARGATE", "FARGATE_SPOT"],
                    # For a task that names none: a migration must not be taken back in the middle.
                    defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
                )
            except ClientError as error:
                if ROLE not in error.response["Error"].get("Message", "").lower().replace("-", " "):
                    raise
                if time.monotonic() > deadline:
                    raise OperationError(
                        "ECS has no role of its own in this account, and could not make it: AWSServiceRoleForECS.\n"
                        "Make it, and update again: aws iam create-service-linked-role"
                        " --aws-service-name ecs.amazonaws.com"
                    ) from error
                time.sleep(INTERVAL)
            else:
                return
