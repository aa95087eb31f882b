"""The rollout: the update ends when the services run what it has deployed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from airflow_stack.backends.aws.called import Called
from airflow_stack.backends.task_provider import TaskRun


class Rollout(Resource, module="airflow-stack", name="Rollout"):
    """Waits for the services, and fails the update where one does not start or is rolled back.

    The provider's own waiting does not do: after a failure Pulumi keeps the new values, so that the next update finds
    nothing to change and succeeds over a service that is dead or runs what it ran before. What this resource has not
    seen running, it deploys again.
    https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ecs/service.go
    """

    def __init__(
        self,
        name: str,
        region: str,
        cluster: pulumi.Input[str],
        services: Mapping[str, Mapping[str, Any]],
        unwaited: Collection[str],
        *,
        called: Called,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``services``: by role, in the words of UpdateService."""
        super().__init__(
            TaskRun(),
            name,
            {
                "function": called.settle,
                "undo": called.forget,
                "region": region,
                "stack": pulumi.get_stack(),
                "cluster": cluster,
                # As text: the engine knows no integers, and AWS takes nothing else for a count.
                "services": pulumi.Output.json_dumps(services),
                "unwaited": list(unwaited),
            },
            opts,
        )
