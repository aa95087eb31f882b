"""What runs beside Airflow in its tasks: publisher of the workers' metric, CloudWatch agent, log router. Pure.

Airflow goes on without any of them, so none is essential: ECS restarts it alone.
"""

from __future__ import annotations

import json
from typing import Any

from airflow_stack.airflow import there
from airflow_stack.airflow.deployment import RUNTIME
from airflow_stack.backends.aws.plan.environment import STATSD_PORT
from airflow_stack.backends.aws.plan.metrics import namespace
from airflow_stack.config import AwsConfig

PUBLIC = "public.ecr.aws"

# Both are of several architectures. A tag of theirs is not moved to another image.
# https://gallery.ecr.aws/cloudwatch-agent/cloudwatch-agent
AGENT = "cloudwatch-agent/cloudwatch-agent:1.300071.0b1720"
# https://github.com/aws/aws-for-fluent-bit/releases
ROUTER = "aws-observability/aws-for-fluent-bit:3.4.8"

# MiB that each is counted with when memory is short. The task's own limit holds for all together.
PUBLISHER_MIB = 64
AGENT_MIB = 64
ROUTER_MIB = 50

# CloudWatch averages by the minute, and each call costs.
PUBLISH_SECONDS = 60

# What the publisher reads of Airflow's environment: it does without Airflow.
PUBLISHER_READS = (
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD",
    "AIRFLOW__OPERATORS__DEFAULT_QUEUE",
    "AIRFLOW_STACK_QUEUES",
    "AWS_DEFAULT_REGION",
)
PUBLISHER_SECRETS = ("sql_alchemy_conn",)


def side_image(config: AwsConfig, image: str) -> str:
    """Where an image of AWS's public registry is pulled from."""
    return f"{config.target.side_images or PUBLIC}/{image}"


def publisher_environment(config: AwsConfig, shared: dict[str, str], cluster: str) -> dict[str, str]:
    """Environment of the publisher; ``shared`` is Airflow's."""
    prefix, worker = config.target.name, config.target.worker
    role = next(role for role in there(config) if role.elastic)
    own = {
        "CLUSTER": cluster,
        "METRIC_NAMESPACE": namespace(prefix),
        "PUBLISH_SECONDS": PUBLISH_SECONDS,
        "WORKER_CONCURRENCY": config.worker.concurrency,
        "WORKER_MAX": worker.max,
        "WORKER_MIN": worker.min,
        "WORKER_SERVICE": f"{prefix}-{role.name}",
    }
    return {name: shared[name] for name in PUBLISHER_READS if name in shared} | {
        f"AIRFLOW_STACK_{name}": str(value) for name, value in own.items()
    }


def publisher() -> dict[str, Any]:
    """What differs from Airflow's own container, whose image this is."""
    return {"name": "metrics", "command": [f"{RUNTIME}/publish"], "memoryReservation": PUBLISHER_MIB, **RESTARTED}


def agent(config: AwsConfig, region: str) -> dict[str, Any]:
    """The CloudWatch agent, which takes Airflow's metrics by statsd."""
    document = {
        "agent": {
            # Each task has a name of its own: with it as a dimension, each restart would be new metrics to pay for.
            "omit_hostname": True,
            "region": region,
        },
        "metrics": {
            "namespace": namespace(config.target.name),
            "metrics_collected": {
                "statsd": {
                    # The containers of a task share one loopback: nobody else can send.
                    "service_address": f"127.0.0.1:{STATSD_PORT}",
                    "metric_separator": "_",
                    "metrics_aggregation_interval": 60,
                    "metrics_collection_interval": 60,
                }
            },
        },
    }
    return {
        "name": "cloudwatch-agent",
        "image": side_image(config, AGENT),
        "environment": [{"name": "CW_CONFIG_CONTENT", "value": json.dumps(document, sort_keys=True)}],
        "memoryReservation": AGENT_MIB,
        **RESTARTED,
    }


def router(config: AwsConfig) -> dict[str, Any]:
    """Fluent Bit, which takes the lines of the other containers; ECS writes its configuration and starts it first."""
    return {
        "name": "log-router",
        "image": side_image(config, ROUTER),
        "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
        "memoryReservation": ROUTER_MIB,
        # AWS's image writes its files as root.
        "user": "0",
        **RESTARTED,
    }


RESTARTED: dict[str, Any] = {
    "essential": False,
    # An end with 0 was asked for. An empty list would come back from AWS as none, and look like a change.
    "restartPolicy": {"enabled": True, "ignoredExitCodes": [0], "restartAttemptPeriod": 60},
}
