"""The provider of every AWS resource: its region and the tags that all of them bear."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pulumi
import pulumi_aws as aws

# Where the AWS SDKs find credentials without asking a network.
VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
FILES = (
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ("AWS_CONFIG_FILE", "~/.aws/config"),
)
# What a file says that holds credentials or leads to some; a region alone does not.
KEYS = ("aws_access_key_id", "credential_process", "role_arn", "sso_")


def provider(name: str, region: str, tags: Mapping[str, str]) -> aws.Provider:
    """The provider. A preview without credentials, of a fork's pull request for example, gets made-up ones.

    They are good for nothing: this program asks AWS nothing in a preview. The provider may ask for ElastiCache's engine
    versions by itself, and goes on without an answer (customizeDiffValidateEngineVersion in the upstream provider);
    where there is no network, its usual 25 attempts would take minutes.
    """
    offline = pulumi.runtime.is_dry_run() and not has_credentials()
    return aws.Provider(
        name,
        region=region,
        default_tags=aws.ProviderDefaultTagsArgs(tags=tags),
        access_key="preview" if offline else None,
        secret_key="preview" if offline else None,
        max_retries=1 if offline else None,
        skip_credentials_validation=True if offline else None,
        skip_requesting_account_id=True if offline else None,
    )


def has_credentials() -> bool:
    """Whether the environment or a file names some. An EC2 instance's are not looked for: that asks a network."""
    if any(os.environ.get(name) for name in VARIABLES):
        return True
    return any(_leads_to_some(Path(os.environ.get(variable, path)).expanduser()) for variable, path in FILES)


def _leads_to_some(file: Path) -> bool:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip().startswith(KEYS) for line in lines)
