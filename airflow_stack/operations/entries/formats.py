"""Files of entries, as `airflow connections export`, `variables export` and `pools export` write and read them."""

from __future__ import annotations

import json
from collections.abc import Hashable
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.errors import OperationError
from airflow_stack.operations.entries.kinds import FIELDS, Entries, Entry, Kind, WrongError, refuse_wrong, shown
from airflow_stack.operations.entries.uri import EXAMPLE, from_uri, is_lossless, to_uri


class Format(StrEnum):
    """Of a file."""

    JSON = "json"
    YAML = "yaml"
    ENV = "env"
    """``ID=URI`` a line; of connections alone."""


SUFFIXES = {".json": Format.JSON, ".yaml": Format.YAML, ".yml": Format.YAML, ".env": Format.ENV}


def format_of(kind: Kind, path: Path | None, asked: Format | None) -> Format:
    """The one that is asked for, else by the file's suffix; JSON for a stream. Raises OperationError."""
    if path is None or asked is not None:
        found = asked or Format.JSON
    else:
        # A file that is named .env has no suffix but this.
        suffix = path.suffix.lower() or (path.name.lower() if path.name.startswith(".") else "")
        if suffix not in SUFFIXES:
            raise OperationError(
                f"{path.name} does not end with one of {', '.join(SUFFIXES)}.\nSay what it holds: --format json"
            )
        found = SUFFIXES[suffix]
    if found is Format.ENV and kind is not Kind.CONNECTIONS:
        raise OperationError(f"{kind} have no .env format: use JSON or YAML.")
    return found


def parse(kind: Kind, text: str, file_format: Format, source: str) -> dict[Any, Any]:
    """Entries as the file has them; URIs of connections as their fields. Raises OperationError, without any value."""
    if file_format is Format.ENV:
        raw: Any = _parse_env(text, source)
    else:
        raw = (_parse_json if file_format is Format.JSON else _parse_yaml)(text, source)
    if not isinstance(raw, dict):
        raise OperationError(f"{source} must hold a mapping of names to {kind}, for example {EXAMPLES[kind]}")
    if kind is not Kind.CONNECTIONS:
        return raw
    found: dict[Any, Any] = {}

    def read(name: Any, value: Any) -> None:
        # Airflow takes a list of one, too.
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        found[name] = connection_of(value) if isinstance(value, str) else _with_uri(value)

    refuse_wrong(raw.items(), read, f"{source} is not imported")
    return found


def connection_of(text: str) -> Any:
    """A connection that is text: a URI, or JSON. Raises WrongError."""
    if not text.strip().startswith("{"):
        return from_uri(text.strip())
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WrongError(f"is neither JSON nor a URI, {EXAMPLE}") from None


def _with_uri(value: Any) -> Any:
    """Airflow takes the key uri in place of the fields."""
    if not isinstance(value, dict) or not isinstance(value.get("uri"), str):
        return value
    others = {name: other for name, other in value.items() if name != "uri"}
    if others.keys() - {"conn_id", "description"}:
        raise WrongError("has the key uri beside others: keep one of both")
    return from_uri(value["uri"]) | others


def render(kind: Kind, entries: Entries, file_format: Format) -> str:
    """The file's text, sorted by name. Raises OperationError for what the format can't hold."""
    ordered = {name: entries[name] for name in sorted(entries)}
    if file_format is Format.ENV:
        return _render_env(ordered)
    if kind is Kind.CONNECTIONS:
        ordered = {name: {field: entry[field] for field in FIELDS} for name, entry in ordered.items()}
    if kind is Kind.VARIABLES:
        ordered = {name: _value(text) for name, text in ordered.items()}
    if file_format is Format.YAML:
        return yaml.safe_dump(ordered, sort_keys=False)
    return json.dumps(ordered, indent=2) + "\n"


EXAMPLES = {
    Kind.CONNECTIONS: '{"my_db": {"conn_type": "postgres", "host": "db.example.com"}}',
    Kind.VARIABLES: '{"my_variable": "its value"}',
    Kind.POOLS: '{"my_pool": {"slots": 8, "description": ""}}',
}


def _value(text: Entry) -> Any:
    """What a variable's text holds, where Airflow makes the same text of it again; else the text."""
    try:
        value = json.loads(text)
        exact = not isinstance(value, str) and json.dumps(value, indent=2) == text
    except (ValueError, RecursionError):
        exact = False
    return value if exact else text


def _render_env(entries: Entries) -> str:
    lost = [shown(name) for name, entry in entries.items() if name.startswith("#") or not is_lossless(entry)]
    if lost:
        raise OperationError(
            f"a .env file can't hold these connections without loss: {', '.join(lost)}.\n"
            "A URI has no capitals in a host or type, for one. Use JSON or YAML: --format json"
        )
    return "".join(f"{name}={to_uri(entry)}\n" for name, entry in entries.items())


def _parse_env(text: str, source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not (name.strip() and separator and value.strip()):
            raise OperationError(
                f"{source}, line {number}: must be ID=URI, for example my_db=postgres://db.example.com"
            )
        if name in found:
            raise OperationError(f"{source}, line {number}: {shown(name)} stands there for the second time.")
        found[name] = value
    return found


class _RepeatedError(Exception):
    """A name that stands there twice, of which every parser takes the last."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _RepeatedError(name)
        found[name] = value
    return found


def _parse_json(text: str, source: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise OperationError(f"{source} is not valid JSON: line {error.lineno}, column {error.colno}.") from None
    except _RepeatedError as error:
        raise OperationError(f"{source}: {shown(error)} stands there for the second time.") from None
    except (ValueError, RecursionError):
        raise OperationError(f"{source} is not valid JSON: a number too long, or too deep.") from None


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        _once([(key.value, None) for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
        return super().construct_mapping(node, deep)


def _parse_yaml(text: str, source: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except _RepeatedError as error:
        raise OperationError(f"{source}: {shown(error)} stands there for the second time.") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise OperationError(f"{source} is not valid YAML{where}.") from None
