"""Ask the rules about resources that the mocks have recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_stack_policies import RULES, STACK_RULES
from airflow_stack_policies.rule import Seen
from backends.recorder import Resource


def rule(name: str) -> Any:
    """The rule of this name, of either kind."""
    rules: list[Any] = [*RULES, *STACK_RULES]
    return next(one for one in rules if one.name == name)


def problems(resources: Iterable[Resource]) -> list[str]:
    """What the whole pack finds wrong with a stack, each with rule and resource. Secrets are plain, as the engine
    hands them over."""
    seen = [Seen(one.type, one.name, revealed(one.inputs), depends(one), f"urn::{one.name}") for one in resources]
    found = [f"{r.name}: {one.name}: {said}" for r in RULES for one in seen for said in r.check(one.type, one.props)]
    return found + [f"{r.name}: {one.name}: {said}" for r in STACK_RULES for one, said in r.check(seen)]


def depends(resource: Resource) -> dict[str, list[str]]:
    """The mocks know what a resource depends on, not by which property."""
    urns = [f"urn::{name}" for name in resource.depends_on]
    return dict.fromkeys(("bucket", "securityGroupId", "securityGroups"), urns)


def revealed(value: Any) -> Any:
    if isinstance(value, dict):
        return revealed(value["secret"]) if set(value) == {"secret"} else {k: revealed(v) for k, v in value.items()}
    return [revealed(inner) for inner in value] if isinstance(value, list) else value
