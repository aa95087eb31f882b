"""GitHub's workflows in the account: the OIDC provider that vouches for them, and the two roles that they may take."""

from __future__ import annotations

import pulumi
from pulumi_aws import iam

from airflow_stack.backends.aws.github_policies import AUDIENCE, HOST, deploy, preview, role_name, subjects, trust
from airflow_stack.backends.aws.policy_document import document
from airflow_stack.config import AwsConfig

ROLE = "aws:iam/role:Role"
# A policy each: a managed one holds 6,144 characters.
TOPICS = ("state", "network", "entry", "data", "compute", "watching")
DESCRIPTIONS = {
    "preview": "GitHub's workflows read the state of the stack for previews",
    "deploy": "GitHub's workflows deploy the stack, from an approved environment",
}


class GitHubRoles(pulumi.ComponentResource):
    """The provider, where the account has none, and a role each for previews and for deployments."""

    arns: dict[str, pulumi.Output[str]]
    """``preview`` and ``deploy``: the repository's variables AWS_PREVIEW_ROLE_ARN and AWS_DEPLOY_ROLE_ARN."""

    def __init__(
        self,
        name: str,
        config: AwsConfig,
        cluster_arn: pulumi.Input[str],
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``cluster_arn`` tells account and partition, which a preview can't ask. ValueError without target.github."""
        super().__init__("airflow-stack:aws:GitHubRoles", name, None, opts)
        if config.target.github is None:
            raise ValueError("target.github is not set")
        self._name, self._config, self._settings = name, config, config.target.github
        provider = self._oidc_provider()
        cluster = pulumi.Output.from_input(cluster_arn)
        reads = cluster.apply(lambda arn: preview(config, arn))
        writes = cluster.apply(lambda arn: {topic: document(*found) for topic, found in deploy(config, arn).items()})
        self.arns = {
            "preview": self._role("preview", provider, {"state": reads.apply(lambda found: document(*found))}),
            "deploy": self._role("deploy", provider, {topic: writes[topic] for topic in TOPICS}),
        }
        self.register_outputs({})

    def _oidc_provider(self) -> pulumi.Output[str]:
        if self._settings.provider_arn is not None:
            return pulumi.Output.from_input(self._settings.provider_arn)
        return iam.OpenIdConnectProvider(
            f"{self._name}-github",
            url=f"https://{HOST}",
            client_id_lists=[AUDIENCE],
            opts=pulumi.ResourceOptions(parent=self),
        ).arn

    def _role(
        self, purpose: str, provider: pulumi.Output[str], policies: dict[str, pulumi.Output[str]]
    ) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        allowed = subjects(self._settings)[purpose]
        name = role_name(self._config, purpose)
        role = iam.Role(
            f"{self._name}-github-{purpose}",
            name=name,
            description=DESCRIPTIONS[purpose],
            assume_role_policy=provider.apply(lambda arn: document(trust(arn, allowed))),
            # As long as a first deployment takes at most, which makes a database.
            max_session_duration=7200,
            opts=child,
        )
        for topic, text in policies.items():
            # Managed ones: a role's inline policies hold 10,240 characters together.
            policy = iam.Policy(
                f"{self._name}-github-{purpose}-{topic}", name=f"{name}-{topic}", policy=text, opts=child
            )
            iam.RolePolicyAttachment(
                f"{self._name}-github-{purpose}-{topic}", role=role.name, policy_arn=policy.arn, opts=child
            )
        return role.arn


def bounded(config: AwsConfig) -> list[pulumi.ResourceTransformation] | None:
    """Gives each role of the stack the boundary, where there is one: one that was forgotten could not be deployed."""
    github = config.target.github
    if github is None or github.permissions_boundary is None:
        return None
    boundary = github.permissions_boundary

    def bind(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ != ROLE:
            return None
        return pulumi.ResourceTransformationResult({**args.props, "permissions_boundary": boundary}, args.opts)

    return [bind]
