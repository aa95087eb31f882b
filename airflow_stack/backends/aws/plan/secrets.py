"""Which secrets Secrets Manager holds, and who reads them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_stack.backends.aws.plan.services import Family


@dataclass(frozen=True)
class SecretFile:
    """A secret for each secret file that a role reads, and for no other."""

    name: str
    """Of the file."""
    readers: tuple[str, ...]
    """Names of the roles whose tasks are started with it."""


def secret_files(families: Sequence[Family]) -> tuple[SecretFile, ...]:
    """Those of this stack, by name."""
    readers: dict[str, list[str]] = {}
    for family in families:
        for file in family.role.secrets:
            readers.setdefault(file, []).append(family.role.name)
    return tuple(SecretFile(name, tuple(roles)) for name, roles in sorted(readers.items()))
