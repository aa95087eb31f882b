"""What GitHub's workflows may do: previews read Pulumi's state, deployments change what the stack is made of. Pure.

Resources are named by the stack's prefix where a service knows names, and by its tag where it knows tags alone.
"""

from __future__ import annotations

from airflow_stack.backends.aws.github_rights import PartsRights, actions
from airflow_stack.backends.aws.plan.rights import Statement, statement
from airflow_stack.backends.aws.policy_document import partition
from airflow_stack.config import AwsConfig
from airflow_stack.config.aws.github import GithubConfig

HOST = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"


def role_name(config: AwsConfig, purpose: str) -> str:
    """IAM allows 64 characters, of which name and region take up to 34."""
    return f"{config.target.name}-{config.target.region}-github-{purpose}"


def subjects(github: GithubConfig) -> dict[str, list[str]]:
    """Who may take which role, by what GitHub's token says of a run. Whole values: no wildcard lets another run in."""
    repository = f"repo:{github.repository}"
    return {
        "preview": [f"{repository}:pull_request", f"{repository}:ref:refs/heads/{github.branch}"],
        "deploy": [f"{repository}:environment:{github.environment}"],
    }


def trust(provider_arn: str, allowed: list[str]) -> Statement:
    """Runs of these subjects take the role.

    https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws
    """
    return {
        "Sid": "Workflows",
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": allowed}},
    }


def preview(config: AwsConfig, cluster_arn: str) -> list[Statement]:
    """Read the state. A preview of this program asks AWS nothing, so nothing else is allowed."""
    github, bucket = _github(config), f"arn:{partition(cluster_arn)}:s3:::{_github(config).state_bucket}"
    return [
        statement("ListState", ["s3:ListBucket"], [bucket]),
        statement("ReadState", ["s3:GetObject"], [f"{bucket}/*"]),
        statement("OpenState", ["kms:Decrypt"], [github.state_key_arn]),
    ]


def deploy(config: AwsConfig, cluster_arn: str) -> dict[str, list[Statement]]:
    """Statements by topic; each topic is a policy of at most 6,144 characters."""
    rights = _Rights(config, cluster_arn)
    return {
        "state": [*rights.state(), *rights.roles()],
        "network": rights.network(),
        "entry": rights.entry(),
        "data": rights.data(),
        "compute": rights.compute(),
        "watching": rights.watching(),
    }


def _github(config: AwsConfig) -> GithubConfig:
    if config.target.github is None:
        raise ValueError("target.github is not set")
    return config.target.github


class _Rights(PartsRights):
    def __init__(self, config: AwsConfig, cluster_arn: str) -> None:
        super().__init__(config, cluster_arn)
        self._github = _github(config)

    def state(self) -> list[Statement]:
        bucket = f"arn:{self._part}:s3:::{self._github.state_bucket}"
        return [
            statement("ListState", ["s3:ListBucket"], [bucket]),
            statement("State", actions("s3", "GetObject PutObject DeleteObject"), [f"{bucket}/*"]),
            statement("SealState", actions("kms", "Decrypt Encrypt"), [self._github.state_key_arn]),
        ]

    def roles(self) -> list[Statement]:
        """The stack's roles, but not those of this module: who deploys must not change what it may itself."""
        base, region = f"arn:{self._part}:iam::{self._owner}", self._target.region
        firehose = [f"{base}:role/{self._target.name}-firehose-*"] if self._target.logs.firelens else []
        theirs = [f"{base}:role/{self._target.name}-{region}-*", *firehose]
        own = [f"{base}:role/{role_name(self._config, '*')}"]
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
        managed = [f"{base}:policy/{role_name(self._config, '*')}", f"{base}:oidc-provider/{HOST}"]
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
                {"StringEquals": {"iam:AWSServiceName": linked_services(self._config)}},
            ),
        ]


def linked_services(config: AwsConfig) -> list[str]:
    """Services that make a role of their own in an account, the first time."""
    also = {"rds": config.database.kind == "rds", "elasticache": config.broker.kind == "elasticache"}
    services = [
        "ecs",
        "ecs.application-autoscaling",
        "elasticloadbalancing",
        *(name for name, used in also.items() if used),
    ]
    return [f"{service}.amazonaws.com" for service in services]
