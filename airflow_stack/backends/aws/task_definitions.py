"""The task definitions: one for each role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import ecs

from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.backends.aws.plan.container_definitions import TaskFacts
from airflow_stack.backends.aws.plan.services import Family

if TYPE_CHECKING:
    from airflow_stack.backends.aws.cluster import Cluster
    from airflow_stack.backends.aws.logs import Logs
    from airflow_stack.backends.aws.roles import Roles

Containers = Callable[[Family, TaskFacts], str]
"""The containers of a family's tasks, as JSON."""


class TaskDefinitions(pulumi.ComponentResource):
    """What ECS runs: image, command, environment, secrets, size and roles of each role's tasks.

    ``secret_arns`` and ``secret_versions`` are by name of the secret file.
    """

    arns: dict[str, pulumi.Output[str]]
    """By role, with the revision."""

    def __init__(
        self,
        name: str,
        plan: AwsPlan,
        containers: Containers,
        image: pulumi.Input[str],
        roles: Roles,
        *,
        environment: pulumi.Input[Mapping[str, str]],
        secret_arns: Mapping[str, pulumi.Input[str]],
        secret_versions: Mapping[str, pulumi.Input[str]],
        logs: Logs,
        cluster: Cluster,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:TaskDefinitions", name, None, opts)
        # With the version, a new value makes a new definition: tasks read a secret at their start alone. And no task
        # starts before the value is there.
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
        secrets = {name: pulumi.Output.concat(arn, ":::", secret_versions[name]) for name, arn in secret_arns.items()}
        self.arns = {}
        for family in plan.families:
            role = family.role.name
            facts = {
                "region": plan.region,
                "image": image,
                "cluster": cluster.cluster_name,
                "log_group": logs.groups[role],
                "environment": environment,
                "secret_arns": secrets,
                "firehose": logs.firehose_name,
            }
            definition = ecs.TaskDefinition(
                f"{name}-{role}",
                family=family.name,
                requires_compatibilities=["FARGATE"],
                network_mode="awsvpc",
                runtime_platform=ecs.TaskDefinitionRuntimePlatformArgs(
                    cpu_architecture=plan.architecture, operating_system_family="LINUX"
                ),
                cpu=str(family.cpu),
                memory=str(family.memory),
                ephemeral_storage=ecs.TaskDefinitionEphemeralStorageArgs(size_in_gib=family.disk)
                if family.disk
                else None,
                execution_role_arn=roles.execution_arns[role],
                task_role_arn=roles.task_arns[role],
                # Nobody waits for the workers, so ECS may still go back to an earlier revision: an inactive one starts
                # no deployment. Rollout deregisters the oldest.
                skip_destroy=True if family.role.spec.elastic else None,
                container_definitions=pulumi.Output.from_input(facts).apply(_renderer(containers, family)),
                opts=pulumi.ResourceOptions(
                    parent=self,
                    # A role's ARN says nothing of its policies. Without them a task can't start, and a task that is
                    # stopped after they are gone keeps its service, and so the destroy, waiting.
                    depends_on=list(roles.policies),
                ),
            )
            self.arns[role] = definition.arn
        self.register_outputs({})


def _renderer(containers: Containers, family: Family) -> Callable[[dict[str, Any]], str]:
    return lambda facts: containers(family, TaskFacts(**facts))
