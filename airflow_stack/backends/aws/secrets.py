"""The stack's secrets: generated once, and kept in Secrets Manager, from where ECS hands them to the tasks."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_aws import secretsmanager

from airflow_stack.backends.aws.plan.secrets import SecretsPlan
from airflow_stack.backends.generated import file_content, secret_values
from airflow_stack.config import Secrets

# Days in which a deleted secret can be brought back: the most that AWS allows.
RECOVERY_DAYS = 30


class GeneratedSecrets(pulumi.ComponentResource):
    """Every secret's value: what config sets, else what was generated once. Database and broker are made with them."""

    values: dict[str, pulumi.Output[str]]
    """By config key. Raises OperationError, at construction, for a password that ElastiCache would refuse."""

    def __init__(
        self, name: str, planned: SecretsPlan, given: Secrets, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-stack:aws:GeneratedSecrets", name, None, opts)
        known = given.given()
        planned.check(known)
        self.values = secret_values(name, planned.generated, known, self)
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
        planned: SecretsPlan,
        values: Mapping[str, pulumi.Output[str]],
        servers: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:StoredSecrets", name, None, opts)
        # The kept database and its snapshots can't be read without the Fernet key.
        options = pulumi.ResourceOptions(parent=self, retain_on_delete=planned.keep)
        self.arns, self.versions = {}, {}
        for planned_file in planned.files:
            file = planned_file.name
            dashed = file.replace("_", "-")
            secret = secretsmanager.Secret(
                f"{name}-{dashed}",
                # A deleted secret's name is taken until its recovery window is over.
                name_prefix=f"{planned.prefix}/{file}-",
                description=f"{file} of the Airflow stack {planned.prefix}",
                recovery_window_in_days=RECOVERY_DAYS if planned.keep else 0,
                opts=options,
            )
            version = secretsmanager.SecretVersion(
                f"{name}-{dashed}-value",
                secret_id=secret.id,
                secret_string=file_content(planned_file.recipe, values, servers),
                opts=options,
            )
            self.arns[file], self.versions[file] = secret.arn, version.version_id
        self.register_outputs({})
