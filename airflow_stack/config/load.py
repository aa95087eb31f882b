"""From raw config to the model: the same rules for `pulumi up`, `pulumi preview` and the command line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from airflow_stack.config.errors import NAMESPACE, ConfigError, Problem
from airflow_stack.config.secrets import SECRET_KEYS, Secrets
from airflow_stack.config.stack import StackConfig
from airflow_stack.config.types import Section

# Stands for a value that Pulumi keeps encrypted in the stack file: it is set, and can't be read there.
ENCRYPTED = object()


def parse(raw: Mapping[str, Any], secret_keys: set[str], stack: str, source: str = "") -> tuple[StackConfig, Secrets]:
    """Validate a stack's config.

    ``raw`` maps keys under the namespace to values (mappings, scalars, or ENCRYPTED); ``secret_keys`` are those that
    Pulumi holds encrypted. Raises ConfigError with every problem that was found.
    """
    problems: list[Problem] = []
    sections = {key: value for key, value in raw.items() if key not in SECRET_KEYS}
    for key in raw:
        if key in SECRET_KEYS and key not in secret_keys:
            problems.append(
                Problem(key, "is a secret and stands there in plain text", mend=f"{_set(stack, key, secret=True)}")
            )
        elif key not in SECRET_KEYS and (key in secret_keys or _holds_encrypted(raw[key])):
            problems.append(
                Problem(key, f"can't be a secret; the secrets are {', '.join(SECRET_KEYS)}",
                        mend=f"pulumi config rm --stack {shlex.quote(stack)} {NAMESPACE}:{key}")
            )  # fmt: skip
    config: StackConfig | None = None
    if not problems:
        try:
            config = StackConfig.model_validate(sections)
        except ValidationError as error:
            problems += _problems(error, stack)
    secrets = Secrets()
    readable = {key: raw[key] for key in raw if key in secret_keys and key in SECRET_KEYS and raw[key] is not ENCRYPTED}
    try:
        secrets = Secrets.model_validate(readable)
    except ValidationError as error:
        problems += _secret_problems(error, stack)
    if config is not None:
        problems += _missing_secrets(config, raw, stack)
    if problems or config is None:
        raise ConfigError(problems, source)
    return config, secrets


def read_stack_file(directory: Path, stack: str) -> tuple[StackConfig, set[str]]:
    """Read ``Pulumi.<stack>.yaml`` without Pulumi: the model, and which secrets are set (they stay sealed)."""
    path = directory / f"Pulumi.{stack}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        stacks = sorted(p.name[7:-5] for p in directory.glob("Pulumi.?*.yaml"))
        raise ConfigError([Problem("", f"there is no stack {stack!r}: {path.name} is missing",
                                   example=f"the stacks here are: {', '.join(stacks) or 'none'}",
                                   mend=f"airflow-stack init -s {shlex.quote(stack)}")]) from None  # fmt: skip
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem("", f"can't be read: {type(error).__name__}")], path.name) from None
    raw, secret_keys = raw_from_yaml(text, path.name)
    config, _ = parse(raw, secret_keys, stack, path.name)
    return config, secret_keys & set(SECRET_KEYS)


def raw_from_yaml(text: str, source: str) -> tuple[dict[str, Any], set[str]]:
    """The namespace's keys of a stack file, and which of them are encrypted."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError([Problem("", f"is not valid YAML{where}")], source) from None
    document = {} if document is None else document
    config = document.get("config", {}) if isinstance(document, dict) else None
    config = {} if config is None else config
    if not isinstance(config, dict):
        raise ConfigError([Problem("", "must be a mapping with the key 'config'", example=_EXAMPLE)], source)
    raw: dict[str, Any] = {}
    secret_keys: set[str] = set()
    for full_key, value in config.items():
        namespace, _, key = str(full_key).partition(":")
        if namespace != NAMESPACE:
            if not key:
                raise ConfigError(
                    [Problem("", "has a key without its namespace", example=f"{NAMESPACE}:airflow", mend="")], source
                )
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


def _holds_encrypted(value: Any) -> bool:
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(map(_holds_encrypted, value.values()))
    return isinstance(value, list) and any(map(_holds_encrypted, value))


def _set(stack: str, key: str, value: str = "", *, secret: bool = False) -> str:
    kind = "--secret " if secret else "--path " if "." in key else ""
    name = f"{NAMESPACE}:{key}"
    return f"pulumi config set --stack {shlex.quote(stack)} {kind}{shlex.quote(name)}{' ' + value if value else ''}"


