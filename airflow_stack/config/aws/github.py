"""``airflow-stack:target.github``: which repository previews and deploys the stack, by OIDC."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from airflow_stack.config.types import Section, matches

# An owner has no double hyphen and none at its ends. A wildcard would let in what the account's owner has not named.
Repository = Annotated[
    str,
    matches(
        r"(?!.*--)[A-Za-z0-9]([A-Za-z0-9-]{0,37}[A-Za-z0-9])?/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}",
        "must be owner/name of a repository on GitHub, without https:// and without .git",
    ),
    Field(examples=["example/airflow-stack"]),
]
Word = Annotated[
    str,
    matches(r"[A-Za-z0-9._/-]{1,100}", "must be 1 to 100 letters, digits or ._/-"),
]
Bucket = Annotated[
    str,
    matches(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "must be the name of an S3 bucket, without s3://"),
    Field(examples=["example-pulumi-state"]),
]
KeyArn = Annotated[
    str,
    matches(
        r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/(mrk-[0-9a-f]{32}|[0-9a-f-]{36})",
        "must be the ARN of a KMS key, no alias",
    ),
    Field(examples=["arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"]),
]
ProviderArn = Annotated[
    str,
    matches(
        r"arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\.actions\.githubusercontent\.com",
        "must be the ARN of the account's OIDC provider for GitHub",
    ),
    Field(examples=["arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"]),
]
PolicyArn = Annotated[
    str,
    matches(r"arn:aws[a-z-]*:iam::[0-9]{12}:policy/[A-Za-z0-9/_+=,.@-]{1,512}", "must be the ARN of an IAM policy"),
    Field(examples=["arn:aws:iam::123456789012:policy/airflow-boundary"]),
]


class GithubConfig(Section):
    """Two roles for GitHub's workflows: one reads Pulumi's state for previews, one deploys after an approval."""

    repository: Repository = Field(description="The repository whose workflows may take the roles: owner/name.")
    state_bucket: Bucket = Field(description="S3 bucket of Pulumi's state: PULUMI_BACKEND_URL without s3://.")
    state_key_arn: KeyArn = Field(description="KMS key of the stack's secrets provider, awskms://.")
    branch: Word = Field("main", description="Branch that is deployed; its workflows may preview.")
    environment: Word = Field(
        "production", description="Environment on GitHub, with required reviewers, whose jobs alone may deploy."
    )
    provider_arn: ProviderArn | None = Field(
        None,
        description="The account's OIDC provider for GitHub, where it has one: there is one for a whole account."
        " Without, the stack makes it.",
    )
    permissions_boundary: PolicyArn | None = Field(
        None,
        description="Policy that bounds every role of the stack. With it, who deploys can make no role that may more."
        " Without, the deploy role can give a role of the stack any right.",
    )
