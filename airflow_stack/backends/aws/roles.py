"""IAM roles: one to start each task, and one for what runs in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from airflow_stack.backends.aws.known import Known, policy
from airflow_stack.backends.aws.plan import refs
from airflow_stack.backends.aws.plan.policy_document import account, partition
from airflow_stack.backends.aws.plan.refs import Ref
from airflow_stack.backends.aws.plan.rights import Rights, trust


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

    @property
    def known(self) -> Known:
        """By the plan's names. The account is never looked up: a preview makes no call."""
        cluster = pulumi.Output.from_input(self.cluster_arn)
        arns: dict[Ref, pulumi.Input[str] | None] = {
            refs.PARTITION: cluster.apply(partition),
            refs.ACCOUNT: cluster.apply(account),
            refs.CLUSTER_NAME: cluster.apply(lambda arn: arn.rpartition("/")[2]),
            refs.BUCKET: self.bucket_arn,
            refs.REPOSITORY: self.repository_arn,
            refs.QUEUE: self.queue_arn,
            refs.FIREHOSE: self.firehose_arn,
            refs.EXEC_LOG_GROUP: self.exec_log_group_arn,
        }
        arns |= {refs.log_group(role): arn for role, arn in self.log_group_arns.items()}
        arns |= {refs.secret(file): arn for file, arn in self.secret_arns.items()}
        return {ref: pulumi.Output.from_input(arn) for ref, arn in arns.items() if arn is not None}


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
        prefix: str,
        region: str,
        rights: Sequence[Rights],
        used: Used,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:Roles", name, None, opts)
        self._name, self._prefix, self._region = name, prefix, region
        self.execution_arns, self.task_arns, self.task_names, self.policies = {}, {}, {}, []
        known = used.known
        trusted = policy([trust(region)], known)
        for one in rights:
            starter = self._role(one.role, "execution", f"ECS starts {one.role} tasks", trusted)
            self._policy(one.role, "execution", starter, policy(one.execution, known))
            runner = self._role(one.role, "task", f"What runs in {one.role} tasks", trusted)
            # ECS alone reads the secrets: of a new one, a preview shows no change here.
            self._policy(one.role, "task", runner, policy(one.task, known))
            self.execution_arns[one.role] = starter.arn
            self.task_arns[one.role] = runner.arn
            self.task_names[one.role] = runner.name
        self.register_outputs({})

    def _role(self, role: str, kind: str, description: str, trusted: pulumi.Output[str]) -> iam.Role:
        return iam.Role(
            f"{self._name}-{role}-{kind}",
            # Roles are the account's, not the region's: two stacks of one name in two regions must not meet.
            name=f"{self._prefix}-{self._region}-{role}-{kind}",
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
