"""Pydantic's errors in a user's words: the key as it was written, what is wrong, an example, what mends it."""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from airflow_stack.config.errors import NAMESPACE, Problem
from airflow_stack.config.secrets import Secrets
from airflow_stack.config.stack import StackConfig

Path = tuple[int | str, ...]

# Pydantic names the chosen member of a union in the path of an error; a user never wrote it.
_UNIONS = ("database", "broker")
_SCALARS = ("bool", "str", "int", "float", "literal['non-sensitive-only']")

_TYPES = {
    "string_type": "text (in quotes where it reads as a number or a date)",
    "int_type": "a whole number (without quotes)",
    "int_from_float": "a whole number (without quotes)",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false (without quotes)",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}


def set_command(stack: str, key: str, value: str = "", *, secret: bool = False) -> str:
    """The command that sets a key; without a value, Pulumi asks for it."""
    kind = "--secret " if secret else "--path " if "." in key else ""
    name = shlex.quote(f"{NAMESPACE}:{key}")
    return f"pulumi config set --stack {shlex.quote(stack)} {kind}{name}{' ' + shlex.quote(value) if value else ''}"


def remove_command(stack: str, key: str) -> str:
    """The command that removes a key."""
    kind = "--path " if "." in key else ""
    return f"pulumi config rm --stack {shlex.quote(stack)} {kind}{shlex.quote(f'{NAMESPACE}:{key}')}"


def edit(stack: str) -> str:
    """What is left where no command mends."""
    return f"edit Pulumi.{stack}.yaml"


def model_problems(error: ValidationError, stack: str) -> list[Problem]:
    """What is wrong with the model's keys, one problem a key."""
    problems: dict[str, Problem] = {}
    for item in error.errors(include_url=False, include_input=False):
        problem = _problem(item, stack)
        other = problems.get(problem.key)
        if other:  # each member of a union has said why it is not meant
            message = f"{other.message} or {problem.message.removeprefix('must be ')}"
            problem = Problem(other.key, message, other.example, other.mend)
        problems[problem.key] = problem
    return list(problems.values())


def secret_problems(error: ValidationError, stack: str) -> list[Problem]:
    """What is wrong with the secrets' values, none of which is ever shown."""
    problems = []
    for item in error.errors(include_url=False, include_input=False):
        key = str(item["loc"][0])
        text = str(item.get("ctx", {}).get("error", "must be text"))
        problems.append(Problem(key, text, secret_example(key), set_command(stack, key, secret=True)))
    return problems


def secret_example(key: str) -> str:
    """An example of a secret's value; empty where none says more than the message."""
    return str((Secrets.model_fields[key].examples or [""])[0])


def _problem(item: Mapping[str, Any], stack: str) -> Problem:
    path: Path = tuple(item["loc"])
    if path and path[0] in _UNIONS:
        path = (path[0], *path[2:]) if not str(item["type"]).startswith("union_tag") else (path[0], "kind")
    if len(path) > 2 and path[-1] in _SCALARS:
        path = path[:-1]
    key = _key(path)
    message = _message(item)
    plain = all(isinstance(part, int) or part.replace("_", "").isalnum() for part in path)
    if item["type"] == "extra_forbidden":
        return Problem(key, f"there is no such key; {_instead(path)}",
                       mend=remove_command(stack, key) if plain and key else edit(stack))  # fmt: skip
    name, example = _example(path)
    if example in (None, ""):
        return Problem(key, message, mend=edit(stack))
    text = example if isinstance(example, str) else json.dumps(example)
    scalar = isinstance(example, str | int | float)
    return Problem(key, message, f"{name}: {text}", set_command(stack, key, text) if scalar and plain else edit(stack))


def _key(path: Path) -> str:
    """As Pulumi writes a path: ``airflow.extra_requirements[1]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _message(item: Mapping[str, Any]) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "union_tag_invalid":
        return f"must be {context['expected_tags'].replace(', ', ' or ')}"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"must be at least {context['ge']}" if "ge" in context else f"must be at most {context['le']}"
    if kind in ("string_too_short", "string_too_long"):
        return (
            f"must have {context['min_length']} characters or more"
            if "min_length" in context
            else f"must have {context['max_length']} characters or fewer"
        )
    return {"missing": "is required", "invalid_key": "is not a key: keys are text"}.get(kind, "is not valid")


def _field(path: Path) -> tuple[str, FieldInfo | None, list[type[BaseModel]]]:
    """Name of the field at the path, or of the last one above it; the field; and the models that it may hold."""
    name, field = "", None
    models: list[type[BaseModel]] = [StackConfig]
    for part in path:
        found = next((model.model_fields[part] for model in models if part in model.model_fields), None)
        if found is None:
            break
        name, field = str(part), found
        types = (field.annotation, *get_args(field.annotation))
        models = [kind for kind in types if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return name, field, models


def _instead(path: Path) -> str:
    """The key that was probably meant, else all that there are."""
    _, _, models = _field(path[:-1])
    known = list(dict.fromkeys(name for model in models for name in model.model_fields))
    if path[-1] in known:
        return "it belongs to another kind"
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def _example(path: Path) -> tuple[str, Any]:
    """A field's name and a value that is right for it; None where there is nothing to say."""
    name, field, models = _field(path)
    if field is None:
        return "", None
    if models:
        first = next(key for key in models[0].model_fields if key != "kind")
        return name, {first: _right_value(models[0].model_fields[first])}
    if isinstance(path[-1], int):
        return f"{name}[{path[-1]}]", _right_value(field)[0]
    return name, _right_value(field)


def _right_value(field: FieldInfo) -> Any:
    return (field.examples or [field.get_default(call_default_factory=True, validated_data={})])[0]
