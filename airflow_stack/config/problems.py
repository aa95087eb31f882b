"""Pydantic's errors in a user's words: the key as it was written, what is wrong, an example, what mends it."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from airflow_stack.config.errors import NAMESPACE, BrokenRulesError, Problem, RuleError, either
from airflow_stack.config.models import MODELS
from airflow_stack.config.secrets import SECRET_KEYS, Secrets
from airflow_stack.config.stack import StackConfig

Path = tuple[int | str, ...]

TARGET_KIND: Path = ("target", "kind")
"""It has chosen the model, and no model has more than its own."""

# Behind a value's path Pydantic names the type that it has tried, and a mapping's wrong key.
_SCALARS = ("bool", "str", "int", "float", "literal['non-sensitive-only']", "[key]")

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


def model_problems(error: ValidationError, stack: str, model: type[StackConfig]) -> list[Problem]:
    """What is wrong with the keys of a config that is meant to be of this model, one problem a key."""
    problems: dict[str, Problem] = {}
    found = [problem for item in error.errors(include_url=False) for problem in _problems(item, stack, model)]
    for problem in found:
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


def _problems(item: Mapping[str, Any], stack: str, model: type[StackConfig]) -> list[Problem]:
    at = _Place(item["loc"], model)
    rule = item.get("ctx", {}).get("error")
    if isinstance(rule, BrokenRulesError):
        return [_rule_problem(one, at, stack) for one in rule.rules]
    return [_rule_problem(rule, at, stack) if isinstance(rule, RuleError) else _problem(item, at, stack, model)]


def _problem(item: Mapping[str, Any], at: _Place, stack: str, model: type[StackConfig]) -> Problem:
    path = at.path
    if str(item["type"]).startswith("union_tag"):
        path = (*path, "kind")
    key_is_wrong = path[2:] and path[-1] == "[key]" and item["type"] == "literal_error"
    if path[2:] and path[-1] in _SCALARS:
        path = path[:-1]
    key = _key(path)
    elsewhere = _elsewhere(item, path, model)
    if key_is_wrong:
        message = _no_such(str(path[-1]), re.findall("'(.+?)'", item["ctx"]["expected"]))
    else:
        message = elsewhere or _message(item, path)
    plain = _is_plain(path)
    if item["type"] == "extra_forbidden":
        mend = remove_command(stack, key) if plain and key else edit(stack)
        return Problem(key, elsewhere or _instead(at), mend=mend)
    name, example = _example(path, at)
    if example in (None, ""):
        return Problem(key, message, mend=edit(stack))
    text, command = _set(stack, key, example)
    return Problem(key, message, f"{name}: {text}", command if plain else edit(stack))


def _set(stack: str, key: str, value: Any) -> tuple[str, str]:
    """A value as it stands in a stack file, and the command that sets it; only an editor writes \"16\" as a text."""
    text = value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, str) and not isinstance(yaml.safe_load(text), str):
        return json.dumps(value), edit(stack)
    return text, set_command(stack, key, text) if isinstance(value, str | int | float) else edit(stack)


def _rule_problem(rule: RuleError, at: _Place, stack: str) -> Problem:
    """Of a rule that joins keys, which has named the one that is to blame."""
    section = at.path
    key = ".".join(filter(None, (_key(section), rule.key)))
    joins = not section
    if rule.put is not None:
        name, value = rule.put
        text, command = _set(stack, ".".join(filter(None, (_key(section), name))), value)
        return Problem(key, str(rule), f"{name.rpartition('.')[2]}: {text}", command, joins=joins)
    mend = remove_command(stack, ".".join(filter(None, (_key(section), rule.remove)))) if rule.remove else edit(stack)
    if rule.rewrite:
        mend = f"{edit(stack)} as this prints it: airflow-stack config -s {shlex.quote(stack)} --to {rule.rewrite}"
    return Problem(key, str(rule), mend=mend, joins=joins)


def _is_plain(path: Path) -> bool:
    return all(isinstance(part, int) or part.replace("_", "").isalnum() for part in path)


class _Place:
    """Where in the model an error is: the path as it was written, and the field there.

    Pydantic names the chosen member of a union in the path of an error; a user never wrote it.
    """

    def __init__(self, location: Path, model: type[BaseModel]) -> None:
        self.path: Path = ()
        self.name = ""
        """Of the field at the path, or of the last one above it."""
        self.field: FieldInfo | None = None
        self.models: list[type[BaseModel]] = [model]
        """What the field may hold."""
        self.holders: list[type[BaseModel]] = []
        """What has, or should have, the last key of the path."""
        self.others: list[type[BaseModel]] = []
        """Members of the holder's union that were not chosen."""
        rest: list[type[BaseModel]] = []
        tags = 0
        for part in location:
            chosen = [model for model in self.models if len(self.models) > 1 and part in _kinds(model)]
            if chosen:
                rest = [model for model in self.models if model not in chosen]
                self.models = chosen
                tags += 1
                continue
            self.path = (*self.path, part)
            self.holders, self.others, rest = self.models, rest, []
            found = next((model.model_fields[part] for model in self.models if part in model.model_fields), None)
            if found is None:
                self.path = (*self.path, *location[len(self.path) + tags :])
                break
            self.name, self.field, self.models = str(part), found, _sections(found.annotation)


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("kind")
    return get_args(field.annotation) if field else ()


