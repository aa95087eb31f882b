"""Every field of a local stack reaches a resource: one that changes nothing is a promise that is not kept."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any, Literal, get_origin

import models
import pytest

from airflow_stack.airflow import describe
from airflow_stack.airflow.secrets import files, generated
from airflow_stack.backends.compose import compose
from airflow_stack.backends.containers import plan, servers
from airflow_stack.backends.machine import Machine
from airflow_stack.config import SECRET_KEYS, LocalConfig, parse
from backends.fields import Leaf, leaves, other_values, with_value

# Valid values where none follows from the type: the field's own form.
SAMPLES: dict[str, Any] = {
    "admin.email": "ada@example.com",
    "admin.firstname": "Ada",
    "admin.lastname": "Lovelace",
    "admin.username": "ada",
    "airflow.extra_apt_packages": ["git"],
    "airflow.extra_requirements": ["pandas"],
    "airflow.upgrade_from": "2.9.3",
    "airflow.options": {"email": {"from_email": "a@example.com"}},
    "airflow.own_sections": ["mine"],
    "airflow.patches": {"slots": False},
    "database.container.name": "another",
    "database.container.superuser": "another",
    "database.container.superuser_database": "another",
    "database.container.user": "another",
    "database.external.name": "another",
    "database.external.user": "another",
    "flower.url_prefix": "/celery",
    "secrets_backend.class_name": "another.Backend",
    "worker.other_queues": ["far"],
    "worker.queues": ["default", "gpu"],
    "target.bind_address": "0.0.0.0",  # noqa: S104
    "target.memory": 16_384,
    "target.registry": "registry.example.com:5000",
    "target.prefix": "team-a",
    "target.project_dir": "/srv/another",
}

# Where the effect is not in the stack's resources.
ELSEWHERE = {
    "airflow.own_sections": "in what airflow.options may name",
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


LEAVES = {leaf.name: leaf for leaf in leaves(LocalConfig)}


def raw_around(leaf: Leaf) -> dict[str, Any]:
    section = dict(AROUND.get(leaf.path[0], {})) if len(leaf.path) > 1 else {}
    for _, kind in leaf.members:
        section["kind"] = kind
    return {leaf.path[0]: section} if section else {}


def rendered(raw: dict[str, Any], program: Path) -> Any:
    """All that a backend makes of a config: containers, networks, volumes, images, secret files."""
    needed = {
        "database_url": raw.get("database", {}).get("kind") == "external",
        "broker_url": raw.get("broker", {}).get("kind") == "external",
    }
    given = {key: SECRETS[key] for key, is_needed in needed.items() if is_needed}
    config = models.local(parse(raw | given, set(given), "local")[0])
    on = Machine.of(config, program, "local")
    planned = plan(config, describe(config), on)
    values = given | {secret.key: SECRETS[secret.key] for secret in generated(config)}
    contents = files(config, values, servers(config))
    return compose(planned, on, "local", contents), dataclasses.asdict(planned), contents


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_a_field_reaches_a_resource(name: str, tmp_path: Path) -> None:
    """Another value of this field changes what is deployed."""
    leaf = LEAVES[name]
    around = raw_around(leaf)
    before = rendered(around, tmp_path)
    present: Any = LocalConfig.model_validate(around)
    for part in leaf.path:
        present = getattr(present, part)
    values = other_values(leaf, present, SAMPLES)
    changed = [value for value in values if rendered(with_value(around, leaf.path, value), tmp_path) != before]
    if name in ELSEWHERE:
        assert not changed, f"{name} has an effect after all: take it off the list"
    elif values:
        assert changed, f"{name} has no effect with {values}"
    else:
        assert get_origin(leaf.field.annotation) is Literal, f"{name} can't be changed at all"


def test_the_walk_sees_the_whole_model() -> None:
    """Sections, sections in sections, optional ones, and every member of a union that a local stack can have."""
    assert {"hardened", "worker.count", "target.logs.max_size", "secrets_backend.class_name"} <= LEAVES.keys()
    assert {
        "database.container.memory",
        "database.external.user",
        "broker.external.visibility_timeout",
    } <= LEAVES.keys()


def test_nothing_is_listed_that_is_not_there() -> None:
    """Samples and exceptions name fields of the model."""
    assert SAMPLES.keys() | ELSEWHERE.keys() <= LEAVES.keys()
