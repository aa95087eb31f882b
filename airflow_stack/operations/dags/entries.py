"""Connections and variables from the user's files: JSON or YAML, as ``airflow connections import`` reads them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.errors import OperationError

EXAMPLES = {
    "connections": '{"orders_db": "postgresql://me:secret@db.example.com/orders"}',
    "variables": '{"bucket": "orders"}',
}


@dataclass(frozen=True)
class Entries:
    """What DAGs find in the container; values are secrets."""

    connections: dict[str, Any] = field(default_factory=dict)
    """A URI or an object each, by name."""
    variables: dict[str, str] = field(default_factory=dict)


def read(connections: Path | None, variables: Path | None) -> Entries:
    """Read the files that are given. Raises OperationError that names the file, and never what is in it."""
    found = _read(connections, "connections") if connections else {}
    for name, value in found.items():
        if not isinstance(value, str | dict):
            raise OperationError(
                _wrong(connections, "connections", f"connection {name} is neither a URI nor an object")
            )
    values = _read(variables, "variables") if variables else {}
    # As `airflow variables import`: what is no text is stored as JSON.
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    return Entries(found, texts)


def _read(path: Path, kind: str) -> dict[str, Any]:
    try:
        # YAML reads JSON too, but a tab in it is an error of its own.
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise OperationError(f"{path} can't be read: {error.strerror}.\nName a file of {kind}: --{kind} FILE") from None
    except (ValueError, yaml.YAMLError) as error:  # neither is quoted: the text around the mistake may be a secret
        mark = getattr(error, "problem_mark", None)
        line = getattr(error, "lineno", mark.line + 1 if mark else None)
        where = f" (line {line})" if line else ""
        language = "JSON" if path.suffix == ".json" else "YAML"
        raise OperationError(_wrong(path, kind, f"is not valid {language}{where}")) from None
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise OperationError(_wrong(path, kind, "must be an object with a name for each entry"))
    return document


def _wrong(path: Path | None, kind: str, what: str) -> str:
    return f"{path}: {what}.\nExample: {EXAMPLES[kind]}"
