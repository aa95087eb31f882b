"""The one result that every backend returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pulumi


@dataclass(frozen=True)
class StackOutputs:
    """What a user, and the commands that operate a stack, need to know of it."""

    url: str
    """Address of the UI."""
    admin_username: str
    admin_password: pulumi.Output[str] | None
    """A Pulumi secret. None where the stack creates no user."""
    containers: tuple[str, ...]
    """Long-running containers, by name."""
    flower_url: str | None = None

    def exports(self) -> dict[str, Any]:
        """Stack outputs by name, without those that this stack does not have."""
        values = {
            "url": self.url,
            "flower_url": self.flower_url,
            "admin_username": self.admin_username,
            "admin_password": self.admin_password,
            "containers": list(self.containers),
        }
        return {key: value for key, value in values.items() if value is not None}
