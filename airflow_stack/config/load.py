"""From raw config to the model: the same rules for `pulumi up`, `pulumi preview` and the command line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from airflow_stack.config.errors import NAMESPACE, ConfigError, Problem
from airflow_stack.config.models import AnyConfig, model_of
from airflow_stack.config.problems import (
    edit,
    model_problems,
    remove_command,
    secret_example,
    secret_problems,
    set_command,
)
from airflow_stack.config.secrets import SECRET_KEYS, Secrets

# Stands for a value that Pulumi keeps encrypted in the stack file: it is set, and can't be read there.
ENCRYPTED = object()

VALUES = "values"


def parse(
    raw: Mapping[str, Any], secret_keys: set[str], stack: str, source: str = "", kept: Collection[str] = ()
) -> tuple[AnyConfig, Secrets]:
    """Validate a stack's config.

    ``raw`` maps keys under the namespace to values (mappings, scalars, or ENCRYPTED); ``secret_keys`` are those that
    Pulumi holds encrypted; ``kept`` are secrets that the machine holds itself. Raises ConfigError with every problem
    that was found.
    """
    misplaced = _misplaced_secrets(raw, secret_keys, stack)
    problems = [*misplaced.values()]
    sections = {key: value for key, value in raw.items() if key not in SECRET_KEYS and key not in misplaced}
    config, model = None, model_of(raw)
    try:
        config = model.model_validate(sections)
    except ValidationError as error:
        # Rules that join sections say nothing while one of the sections is left out.
        found = model_problems(error, stack, model)
        problems += [problem for problem in found if not (misplaced and problem.joins)]
    secrets = Secrets()
    readable = {key: raw[key] for key in raw if key in secret_keys and key in SECRET_KEYS and raw[key] is not ENCRYPTED}
    try:
        secrets = Secrets.model_validate(readable)
    except ValidationError as error:
        problems += secret_problems(error, stack)
    if config is not None and not misplaced:
        problems += [*_missing_secrets(config, {*raw, *kept}, stack), *_unused_secrets(config, raw, stack)]
    if problems or config is None:
        raise ConfigError(problems, source)
    return config, secrets


def secrets_directory(program: Path, stack: str) -> Path:
    """Where this machine keeps the secret files of a stack; values by config key are in its folder ``VALUES``."""
    return program / ".airflow-stack" / stack / "secrets"


def read_stack_file(directory: Path, stack: str) -> tuple[AnyConfig, set[str]]:
    """Read ``Pulumi.<stack>.yaml`` without Pulumi: the model, and which secrets are set; their values stay sealed."""
    name = f"Pulumi.{stack}.yaml"
    raw, secret_keys = raw_from_yaml(stack_text(directory, stack), name)
    config, _ = parse(raw, secret_keys, stack, name, kept_secrets(directory, stack))
    return config, secret_keys & set(SECRET_KEYS)


def kept_secrets(directory: Path, stack: str) -> set[str]:
    """Keys of the secrets that this machine holds itself."""
    return {file.name for file in (secrets_directory(directory, stack) / VALUES).glob("*")}


def stack_text(directory: Path, stack: str) -> str:
    """The text of ``Pulumi.<stack>.yaml``. Raises ConfigError where it can't be read."""
    path = directory / f"Pulumi.{stack}.yaml"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        stacks = sorted(p.name[7:-5] for p in directory.glob("Pulumi.?*.yaml"))
        raise ConfigError([Problem("", f"there is no stack {stack!r}: {path.name} is missing",
                                   example=f"the stacks here are: {', '.join(stacks) or 'none'}",
                                   mend=f"airflow-stack init -s {shlex.quote(stack)}")]) from None  # fmt: skip
    except UnicodeDecodeError:
        raise ConfigError([Problem("", "is not UTF-8 text", mend=edit(stack))], path.name) from None
    except OSError as error:
        raise ConfigError([Problem("", f"can't be read: {error.strerror}")], path.name) from None