def _sections(annotation: Any) -> list[type[BaseModel]]:
    types = (annotation, *get_args(annotation))
    return [kind for kind in types if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _key(path: Path) -> str:
    """As Pulumi writes a path: ``airflow.extra_requirements[1]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _message(item: Mapping[str, Any], path: Path) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be {either(map(repr, MODELS)) if path == TARGET_KIND else context['expected']}"
    if kind == "union_tag_invalid":
        return f"must be {either(context['expected_tags'].split(', '))}"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"must be at least {context['ge']}" if "ge" in context else f"must be at most {context['le']}"
    if kind in ("too_short", "too_long"):
        count = context.get("min_length", context.get("max_length"))
        return f"must have {count} entries {'or more' if kind == 'too_short' else 'or fewer'}"
    if kind in ("string_too_short", "string_too_long"):
        return (
            f"must have {context['min_length']} characters or more"
            if "min_length" in context
            else f"must have {context['max_length']} characters or fewer"
        )
    return {"missing": "is required", "invalid_key": "is not a key: keys are text"}.get(kind, "is not valid")


def _elsewhere(item: Mapping[str, Any], path: Path, model: type[StackConfig]) -> str:
    """Of a key, or of a value where there are few, that only the other target has: whose it is, and what is here."""
    instead, chosen = model.INSTEAD.get(_key(path)), _chosen(item)
    for other in MODELS.values():
        fields = _fields(other, path) if other is not model else []
        theirs = f"is for {other.STACKS}"
        if fields and item["type"] == "extra_forbidden":
            return f"{theirs}: {instead}" if instead else theirs
        # One of the model's own values is no secret; whatever else was written is not told.
        if any(chosen in get_args(field.annotation) for field in fields):
            return f"{chosen} {theirs}{f': {instead}' if instead else f'; here it {_message(item, path)}'}"
    return ""


def _chosen(item: Mapping[str, Any]) -> Any:
    """What was written where there are few values; None elsewhere."""
    if item["type"] == "union_tag_invalid":
        return item["ctx"]["tag"]
    return item["input"] if item["type"] == "literal_error" else None


def _fields(model: type[BaseModel], path: Path) -> list[FieldInfo]:
    """What a model has at a path, whichever kind its sections are of."""
    models = [model]
    fields: list[FieldInfo] = []
    for part in path:
        fields = [one.model_fields[part] for one in models if isinstance(part, str) and part in one.model_fields]
        models = [section for field in fields for section in _sections(field.annotation)]
    return fields


def _instead(at: _Place) -> str:
    """What to say of a key that is not there: the key that was probably meant, else all that there are."""
    key = str(at.path[-1])
    owners = [kind for model in at.others if key in model.model_fields for kind in _kinds(model)]
    if owners:
        return f"there is no such key; it belongs to kind {' or '.join(owners)}"
    if "password" in key or "secret" in key:
        return f"there is no such key; a secret has a key of its own: {', '.join(SECRET_KEYS)}"
    known = list(dict.fromkeys(name for model in at.holders for name in model.model_fields))
    return _no_such(key, known)


def _no_such(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"there is no such key; {f'did you mean {near[0]}?' if near else 'there are ' + ', '.join(known)}"


def _example(path: Path, at: _Place) -> tuple[str, Any]:
    """A field's name and a value that is right for it; None where there is nothing to say."""
    if at.field is None:
        return "", None
    if path[-1:] == ("kind",) and at.models:
        return "kind", _kinds(at.models[0])[0]
    if at.models:
        if at.field.examples:
            return at.name, at.field.examples[0]
        first = next(key for key in at.models[0].model_fields if key != "kind")
        return at.name, {first: _right_value(at.models[0].model_fields[first])}
    if isinstance(path[-1], int):
        return f"{at.name}[{path[-1]}]", (_examples(at.field.annotation) or _right_value(at.field) or [None])[0]
    return at.name, _right_value(at.field)


def _right_value(field: FieldInfo) -> Any:
    """A value that is right for a field: its example, its default, or an example of what it is made of."""
    default = field.get_default(call_default_factory=True, validated_data={})
    if field.examples or default not in (None, PydanticUndefined, [], ""):
        return (field.examples or [default])[0]
    parts = _examples(field.annotation)
    if not parts:
        return None if default is PydanticUndefined else default
    return [parts[0]] if get_origin(field.annotation) is list else parts[0]


def _examples(annotation: Any) -> list[Any]:
    """Examples of the constrained types that a type is made of."""
    found = []
    for part in get_args(annotation):
        found += (part.examples or []) if isinstance(part, FieldInfo) else _examples(part)
    return found
