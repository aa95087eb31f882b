"""IAM roles: one to start each task, and one for what runs in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from airflow_stack.airflow import Deployment
from airflow_stack.backends.aws.environment import roles
from airflow_stack.backends.aws.policies import Arns, execution, task, trust
from airflow_stack.backends.aws.policy_document import document
from airflow_stack.config import StackConfig
from airflow_stack.releases import RoleSpec


@dataclass(frozen=True)
class Used:
    """ARNs of what the tasks use; None where the stack has no such thing."""

    cluster_arn: pulumi.Input[str]
    bucket_arn: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    log_group_arns: Mapping[str, pulumi.Input[str]]
    """By role."""
    secret_arns: Mapping[str, pulumi.Input[str]]
    """By name of the secret file."""
    queue_arn: pulumi.Input[str] | None = None
    firehose_arn: pulumi.Input[str] | None = None
    exec_log_group_arn: pulumi.Input[str] | None = None

    def of(self, log_group: str, secrets: tuple[str, ...]) -> pulumi.Output[Arns]:
        """What one role uses, when it is known. Raises KeyError for a secret that is not stored."""
        return pulumi.Output.all(
            cluster=self.cluster_arn,
            bucket=self.bucket_arn,
            repository=self.repository_arn,
            log_group=self.log_group_arns[log_group],
            secrets=[self.secret_arns[name] for name in secrets],
            queue=self.queue_arn,
            firehose=self.firehose_arn,
            exec_log_group=self.exec_log_group_arn,
        ).apply(lambda known: Arns(**known))


class Roles(pulumi.ComponentResource):
    """An execution and a task role for each role of Airflow, and their policies."""

    execution_arns: dict[str, pulumi.Output[str]]
    """By role."""
    task_arns: dict[str, pulumi.Output[str]]
    """By role."""
    task_names: dict[str, pulumi.Output[str]]
    """Names of the task roles, by role: what a user adds policies to."""
    policies: list[pulumi.Resource]
    """Task definitions depend on them: without its rights a task neither starts nor drains on a destroy."""

    def __init__(
        self,
        name: str,
        config: StackConfig,
        deployment: Deployment,
        used: Used,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:Roles", name, None, opts)
        self._name, self._config = name, config
        self.execution_arns, self.task_arns, self.task_names, self.policies = {}, {}, {}, []
        trusted = pulumi.Output.from_input(used.cluster_arn).apply(lambda arn: document(trust(arn)))
        for role in roles(deployment).values():
            starter = self._role(role.name, "execution", f"ECS starts {role.name} tasks", trusted)
            reads = used.of(role.name, role.secrets).apply(lambda known: document(*execution(config, known)))
            self._policy(role.name, "execution", starter, reads)
            runner = self._role(role.name, "task", f"What runs in {role.name} tasks", trusted)
            # ECS alone reads the secrets: of a new one, a preview shows no change here.
            self._policy(role.name, "task", runner, self._task_policy(role.spec, used.of(role.name, ())))
            self.execution_arns[role.name] = starter.arn
            self.task_arns[role.name] = runner.arn
            self.task_names[role.name] = runner.name
        self.register_outputs({})

    def _task_policy(self, role: RoleSpec, arns: pulumi.Output[Arns]) -> pulumi.Output[str]:
        return arns.apply(lambda known: document(*task(self._config, role, known)))

    def _role(self, role: str, kind: str, description: str, trusted: pulumi.Output[str]) -> iam.Role:
        target = self._config.aws
        return iam.Role(
            f"{self._name}-{role}-{kind}",
            # Roles are the account's, not the region's: two stacks of one name in two regions must not meet.
            name=f"{target.name}-{target.region}-{role}-{kind}",
            description=description,
            assume_role_policy=trusted,
            # A policy that a user has added must not keep the role from going.
            force_detach_policies=True,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _policy(self, role: str, kind: str, owner: iam.Role, text: pulumi.Output[str]) -> None:
        self.policies.append(
            iam.RolePolicy(
                f"{self._name}-{role}-{kind}-policy",
                role=owner.name,
                policy=text,
                opts=pulumi.ResourceOptions(parent=self),
            )
        )
