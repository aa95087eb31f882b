"""The one result that every backend returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pulumi


@dataclass(frozen=True)
class AwsOutputs:
    """What the commands need to know of a stack on AWS. Dictionaries are keyed by role."""

    region: str
    cluster: pulumi.Output[str]
    services: dict[str, pulumi.Output[str]]
    task_definitions: dict[str, pulumi.Output[str]]
    log_groups: dict[str, pulumi.Output[str]]
    security_groups: dict[str, pulumi.Output[str]]
    subnets: list[pulumi.Output[str]]
    """Where tasks run."""
    assign_public_ip: bool
    bucket: pulumi.Output[str]
    repository: pulumi.Output[str]
    secrets: dict[str, pulumi.Output[str]]
    """ARNs in Secrets Manager, by name of the secret file."""
    task_roles: dict[str, pulumi.Output[str]]
    """Names of the roles that the tasks have: what a DAG may do on AWS is added there."""
    github_roles: dict[str, pulumi.Output[str]] | None = None
    """ARNs of the roles for GitHub's workflows, ``preview`` and ``deploy``; None without target.github."""
    commands: dict[str, pulumi.Input[str]] = field(default_factory=dict)
    """What a user types next."""


@dataclass(frozen=True)
class StackOutputs:
    """What a user, and the commands that operate a stack, need to know of it."""

    url: pulumi.Input[str]
    """Address of the UI."""
    admin_username: str
    admin_password: pulumi.Output[str] | None
    """A Pulumi secret. None where the stack creates no user."""
    containers: tuple[str, ...] = ()
    """Long-running containers of a local stack, by name."""
    flower_url: str | None = None
    aws: AwsOutputs | None = None

    def exports(self) -> dict[str, Any]:
        """Stack outputs by name, without those that this stack does not have."""
        values = {
            "url": self.url,
            "flower_url": self.flower_url,
            "admin_username": self.admin_username,
            "admin_password": self.admin_password,
            "containers": list(self.containers) or None,
        }
        if self.aws is not None:
            values |= {name: getattr(self.aws, name) for name in self.aws.__dataclass_fields__}
        return {key: value for key, value in values.items() if value is not None}