class _DuplicateKey(yaml.MarkedYAMLError):
    pass


class _Loader(yaml.SafeLoader):
    """YAML as Pulumi reads it: a key that stands there twice is an error, where PyYAML takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise _DuplicateKey(problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def raw_from_yaml(text: str, source: str) -> tuple[dict[str, Any], set[str]]:
    """The namespace's keys of a stack file, and which of them are encrypted."""
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = "has a key for the second time" if isinstance(error, _DuplicateKey) else "is not valid YAML"
        raise ConfigError([Problem("", f"{what}{where}", mend=f"edit {source}")], source) from None
    if document is None:
        return {}, set()
    config = (document.get("config") or {}) if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise ConfigError(
            [Problem("", "must be a mapping with the key 'config', itself a mapping", _EXAMPLE, f"edit {source}")],
            source,
        )
    raw: dict[str, Any] = {}
    secret_keys: set[str] = set()
    for full_key, value in config.items():
        namespace, _, key = str(full_key).partition(":")
        if not key:
            example = f"{NAMESPACE}:{namespace if namespace not in ('', NAMESPACE) else 'worker'}"
            raise ConfigError(
                [Problem("", f"the key {namespace!r} is not NAMESPACE:KEY", example, f"edit {source}")], source
            )
        if namespace != NAMESPACE:
            continue  # another provider's: docker:host, aws:region, …
        if isinstance(value, dict) and set(value) == {"secure"}:
            secret_keys.add(key)
            value = ENCRYPTED
        raw[key] = value if key in SECRET_KEYS else _from_json(value)
    return raw, secret_keys


def raw_from_pulumi(config: Mapping[str, Any], secret_keys: set[str]) -> tuple[dict[str, Any], set[str]]:
    """The namespace's keys as Pulumi hands them over: strings, of which the structured ones are JSON."""
    prefix = f"{NAMESPACE}:"
    secret = {key.removeprefix(prefix) for key in secret_keys if key.startswith(prefix)}
    raw: dict[str, Any] = {}
    for full_key, value in config.items():
        if full_key.startswith(prefix):
            key = full_key.removeprefix(prefix)
            raw[key] = value if key in SECRET_KEYS else _from_json(value)
    return raw, secret


_EXAMPLE = f"config: {{{NAMESPACE}:worker: {{count: 2}}}}"


def _from_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _misplaced_secrets(raw: Mapping[str, Any], secret_keys: set[str], stack: str) -> dict[str, Problem]:
    """Secrets in plain text, and plain keys that are secrets, by key."""
    problems = {}
    for key, value in raw.items():
        if key in SECRET_KEYS and key not in secret_keys:
            problems[key] = Problem(
                key, "is a secret, but stands in plain text", mend=set_command(stack, key, secret=True)
            )
        elif key not in SECRET_KEYS and (key in secret_keys or _holds_encrypted(value)):
            where = "holds an encrypted value" if isinstance(value, dict | list) else "is encrypted"
            problems[key] = Problem(
                key, f"{where}, but is no secret; the secrets are {', '.join(SECRET_KEYS)}",
                mend=f"{edit(stack)}: write the value in plain, or a secret under its own key",
            )  # fmt: skip
    return problems


def _holds_encrypted(value: Any) -> bool:
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(map(_holds_encrypted, value.values()))
    return isinstance(value, list) and any(map(_holds_encrypted, value))


def _missing_secrets(config: AnyConfig, known: Collection[str], stack: str) -> list[Problem]:
    return [
        Problem(key, f"is required by {cause}", secret_example(key), set_command(stack, key, secret=True))
        for key, cause in config.required_secrets().items()
        if key not in known
    ]


def _unused_secrets(config: AnyConfig, raw: Mapping[str, Any], stack: str) -> list[Problem]:
    """A secret that nothing reads would be taken for one that is in use."""
    return [
        Problem(key, f"has no effect: {cause}", mend=remove_command(stack, key))
        for key, cause in config.unread_secrets().items()
        if key in raw
    ]
