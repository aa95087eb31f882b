"""The task definitions: one for each role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import ecs

from airflow_stack.airflow import Deployment
from airflow_stack.backends.aws.container_definitions import TaskFacts, container_definitions
from airflow_stack.backends.aws.services import UNWAITED
from airflow_stack.config import StackConfig

if TYPE_CHECKING:
    from airflow_stack.backends.aws.cluster import Cluster
    from airflow_stack.backends.aws.logs import Logs
    from airflow_stack.backends.aws.roles import Roles

# By the name of the task's size in ``target``.
SIZES = {
    "webserver": "webserver",
    "scheduler": "scheduler",
    "triggerer": "triggerer",
    "worker": "worker",
    "one-off": "one_off",
}


class TaskDefinitions(pulumi.ComponentResource):
    """What ECS runs: image, command, environment, secrets, size and roles of each role's tasks.

    ``secret_arns`` and ``secret_versions`` are by name of the secret file.
    """

    arns: dict[str, pulumi.Output[str]]
    """By role, with the revision."""

    def __init__(
        self,
        name: str,
        config: StackConfig,
        deployment: Deployment,
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
        target = config.aws
        # With the version, a new value makes a new definition: tasks read a secret at their start alone. And no task
        # starts before the value is there.
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
        secrets = {name: pulumi.Output.concat(arn, ":::", secret_versions[name]) for name, arn in secret_arns.items()}
        self.arns = {}
        for role, section in SIZES.items():
            size = getattr(target, section)
            facts = {
                "image": image,
                "cluster": cluster.cluster_name,
                "log_group": logs.groups[role],
                "environment": environment,
                "secret_arns": secrets,
                "firehose": logs.firehose_name,
            }
            disk = target.worker.ephemeral_storage if role == "worker" else None
            definition = ecs.TaskDefinition(
                f"{name}-{role}",
                family=f"{target.name}-{role}",
                requires_compatibilities=["FARGATE"],
                network_mode="awsvpc",
                runtime_platform=ecs.TaskDefinitionRuntimePlatformArgs(
                    cpu_architecture=target.architecture, operating_system_family="LINUX"
                ),
                cpu=str(size.cpu),
                memory=str(size.memory),
                ephemeral_storage=ecs.TaskDefinitionEphemeralStorageArgs(size_in_gib=disk) if disk else None,
                execution_role_arn=roles.execution_arns[role],
                task_role_arn=roles.task_arns[role],
                # Nobody waits for the workers, so ECS may still go back to an earlier revision: an inactive one starts
                # no deployment. Rollout deregisters the oldest.
                skip_destroy=True if role in UNWAITED else None,
                container_definitions=pulumi.Output.from_input(facts).apply(_renderer(config, deployment, role)),
                opts=pulumi.ResourceOptions(
                    parent=self,
                    # A role's ARN says nothing of its policies. Without them a task can't start, and a task that is
                    # stopped after they are gone keeps its service, and so the destroy, waiting.
                    depends_on=list(roles.policies),
                ),
            )
            self.arns[role] = definition.arn
        self.register_outputs({})


def _renderer(config: StackConfig, deployment: Deployment, role: str) -> Callable[[dict[str, Any]], str]:
    def render(facts: dict[str, Any]) -> str:
        return container_definitions(config, deployment, role, TaskFacts(region=config.aws.region, **facts))

    return render
