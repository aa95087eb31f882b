"""What GitHub's workflows may do: previews read Pulumi's state, deployments change what the stack is made of. Pure.

Resources are named by the stack's prefix where a service knows names, and by its tag where it knows tags alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_stack.backends.aws.plan.github_rights import PartsRights, actions
from airflow_stack.backends.aws.plan.refs import ACCOUNT, PARTITION
from airflow_stack.backends.aws.plan.rights import Statement, statement
from airflow_stack.backends.aws.plan.servers import Cache
from airflow_stack.config.aws.github import GithubConfig

if TYPE_CHECKING:
    from airflow_stack.backends.aws.plan import AwsPlan

HOST = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True)
class WorkflowRole:
    """A role that workflows take."""

    purpose: str
    name: str
    description: str
    subjects: Sequence[str]
    """Who takes it, by what GitHub's token says of a run. Whole values: no wildcard lets another run in."""
    policies: Mapping[str, Sequence[Statement]]
    """By topic. A policy each: a managed one holds 6,144 characters."""


@dataclass(frozen=True)
class Workflows:
    """What GitHub's workflows have in the account."""

    roles: tuple[WorkflowRole, ...]
    provider_arn: str | None
    """The OIDC provider that vouches for them; None where the stack makes it."""
    boundary: str | None
    """Policy that bounds every role of the stack."""


def workflows(plan: AwsPlan) -> Workflows | None:
    """Of this stack; None where config names no repository."""
    github = plan.github
    if github is None:
        return None
    return Workflows(
        (
            WorkflowRole(
                "preview", role_name(plan, "preview"), "GitHub's workflows read the state of the stack for previews",
                _subjects(github, "pull_request", f"ref:refs/heads/{github.branch}"), {"state": preview(github)},
            ),
            WorkflowRole(
                "deploy", role_name(plan, "deploy"),
                "GitHub's workflows deploy the stack, from an approved environment",
                _subjects(github, f"environment:{github.environment}"), deploy(plan, github),
            ),
        ),
        github.provider_arn,
        github.permissions_boundary,
    )  # fmt: skip


def role_name(plan: AwsPlan, purpose: str) -> str:
    """IAM allows 64 characters, of which name and region take up to 34."""
    return f"{plan.name}-{plan.region}-github-{purpose}"


def _subjects(github: GithubConfig, *runs: str) -> list[str]:
    return [f"repo:{github.repository}:{run}" for run in runs]


def trust(provider_arn: str, allowed: Sequence[str]) -> Statement:
    """Runs of these subjects take the role.

    https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws
    """
    return {
        "Sid": "Workflows",
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": list(allowed)}},
    }


def preview(github: GithubConfig) -> list[Statement]:
    """Read the state. A preview of this program asks AWS nothing, so nothing else is allowed."""
    bucket = f"arn:{PARTITION}:s3:::{github.state_bucket}"
    return [
        statement("ListState", ["s3:ListBucket"], [bucket]),
        statement("ReadState", ["s3:GetObject"], [f"{bucket}/*"]),
        statement("OpenState", ["kms:Decrypt"], [github.state_key_arn]),
    ]


def deploy(plan: AwsPlan, github: GithubConfig) -> dict[str, list[Statement]]:
    """Statements by topic; each topic is a policy of at most 6,144 characters."""
    rights = _Rights(plan, github)
    return {
        "state": [*rights.state(), *rights.roles()],
        "network": rights.network(),
        "entry": rights.entry(),
        "data": rights.data(),
        "compute": rights.compute(),
        "watching": rights.watching(),
    }


class _Rights(PartsRights):
    def __init__(self, plan: AwsPlan, github: GithubConfig) -> None:
        super().__init__(plan)
        self._github = github

    def state(self) -> list[Statement]:
        bucket = f"arn:{PARTITION}:s3:::{self._github.state_bucket}"
        return [
            statement("ListState", ["s3:ListBucket"], [bucket]),
            statement("State", actions("s3", "GetObject PutObject DeleteObject"), [f"{bucket}/*"]),
            statement("SealState", actions("kms", "Decrypt Encrypt"), [self._github.state_key_arn]),
        ]

    def roles(self) -> list[Statement]:
        """The stack's roles, but not those of this module: who deploys must not change what it may itself."""
        base, region = f"arn:{PARTITION}:iam::{ACCOUNT}", self._plan.region
        firehose = [f"{base}:role/{self._plan.name}-firehose-*"] if self._plan.logs.firelens else []
        theirs = [f"{base}:role/{self._plan.name}-{region}-*", *firehose]
        own = [f"{base}:role/{role_name(self._plan, '*')}"]
        read = actions(
            "iam", "GetRole GetRolePolicy ListRolePolicies ListAttachedRolePolicies ListInstanceProfilesForRole"
        )
        grow = actions("iam", "CreateRole PutRolePolicy")
        change = actions(
            "iam", "DeleteRole DeleteRolePolicy DetachRolePolicy TagRole UntagRole UpdateRole UpdateAssumeRolePolicy"
        )
        boundary = self._github.permissions_boundary
        bound = {"ArnEquals": {"iam:PermissionsBoundary": boundary}} if boundary else None
        services = ["ecs-tasks.amazonaws.com", *(["firehose.amazonaws.com"] if firehose else [])]
        managed = [f"{base}:policy/{role_name(self._plan, '*')}", f"{base}:oidc-provider/{HOST}"]
        return [
            statement("ReadRoles", read, theirs),
            statement("MakeRoles", grow, theirs, bound),
            statement("ChangeRoles", change, theirs),
            {
                "Sid": "NotItself",
                "Effect": "Deny",
                "Action": sorted([*grow, *change, *actions("iam", "AttachRolePolicy PassRole")]),
                "Resource": own,
            },
            # Its own policies and the provider stand in the same state: what is unchanged has to be readable.
            statement(
                "ReadItself",
                actions("iam", "GetPolicy GetPolicyVersion ListPolicyVersions GetOpenIDConnectProvider"),
                managed,
            ),
            statement("PassRoles", ["iam:PassRole"], theirs, {"StringEquals": {"iam:PassedToService": services}}),
            statement(
                "ServiceRoles",
                ["iam:CreateServiceLinkedRole"],
                [f"{base}:role/aws-service-role/*"],
                {"StringEquals": {"iam:AWSServiceName": linked_services(self._plan)}},
            ),
        ]


def linked_services(plan: AwsPlan) -> list[str]:
    """Services that make a role of their own in an account, the first time."""
    also = {"rds": plan.database is not None, "elasticache": isinstance(plan.broker, Cache)}
    services = [
        "ecs",
        "ecs.application-autoscaling",
        "elasticloadbalancing",
        *(name for name, used in also.items() if used),
    ]
    return [f"{service}.amazonaws.com" for service in services]