def _problems(error: ValidationError, stack: str) -> list[Problem]:
    problems = []
    for item in error.errors(include_url=False, include_input=False):
        path = tuple(item["loc"])
        key = ".".join(str(part) for part in path if not _is_tag(part, path))
        field = _field(path)
        example = _example(field)
        message = _message(item)
        if item["type"] == "extra_forbidden":
            flag = "--path " if "." in key else ""
            mend = f"pulumi config rm --stack {shlex.quote(stack)} {flag}{shlex.quote(f'{NAMESPACE}:{key}')}"
            problems.append(Problem(key, message, mend=mend))
            continue
        mend = _set(stack, key, shlex.quote(example)) if key and example and example[0] not in "[{" else ""
        shown = f"{key.rpartition('.')[2]}: {example}" if key and example else ""
        problems.append(Problem(key, message, shown, mend or f"edit Pulumi.{stack}.yaml"))
    return problems


def _message(item: Any) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return "there is no such key"
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", "is not valid"))
    if kind == "missing":
        return "is required"
    if kind == "union_tag_invalid" or kind == "union_tag_not_found":
        return f"kind must be one of {context.get('expected_tags', 'container, external')}"
    # Pydantic's own sentences ("Input should be …") never hold the input with these types.
    text = str(item["msg"]).removeprefix("Input should be ")
    if kind == "string_pattern_mismatch":
        text = "of another form"
    return f"must be {text}" if not text.startswith(("Input", "String")) else text.replace("String should", "must")


def _is_tag(part: int | str, path: tuple[int | str, ...]) -> bool:
    """Pydantic names a union's chosen member in the path; a user never wrote it."""
    index = path.index(part)
    if index == 1 and path[0] in ("database", "broker"):
        return part in ("container", "external")
    return (
        index > 1 and isinstance(part, str) and part in ("bool", "str", "int", "float", "literal['non-sensitive-only']")
    )


def _field(path: tuple[int | str, ...]) -> FieldInfo | None:
    model: type[Section] | None = StackConfig
    field: FieldInfo | None = None
    for part in path:
        if _is_tag(part, path):
            continue
        if model is None or part not in model.model_fields:
            return field
        field = model.model_fields[str(part)]
        annotation = field.annotation
        model = annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None
    return field


def _example(field: FieldInfo | None) -> str:
    if field is None:
        return ""
    if field.examples:
        return json.dumps(field.examples[0]) if not isinstance(field.examples[0], str) else field.examples[0]
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, Section) or default is None:
        return ""
    return default if isinstance(default, str) else json.dumps(default)


def _secret_problems(error: ValidationError, stack: str) -> list[Problem]:
    problems = []
    for item in error.errors(include_url=False, include_input=False, include_context=True):
        key = str(item["loc"][0])
        field = Secrets.model_fields[key]
        text = str(item.get("ctx", {}).get("error", "is not valid text"))
        example = str(field.examples[0]) if field.examples else ""
        problems.append(Problem(key, text, example, _set(stack, key, secret=True)))
    return problems


def _missing_secrets(config: StackConfig, raw: Mapping[str, Any], stack: str) -> list[Problem]:
    needed = {}
    if config.database.kind == "external":
        needed["database_url"] = "is required by database.kind: external"
    if config.celery and config.broker.kind == "external":
        needed["broker_url"] = "is required by broker.kind: external"
    problems = []
    for key, why in needed.items():
        if key not in raw:
            examples = Secrets.model_fields[key].examples or [""]
            problems.append(Problem(key, why, str(examples[0]), _set(stack, key, secret=True)))
    unused = {
        "database_url": config.database.kind != "external",
        "broker_url": not (config.celery and config.broker.kind == "external"),
        "secrets_backend_kwargs": config.secrets_backend is None,
    }
    for key, without_effect in unused.items():
        if key in raw and without_effect:
            cause = {"database_url": "database.kind is container", "broker_url": "broker.kind is container",
                     "secrets_backend_kwargs": "secrets_backend is not set"}[key]  # fmt: skip
            problems.append(
                Problem(key, f"has no effect: {cause}",
                        mend=f"pulumi config rm --stack {shlex.quote(stack)} {NAMESPACE}:{key}")
            )  # fmt: skip
    return problems
