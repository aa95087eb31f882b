"""Where entries are kept: what import and export ask of it, whichever it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from airflow_stack.operations.entries.kinds import Entries, Entry


@dataclass(frozen=True)
class Found:
    """What is there."""

    entries: Entries
    unreadable: dict[str, str] = field(default_factory=dict)
    """Why, by the name of each entry that is there and can't be read."""


class Place(Protocol):
    """The metadata database, or Secrets Manager. Every method raises OperationError where it refuses."""

    name: str
    """For a sentence: ``Airflow's database``."""
    seen: str
    """When Airflow goes by what was changed: a sentence."""

    def check(self, name: str, entry: Entry) -> None:
        """Raises WrongError for an entry that can't be kept here, or would not be found."""

    def read(self, names: Collection[str] | None = None) -> Found:
        """Entries of these names that are there; all without names."""

    def write(self, create: Entries, update: Entries) -> None:
        """Keep new entries, and others in place of those that are there."""
