"""The stack's secrets: generated once, and kept in Secrets Manager, from where ECS hands them to the tasks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pulumi
from pulumi_aws import secretsmanager

from airflow_stack.airflow.secrets import recipes
from airflow_stack.backends.aws.plan.secrets import SecretFile
from airflow_stack.backends.generated import file_content, secret_values
from airflow_stack.config import AwsConfig, Secrets
from airflow_stack.errors import OperationError

# Days in which a deleted secret can be brought back: the most that AWS allows.
RECOVERY_DAYS = 30

# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html, and what a URL carries without escapes.
AUTH_TOKEN = re.compile(r"[A-Za-z0-9!-]{16,128}")


class GeneratedSecrets(pulumi.ComponentResource):
    """Every secret's value: what config sets, else what was generated once. Database and broker are made with them."""

    values: dict[str, pulumi.Output[str]]
    """By config key. Raises OperationError, at construction, for a password that ElastiCache would refuse."""

    def __init__(
        self, name: str, config: AwsConfig, given: Secrets, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-stack:aws:GeneratedSecrets", name, None, opts)
        known = given.given()
        if config.broker.kind == "elasticache" and not AUTH_TOKEN.fullmatch(known.get("redis_password", "a" * 16)):
            raise OperationError(
                "redis_password: ElastiCache takes 16 to 128 letters, digits, ! and -.\n"
                "Set another one, or remove it to have one generated: pulumi config rm airflow-stack:redis_password"
            )
        self.values = secret_values(name, config, known, self)
        self.register_outputs({})


class StoredSecrets(pulumi.ComponentResource):
    """One secret of Secrets Manager for each secret file that a role reads, and for no other."""

    arns: dict[str, pulumi.Output[str]]
    """By file name."""
    versions: dict[str, pulumi.Output[str]]
    """Id of the version with the current value, by file name. It changes with the value."""

    def __init__(
        self,
        name: str,
        config: AwsConfig,
        files: Sequence[SecretFile],
        values: Mapping[str, pulumi.Output[str]],
        servers: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:StoredSecrets", name, None, opts)
        target = config.target
        keep = not target.delete_data
        # The kept database and its snapshots can't be read without the Fernet key.
        options = pulumi.ResourceOptions(parent=self, retain_on_delete=keep)
        made = recipes(config)
        self.arns, self.versions = {}, {}
        for file in (one.name for one in files):
            dashed = file.replace("_", "-")
            secret = secretsmanager.Secret(
                f"{name}-{dashed}",
                # A deleted secret's name is taken until its recovery window is over.
                name_prefix=f"{target.name}/{file}-",
                description=f"{file} of the Airflow stack {target.name}",
                recovery_window_in_days=RECOVERY_DAYS if keep else 0,
                opts=options,
            )
            version = secretsmanager.SecretVersion(
                f"{name}-{dashed}-value",
                secret_id=secret.id,
                secret_string=file_content(made[file], values, servers),
                opts=options,
            )
            self.arns[file], self.versions[file] = secret.arn, version.version_id
        self.register_outputs({})
