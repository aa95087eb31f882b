"""The cluster's capacity providers are attached as soon as AWS allows it."""

from __future__ import annotations

import pulumi
from pulumi.dynamic import Resource

from airflow_stack.backends.task_provider import TaskRun


class FirstCapacity(Resource, module="airflow-stack", name="FirstCapacity"):
    """Waits for the role that ECS makes for itself, with an account's first cluster.

    Until IAM has spread it, ECS refuses to attach a capacity provider. The provider of AWS tries once: an account's
    first update would fail there.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html
    """

    def __init__(
        self,
        name: str,
        region: str,
        cluster: pulumi.Input[str],
        function: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(TaskRun(), name, {"function": function, "region": region, "cluster": cluster}, opts)
