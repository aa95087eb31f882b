"""What ECS makes of a log router in a task definition, and of the containers whose lines it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from docker.types import LogConfig

# Of the stand-in, images/rehearsal/firelens.py.
CONFIGURATION = "AIRFLOW_STACK_FIRELENS"
PORT = 24224

Container = Mapping[str, Any]
"""Of a registered task definition."""


def configured(router: Container, containers: Sequence[Container], metadata: Mapping[str, str]) -> Container:
    """The router with what ECS would write into a file for it: where each container's lines go, and what is added."""
    outputs = {one["name"]: one["logConfiguration"]["options"] for one in containers if is_routed(one)}
    is_added = router["firelensConfiguration"].get("options", {}).get("enable-ecs-log-metadata", "true") == "true"
    value = json.dumps({"outputs": outputs, "metadata": metadata if is_added else {}})
    return {**router, "environment": [*router.get("environment", ()), {"name": CONFIGURATION, "value": value}]}


def is_routed(container: Container) -> bool:
    """Whether its lines go to the task's router."""
    return bool(container.get("logConfiguration", {}).get("logDriver") == "awsfirelens")


def log_config(container: str, task: str, address: str) -> LogConfig:
    """Docker's log driver as ECS sets it, for a container whose router is at this address.

    Docker keeps a copy of the lines: ``docker logs`` shows them still.
    """
    return LogConfig(
        type="fluentd",
        config={
            "fluentd-address": f"tcp://{address}:{PORT}",
            "fluentd-async": "true",
            # ECS leaves it at more than a day: without a router, Docker would not let go of a container.
            "fluentd-max-retries": "6",
            "fluentd-sub-second-precision": "true",
            "tag": f"{container}-firelens-{task}",
        },
    )
