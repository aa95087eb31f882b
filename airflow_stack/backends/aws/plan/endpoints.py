"""Which services of AWS a stack reaches by interface endpoints where its tasks have no other way out. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_stack.backends.aws.plan.rights import Rights

# Endpoints, as in `com.amazonaws.<region>.<name>`, by the prefix that IAM knows a service by. S3 has a gateway
# endpoint, which is free.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
ENDPOINTS: dict[str, tuple[str, ...]] = {
    "cloudwatch": ("monitoring",),
    "ecr": ("ecr.api", "ecr.dkr"),
    "ecs": ("ecs",),
    "firehose": ("kinesis-firehose",),
    "logs": ("logs",),
    "s3": (),
    "secretsmanager": ("secretsmanager",),
    "sqs": ("sqs",),
    "ssmmessages": ("ssmmessages",),
}

# Asked of the ECS agent of the task's own host.
BY_THE_AGENT = {"ecs:GetTaskProtection", "ecs:UpdateTaskProtection"}


def interface_endpoints(rights: Iterable[Rights]) -> tuple[str, ...]:
    """Those of the services that tasks may call, sorted; each costs by the hour and zone. Fargate itself needs none.

    Raises ValueError for a right of a service that ENDPOINTS does not know: without an endpoint its tasks would only
    wait for an answer.
    """
    actions = {action for one in rights for action in one.actions} - BY_THE_AGENT
    services = {action.partition(":")[0] for action in actions}
    if unknown := sorted(services - ENDPOINTS.keys()):
        allowed = ", ".join(sorted(action for action in actions if action.partition(":")[0] in unknown))
        raise ValueError(f"tasks may call {allowed}: name the endpoint of {', '.join(unknown)} in {__name__}.ENDPOINTS")
    return tuple(sorted(endpoint for service in services for endpoint in ENDPOINTS[service]))
