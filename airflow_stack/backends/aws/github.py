"""GitHub's workflows in the account: the OIDC provider that vouches for them, and the two roles that they may take."""

from __future__ import annotations

import pulumi
from pulumi_aws import iam

from airflow_stack.backends.aws.known import policy
from airflow_stack.backends.aws.plan import refs
from airflow_stack.backends.aws.plan.github import AUDIENCE, HOST, WorkflowRole, Workflows, trust
from airflow_stack.backends.aws.plan.policy_document import account, document, partition

ROLE = "aws:iam/role:Role"


class GitHubRoles(pulumi.ComponentResource):
    """The provider, where the account has none, and a role each for previews and for deployments."""

    arns: dict[str, pulumi.Output[str]]
    """``preview`` and ``deploy``: the repository's variables AWS_PREVIEW_ROLE_ARN and AWS_DEPLOY_ROLE_ARN."""

    def __init__(
        self,
        name: str,
        workflows: Workflows,
        cluster_arn: pulumi.Input[str],
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``cluster_arn`` tells account and partition, which a preview can't ask."""
        super().__init__("airflow-stack:aws:GitHubRoles", name, None, opts)
        self._name = name
        cluster = pulumi.Output.from_input(cluster_arn)
        self._known = {refs.PARTITION: cluster.apply(partition), refs.ACCOUNT: cluster.apply(account)}
        provider = self._oidc_provider(workflows.provider_arn)
        self.arns = {role.purpose: self._role(role, provider) for role in workflows.roles}
        self.register_outputs({})

    def _oidc_provider(self, arn: str | None) -> pulumi.Output[str]:
        if arn is not None:
            return pulumi.Output.from_input(arn)
        return iam.OpenIdConnectProvider(
            f"{self._name}-github",
            url=f"https://{HOST}",
            client_id_lists=[AUDIENCE],
            opts=pulumi.ResourceOptions(parent=self),
        ).arn

    def _role(self, planned: WorkflowRole, provider: pulumi.Output[str]) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        name = f"{self._name}-github-{planned.purpose}"
        role = iam.Role(
            name,
            name=planned.name,
            description=planned.description,
            assume_role_policy=provider.apply(lambda arn: document(trust(arn, planned.subjects))),
            # As long as a first deployment takes at most, which makes a database.
            max_session_duration=7200,
            opts=child,
        )
        for topic, statements in planned.policies.items():
            # Managed ones: a role's inline policies hold 10,240 characters together.
            made = iam.Policy(
                f"{name}-{topic}", name=f"{planned.name}-{topic}", policy=policy(statements, self._known), opts=child
            )
            iam.RolePolicyAttachment(f"{name}-{topic}", role=role.name, policy_arn=made.arn, opts=child)
        return role.arn


def bounded(boundary: str | None) -> list[pulumi.ResourceTransformation] | None:
    """Gives each role of the stack the boundary, where there is one: one that was forgotten could not be deployed."""
    if boundary is None:
        return None

    def bind(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ != ROLE:
            return None
        return pulumi.ResourceTransformationResult({**args.props, "permissions_boundary": boundary}, args.opts)

    return [bind]
