"""Rules of `target.github` on AWS: who may deploy from where."""

from __future__ import annotations

from config.rows import AWS, Row, merged, table

KEY = "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
GITHUB = merged(
    AWS,
    {
        "github": {
            "repository": "example/airflow-stack",
            "state_bucket": "example-pulumi-state",
            "state_key_arn": KEY,
        }
    },
)


@table(
    Row(
        "github-boundary-is-a-name",
        "target: {github: {permissions_boundary: airflow-boundary}}",
        "target.github.permissions_boundary",
        "must be the ARN of an IAM policy",
        "arn:aws:iam::123456789012:policy/airflow-boundary",
        editor=False,
    ),
    Row(
        "github-environment-with-a-wildcard",
        "target: {github: {environment: prod*}}",
        "target.github.environment",
        "must be 1 to 100 letters, digits or ._/-",
        "production",
        editor=False,
    ),
    Row(
        "github-provider-of-another",
        "target: {github: {provider_arn: 'arn:aws:iam::123456789012:oidc-provider/gitlab.com'}}",
        "target.github.provider_arn",
        "must be the ARN of the account's OIDC provider for GitHub",
        "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
        editor=False,
    ),
    Row(
        "github-repository-is-an-address",
        "target: {github: {repository: 'https://github.com/example/airflow-stack'}}",
        "target.github.repository",
        "must be owner/name of a repository on GitHub, without https:// and without .git",
        "example/airflow-stack",
        editor=False,
    ),
    Row(
        "github-repository-with-a-wildcard",
        "target: {github: {repository: example/*}}",
        "target.github.repository",
        "must be owner/name of a repository on GitHub, without https:// and without .git",
        "example/airflow-stack",
        editor=False,
    ),
    Row(
        "github-state-bucket-is-an-address",
        "target: {github: {state_bucket: 's3://example-pulumi-state'}}",
        "target.github.state_bucket",
        "must be the name of an S3 bucket, without s3://",
        "example-pulumi-state",
        editor=False,
    ),
    Row(
        "github-state-key-is-an-alias",
        "target: {github: {state_key_arn: 'arn:aws:kms:eu-central-1:123456789012:alias/pulumi'}}",
        "target.github.state_key_arn",
        "must be the ARN of a KMS key, no alias",
        KEY,
        editor=False,
    ),
    target=GITHUB,
)
def test_what_breaks_a_rule_is_refused(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()


@table(
    Row(
        "github-without-a-state-bucket",
        f"target: {{github: {{repository: example/airflow-stack, state_key_arn: '{KEY}'}}}}",
        "target.github.state_bucket",
        "is required",
        "example-pulumi-state",
    ),
    target=AWS,
)
def test_what_is_needed_is_asked_for(row: Row) -> None:
    """Without a bucket of the state, nobody could deploy."""
    row.check()
