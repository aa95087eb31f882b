"""The migration: a task that runs to its end before the services roll."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import Resource

from airflow_stack.backends.aws.plan.environment import ONE_OFF
from airflow_stack.backends.task_provider import TaskRun
from airflow_stack.config.aws.types import FARGATE_PLATFORM

if TYPE_CHECKING:
    from airflow_stack.backends.aws.cluster import Cluster
    from airflow_stack.backends.aws.network import Network
    from airflow_stack.backends.aws.security_groups import SecurityGroups
    from airflow_stack.backends.aws.task_definitions import TaskDefinitions


class Migration(Resource, module="airflow-stack", name="Migration"):
    """Runs the deployment's init role by RunTask: migration, first user.

    Once when the stack is created, and again whenever the task definition, the command or the network changes: so with
    each new image. A failure fails the update, and what depends on this resource stays as it was. ``depends_on`` names
    what the task needs beside the network: the database, the secrets' values.
    """

    def __init__(
        self,
        name: str,
        region: str,
        command: Sequence[str],
        cluster: Cluster,
        definitions: TaskDefinitions,
        network: Network,
        groups: SecurityGroups,
        *,
        function: str,
        depends_on: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            TaskRun(),
            name,
            {
                "function": function,
                "region": region,
                "cluster": cluster.arn,
                "task_definition": definitions.arns[ONE_OFF],
                "container": ONE_OFF,
                "command": list(command),
                "subnets": network.task_subnet_ids,
                "security_groups": [groups.services[ONE_OFF]],
                "assign_public_ip": network.assign_public_ip,
                "platform_version": FARGATE_PLATFORM,
            },
            # An id of a subnet or a group says nothing of the routes and rules that the task needs.
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[network, groups, *depends_on])),
        )
