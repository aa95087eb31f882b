"""What a rule is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Props = Mapping[str, Any]
"""Inputs of a resource, by the engine's own names (``retentionInDays``); numbers are floats."""


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()
"""A value that a preview does not have yet. No rule speaks about it: the update, which has it, asks again."""


@dataclass(frozen=True)
class Rule:
    """What one resource must be. ``check`` returns what is wrong in words, without any value that may be a secret."""

    name: str
    description: str
    check: Callable[[str, Props], Iterable[str]]


@dataclass(frozen=True)
class Seen:
    """A resource among all of a stack."""

    type: str
    name: str
    props: Props
    depends: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """URNs or names of the resources that a property is made of, by property: known in a preview as well."""
    urn: str = ""


@dataclass(frozen=True)
class StackRule:
    """What the resources of a stack must be together."""

    name: str
    description: str
    check: Callable[[Sequence[Seen]], Iterable[tuple[Seen, str]]]
    """Returns the resource that is at fault, with what is wrong."""


def is_on(value: Any) -> bool:
    """Whether a switch is on, or may be."""
    return value is True or value is UNKNOWN


def is_off(value: Any) -> bool:
    """Whether a switch is off, absent, or may be off."""
    return not value or value is UNKNOWN


def as_list(value: Any) -> list[Any]:
    """A list of what may be one or several; nothing of what is absent or unknown."""
    if value is None or value is UNKNOWN:
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
