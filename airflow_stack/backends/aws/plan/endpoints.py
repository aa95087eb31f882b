"""Which services of AWS a stack reaches by interface endpoints where its tasks have no other way out. Pure."""

from __future__ import annotations

from airflow_stack.config import StackConfig

# ECR hands out images by two, the log driver writes to logs, the publisher of the workers' metric asks ECS how many
# workers there are and tells CloudWatch (monitoring), and ECS and Airflow read Secrets Manager.
ALWAYS = ("ecr.api", "ecr.dkr", "ecs", "logs", "monitoring", "secretsmanager")


def interface_endpoints(config: StackConfig) -> list[str]:
    """Names as in ``com.amazonaws.<region>.<name>``, sorted; each costs by the hour and zone.

    Fargate itself, and task protection through the ECS agent, need none. S3 has a gateway endpoint, which is free.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
    """
    also = {
        "sqs": config.broker.kind == "sqs",
        "ssmmessages": config.aws.exec,
        "kinesis-firehose": config.aws.logs.firelens,
    }
    return sorted([*ALWAYS, *(name for name, needed in also.items() if needed)])
