"""Rules of the config as rows of tables: what a user wrote, which rule that breaks, and what helps."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from airflow_stack.config import ConfigError, parse
from airflow_stack.config.errors import NAMESPACE, Problem
from airflow_stack.config.load import raw_from_yaml
from airflow_stack.config.schema import schema

AWS: dict[str, Any] = {
    "kind": "aws",
    "region": "us-east-1",
    "load_balancer": {"allowed_cidrs": ["203.0.113.0/24"], "plain_http": True},
}
"""The smallest target on AWS, to which a row adds the key that it is about."""

GONE = "no key of this stack"
"""What `resolved` has not."""

SECRET = "hunter2"
"""Part of every value in the rows that no text may echo."""


@dataclass(frozen=True)
class Row:
    """A stack file that breaks one rule, and what its user is told.

    ``config`` is the file's config as YAML, without the namespace; ``message`` is how the message begins. ``fix`` is
    what the command does: ``set`` the key to the example, ``remove`` it, ask for it as a ``secret``, or ``edit``, where
    no command helps; ``set other.key`` where another key is to change.
    """

    rule: str
    config: str
    key: str
    message: str
    example: str = ""
    fix: str = "set"
    editor: bool = True
    """Whether the JSON Schema says it too, so that an editor marks it."""
    at_once: bool = True
    """Whether the command is all that it takes. Else there is more to be said after it."""
    target: Mapping[str, Any] | None = None
    """The table's target, under the row's own keys of it."""

    @property
    def document(self) -> dict[str, Any]:
        return document(self.config, self.target)

    @property
    def stack(self) -> str:
        target = self.document["config"].get(f"{NAMESPACE}:target")
        return "prod" if isinstance(target, dict) and target.get("kind") == "aws" else "local"

    def check(self) -> None:
        """One problem: its key, the rule, the example, and a command after which it is gone."""
        raw, secret_keys = raw_from_yaml(yaml.safe_dump(self.document), "")
        (problem,) = problems(raw, secret_keys, self.stack)
        assert problem.key == self.key
        assert problem.message.startswith(self.message), problem.message
        assert problem.example.endswith(self.example), problem.example
        assert bool(problem.example) == bool(self.example), problem.example
        assert SECRET not in str(problem), "a value was echoed"
        assert all(char.isprintable() or char == "\n" for char in str(problem)), "a terminal can't show it"
        self._check_fix(problem, raw, secret_keys)
        assert editor().is_valid(self.document) is not self.editor, "what the JSON Schema says"

    def _check_fix(self, problem: Problem, raw: dict[str, Any], secret_keys: set[str]) -> None:
        verb, _, other = self.fix.partition(" ")
        key = other or self.key
        path = ["--path"] if "." in key else []
        command = {
            "set": ["set", "--stack", self.stack, *path, f"{NAMESPACE}:{key}", self.example],
            "remove": ["rm", "--stack", self.stack, *path, f"{NAMESPACE}:{key}"],
            "secret": ["set", "--stack", self.stack, "--secret", f"{NAMESPACE}:{key}"],
        }.get(verb)
        if command is None:
            assert problem.mend.startswith(f"edit Pulumi.{self.stack}.yaml")
            return
        assert shlex.split(problem.mend) == ["pulumi", "config", *command]
        if verb != "secret":  # Pulumi asks for its value
            apply(raw, secret_keys, key, None if verb == "remove" else self.example)
            left = problems(raw, secret_keys, self.stack)
            assert problem not in left
            assert self.at_once == (not left), left


def document(config: str, target: Mapping[str, Any] | None) -> dict[str, Any]:
    """A stack file as YAML reads it: this config, on this target."""
    sections = yaml.safe_load(config) or {}
    if target is not None:
        sections["target"] = merged(target, sections.get("target", {}))
    return {"config": {f"{NAMESPACE}:{key}": value for key, value in sections.items()}}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The base with what a row says of it, at any depth."""
    both = {key for key in base.keys() & over.keys() if isinstance(base[key], dict) and isinstance(over[key], dict)}
    return {**base, **over, **{key: merged(base[key], over[key]) for key in both}}


@functools.cache
def editor() -> Draft202012Validator:
    """What an editor marks by."""
    return Draft202012Validator(schema())


def problems(raw: dict[str, Any], secret_keys: set[str], stack: str) -> list[Problem]:
    """What is wrong with a config; nothing else is raised than the one error."""
    try:
        parse(raw, secret_keys, stack)
    except ConfigError as error:
        return error.problems
    return []


def apply(raw: dict[str, Any], secret_keys: set[str], key: str, value: str | None) -> None:
    """What `pulumi config set` does to a stack's config, or `rm`, without a value."""
    *way, last = [int(part) if part.isdigit() else part for part in re.split(r"[.\[\]]+", key) if part]
    node: Any = raw
    for part in way:
        node = node[part] if isinstance(part, int) else node.setdefault(part, {})
    if value is None:
        node.pop(last)
        secret_keys.discard(str(last))
    else:
        node[last] = yaml.safe_load(value)


def table(*rows: Row, target: Mapping[str, Any] | None = None) -> pytest.MarkDecorator:
    """The rows as cases of a test; on ``target`` where they are about one."""
    return pytest.mark.parametrize("row", [replace(row, target=target) for row in rows], ids=lambda row: row.rule)


def resolved(config: str, target: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Every key of the stack that a config makes, by its path."""
    raw, secret_keys = raw_from_yaml(yaml.safe_dump(document(config, target)), "")
    model, _ = parse(raw, secret_keys, "local")
    return dict(_flat(model.model_dump(mode="json"), ""))


def _flat(value: Any, path: str) -> list[tuple[str, Any]]:
    if not isinstance(value, dict) or not value:
        return [(path, value)]
    return [found for key, inner in value.items() for found in _flat(inner, f"{path}.{key}".removeprefix("."))]
