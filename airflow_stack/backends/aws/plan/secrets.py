"""Which secrets are generated, which Secrets Manager holds, and who reads them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_stack.airflow.secrets import GeneratedSecret, Recipe, generated, recipes
from airflow_stack.backends.aws.plan.services import Family
from airflow_stack.config import AwsConfig
from airflow_stack.errors import OperationError

# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html, and what a URL carries without escapes.
AUTH_TOKEN = re.compile(r"[A-Za-z0-9!-]{16,128}")


@dataclass(frozen=True)
class SecretFile:
    """A secret for each secret file that a role reads, and for no other."""

    name: str
    """Of the file."""
    recipe: Recipe
    """What it is made of."""
    readers: tuple[str, ...]
    """Names of the roles whose tasks are started with it."""


@dataclass(frozen=True)
class SecretsPlan:
    """All of a stack's."""

    prefix: str
    generated: tuple[GeneratedSecret, ...]
    """Those that are made where config sets none."""
    files: tuple[SecretFile, ...]
    """By name."""
    keep: bool
    """Whether a destroy leaves them."""
    auth_token: bool
    """Whether one of them is a password that ElastiCache takes."""

    def check(self, given: Mapping[str, str]) -> None:
        """Raises OperationError for a value that ElastiCache would refuse."""
        if self.auth_token and not AUTH_TOKEN.fullmatch(given.get("redis_password", "a" * 16)):
            raise OperationError(
                "redis_password: ElastiCache takes 16 to 128 letters, digits, ! and -.\n"
                "Set another one, or remove it to have one generated: pulumi config rm airflow-stack:redis_password"
            )


def secrets(config: AwsConfig, families: Sequence[Family]) -> SecretsPlan:
    """Those of this stack."""
    readers: dict[str, list[str]] = {}
    for family in families:
        for file in family.role.secrets:
            readers.setdefault(file, []).append(family.role.name)
    made = recipes(config)
    files = tuple(SecretFile(name, made[name], tuple(roles)) for name, roles in sorted(readers.items()))
    cached = config.broker.kind == "elasticache"
    return SecretsPlan(config.target.name, generated(config), files, not config.target.delete_data, cached)
