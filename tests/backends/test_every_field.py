"""Every config field reaches a resource: a field that changes nothing is a promise that the stack does not keep."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from annotated_types import Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from airflow_stack.airflow import describe
from airflow_stack.airflow.secrets import files, generated
from airflow_stack.backends.compose import compose
from airflow_stack.backends.containers import name_prefix, plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import SECRET_KEYS, StackConfig, parse

# Valid values where none follows from the type: the field's own form.
SAMPLES: dict[str, Any] = {
    "admin.email": "ada@example.com",
    "admin.firstname": "Ada",
    "admin.lastname": "Lovelace",
    "admin.username": "ada",
    "airflow.extra_apt_packages": ["git"],
    "airflow.extra_requirements": ["pandas"],
    "airflow.options": {"email": {"from_email": "a@example.com"}},
    "database.container.name": "another",
    "database.container.superuser": "another",
    "database.container.superuser_database": "another",
    "database.container.user": "another",
    "database.external.name": "another",
    "database.external.user": "another",
    "flower.url_prefix": "/celery",
    "secrets_backend.class_name": "another.Backend",
    "target.bind_address": "0.0.0.0",  # noqa: S104
    "target.registry": "registry.example.com:5000",
    "target.prefix": "team-a",
    "target.project_dir": "/srv/another",
}

# Where the effect is not in the stack's resources.
ELSEWHERE = {
    "database.external.user": "in the SQL that is printed for the database's administrator",
    "database.external.name": "in the SQL that is printed for the database's administrator",
}

# What a field needs around it to count: below a switch, or in a member of a union.
AROUND: dict[str, dict[str, Any]] = {
    "flower": {"enabled": True},
    "secrets_backend": {"class_name": "a.Backend"},
}

SECRETS = {key: f"{key}-value" for key in SECRET_KEYS} | {
    "fernet_key": base64.urlsafe_b64encode(bytes(32)).decode(),
    "database_url": "postgresql://u:p@db/airflow",
    "broker_url": "redis://:p@redis/0",
    "secrets_backend_kwargs": "{}",
}


@dataclass(frozen=True)
class Leaf:
    """One field that a user can set, and the union members on the way to it."""

    path: tuple[str, ...]
    field: FieldInfo
    member: str = ""

    @property
    def name(self) -> str:
        return ".".join((self.path[0], *([self.member] if self.member else []), *self.path[1:]))


def leaves(model: type[BaseModel], path: tuple[str, ...] = (), member: str = "") -> Iterator[Leaf]:
    for name, field in model.model_fields.items():
        models = [kind for kind in (field.annotation, *get_args(field.annotation)) if is_model(kind)]
        if not models:
            yield Leaf((*path, name), field, member)
        for kind in models:
            tag = kind.model_fields["kind"].default if len(models) > 1 and "kind" in kind.model_fields else member
            tag = get_args(kind.model_fields["kind"].annotation)[0] if len(models) > 1 else tag
            yield from leaves(kind, (*path, name), str(tag))


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


LEAVES = {leaf.name: leaf for leaf in leaves(StackConfig)}


def others(leaf: Leaf, present: Any) -> list[Any]:
    """Valid values of the field other than the present one; none where it can have no other."""
    if leaf.name in SAMPLES:
        return [SAMPLES[leaf.name]]
    if leaf.path[-1] == "kind" and leaf.member:
        return [kind for kind in ("container", "external") if kind != leaf.member]
    kinds = [kind for kind in flat(leaf.field.annotation) if kind is not NoneType]
    found: list[Any] = []
    for kind in kinds:
        if get_origin(kind) is Literal:
            found += [value for value in get_args(kind) if value != present]
        elif kind is bool:
            found += [value for value in (True, False) if value is not present]
        elif kind is int:
            limits = [limit.le for limit in leaf.field.metadata if isinstance(limit, Le)]
            found.append((present or 4320) + (1 if (present or 0) not in limits else -1))
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


def raw_around(leaf: Leaf) -> dict[str, Any]:
    section = dict(AROUND.get(leaf.path[0], {})) if len(leaf.path) > 1 else {}
    if leaf.member:
        section["kind"] = leaf.member
    return {leaf.path[0]: section} if section else {}


def with_value(raw: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    head, *rest = path
    return raw | {head: with_value(raw.get(head, {}), tuple(rest), value) if rest else value}


def rendered(raw: dict[str, Any], program: Path) -> Any:
    """All that a backend makes of a config: containers, networks, volumes, images, secret files."""
    needed = {
        "database_url": raw.get("database", {}).get("kind") == "external",
        "broker_url": raw.get("broker", {}).get("kind") == "external",
    }
    given = {key: SECRETS[key] for key, is_needed in needed.items() if is_needed}
    config, _ = parse(raw | given, set(given), "local")
    on = Machine.of(config, program, "local")
    planned = plan(config, describe(config), on)
    values = given | {secret.key: SECRETS[secret.key] for secret in generated(config)}
    contents = files(config, values, name_prefix(config))
    return compose(planned, on, "local", contents), dataclasses.asdict(planned), contents


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_a_field_reaches_a_resource(name: str, tmp_path: Path) -> None:
    """Another value of this field changes what is deployed."""
    leaf = LEAVES[name]
    around = raw_around(leaf)
    before = rendered(around, tmp_path)
    present: Any = StackConfig.model_validate(around)
    for part in leaf.path:
        present = getattr(present, part)
    values = others(leaf, present)
    changed = [value for value in values if rendered(with_value(around, leaf.path, value), tmp_path) != before]
    if name in ELSEWHERE:
        assert not changed, f"{name} has an effect after all: take it off the list"
    elif values:
        assert changed, f"{name} has no effect with {values}"
    else:
        assert get_origin(leaf.field.annotation) is Literal, f"{name} can't be changed at all"


def test_the_walk_sees_the_whole_model() -> None:
    """Sections, sections in sections, optional ones, and every member of a union."""
    assert {"hardened", "worker.count", "target.logs.max_size", "secrets_backend.class_name"} <= LEAVES.keys()
    assert {
        "database.container.memory",
        "database.external.user",
        "broker.external.visibility_timeout",
    } <= LEAVES.keys()


def test_nothing_is_listed_that_is_not_there() -> None:
    """Samples and exceptions name fields of the model."""
    assert SAMPLES.keys() | ELSEWHERE.keys() <= LEAVES.keys()
