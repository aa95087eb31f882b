"""Walk the model of a stack: each field that a user can set, the unions on the way to it, and other values of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from annotated_types import Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Path = tuple[str, ...]


@dataclass(frozen=True)
class Leaf:
    """One field that a user can set."""

    path: Path
    field: FieldInfo
    name: str
    """Its keys, each union's member after the union's key: ``database.external.user``."""
    members: tuple[tuple[Path, str], ...] = ()
    """On the way to it: where a union is, and the ``kind`` of its member."""
    siblings: tuple[str, ...] = ()
    """The other members of the last union."""


def leaves(model: type[BaseModel], path: Path = (), above: Leaf | None = None) -> Iterator[Leaf]:
    """The fields of the model, of its sections, and of all members of its unions."""
    members, siblings = (above.members, above.siblings) if above else ((), ())
    for key, field in model.model_fields.items():
        name = f"{above.name}.{key}" if above else key
        here = Leaf((*path, key), field, name, members, siblings)
        types = (field.annotation, *get_args(field.annotation))
        models = [kind for kind in types if is_model(kind)]
        if not models:
            yield here
        tags = [str(get_args(kind.model_fields["kind"].annotation)[0]) for kind in models] if len(models) > 1 else []
        for kind, tag in zip(models, tags or [""] * len(models), strict=True):
            if tag:
                others = tuple(other for other in tags if other != tag)
                inner = Leaf(here.path, field, f"{name}.{tag}", (*members, (here.path, tag)), others)
            else:
                inner = here
            yield from leaves(kind, here.path, inner)


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def other_values(leaf: Leaf, present: Any, samples: dict[str, Any]) -> list[Any]:
    """Values of the field other than the present one; none where it can have no other."""
    if leaf.name in samples:
        return [samples[leaf.name]]
    if leaf.path[-1] == "kind" and leaf.siblings:
        return list(leaf.siblings)
    kinds = [kind for kind in flat(leaf.field.annotation) if kind is not NoneType]
    found: list[Any] = []
    for kind in kinds:
        if get_origin(kind) is Literal:
            found += [value for value in get_args(kind) if value != present]
        elif kind is bool:
            found += [value for value in (True, False) if value is not present]
        elif kind is int:
            limits = [limit.le for limit in leaf.field.metadata if isinstance(limit, Le)]
            number = 4320 if present is None else present
            found.append(number + (1 if number not in limits else -1))
        else:
            pytest.fail(f"{leaf.name}: no rule finds another value of {kind}: add one to SAMPLES")
    return found


def flat(annotation: Any) -> list[Any]:
    """The members of a union, without the constraints around them."""
    if get_origin(annotation) is Annotated:
        return flat(get_args(annotation)[0])
    if get_origin(annotation) in (list, dict, Literal) or not get_args(annotation):
        return [annotation]
    return [member for argument in get_args(annotation) for member in flat(argument)]


def with_value(raw: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    head, *rest = path
    return raw | {head: with_value(raw.get(head, {}), tuple(rest), value) if rest else value}
