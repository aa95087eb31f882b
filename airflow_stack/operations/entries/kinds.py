"""Connections, variables and pools: what an entry of each is, and what is wrong with one.

An entry is kept in one form, whatever file or place it comes from:

- connection: a dictionary of `FIELDS`, None where there is nothing; ``port`` is a number, ``extra`` text;
- variable: its text, as Airflow stores it;
- pool: a dictionary of ``slots``, ``description`` and ``include_deferred``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

from airflow_stack.errors import OperationError

Entry = Any
Entries = dict[str, Entry]
"""Entries by connection id, variable key or pool name."""


class Kind(StrEnum):
    """What is imported and exported."""

    CONNECTIONS = "connections"
    VARIABLES = "variables"
    POOLS = "pools"


class WrongError(ValueError):
    """What is wrong with one entry: one clause, with an example, and never a value."""


FIELDS = ("conn_type", "description", "login", "password", "host", "port", "schema", "extra")
"""Of a connection, in the order in which `airflow connections export` writes them."""

MASK = "(masked: export it with --show-secrets)"
"""Stands where a value was. A file that holds it is not imported."""

# Columns of Airflow's tables, in characters.
LENGTHS = {"conn_type": 500, "host": 500, "schema": 500}
NAMES = {Kind.CONNECTIONS: 250, Kind.VARIABLES: 250, Kind.POOLS: 256}
# What Airflow's model takes; it makes None of any other id.
CONNECTION_ID = re.compile(r"[A-Za-z0-9_#!().:/\\-]+")
MAX_PORT = 65_535
LONGEST = 80
MAX_SLOTS = 2**31 - 1
PROBLEMS = 20
"""Lines in an error, at most."""

# What no database stores: NUL, and halves of surrogate pairs, which are no characters.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def checked(kind: Kind, raw: Mapping[Any, Any], source: str) -> Entries:
    """Entries of a file, each in its one form. Raises OperationError that names each wrong one and what is wrong."""
    found: Entries = {}

    def check(name: Any, value: Any) -> None:
        _name(kind, name)
        if MASK in json.dumps(value, default=str):
            raise WrongError(
                "its value is masked, and importing it would overwrite the real one;"
                f" export it with values: airflow-stack {kind} export --show-secrets"
            )
        if kind is Kind.CONNECTIONS and isinstance(value, dict) and value.get("conn_id", name) != name:
            raise WrongError("its conn_id is another one: remove it, since the key is its id")
        found[name] = CHECKS[kind](value)

    refuse_wrong(raw.items(), check, f"{source} is not imported")
    return found


def refuse_wrong(entries: Iterable[tuple[Any, Any]], check: Callable[[Any, Any], None], what: str) -> None:
    """Raises OperationError with a line for each entry that ``check`` finds wrong."""
    problems: list[str] = []
    for name, value in entries:
        try:
            check(name, value)
        except WrongError as error:
            problems.append(f"  {shown(name)}: {error}")
    if problems:
        more = [f"  and {len(problems) - PROBLEMS} more"] if len(problems) > PROBLEMS else []
        raise OperationError("\n".join([f"{what}; nothing was changed.", *problems[:PROBLEMS], *more]))


def shown(name: Any) -> str:
    """A name as it may be printed: in one line, and without what a terminal would obey."""
    text = str(name)
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def same(kind: Kind, one: Entry, other: Entry) -> bool:
    """Whether both mean the same: JSON objects and lists may be written with other spaces and in another order."""
    if kind is Kind.VARIABLES:
        return bool(_normal(one) == _normal(other))
    if kind is Kind.CONNECTIONS:
        return bool(one | {"extra": _normal(one["extra"])} == other | {"extra": _normal(other["extra"])})
    return bool(one == other)


def masked(kind: Kind, entry: Entry) -> Entry:
    """The entry without what must not be seen: a variable's value, a connection's password and values of extra."""
    if kind is Kind.VARIABLES:
        return MASK
    if kind is Kind.POOLS:
        return entry
    hidden = dict(entry)
    if hidden["password"] is not None:
        hidden["password"] = MASK
    if hidden["extra"] is not None:
        extra = _json(hidden["extra"])
        hidden["extra"] = json.dumps(dict.fromkeys(extra, MASK)) if isinstance(extra, dict) and extra else MASK
    return hidden


def connection(value: Any) -> Entry:
    """A connection, from the keys of Airflow's own export. Raises WrongError."""
    if not isinstance(value, dict):
        raise WrongError("must be a mapping or a URI, for example {conn_type: postgres, host: db.example.com}")
    given = dict(value)
    given.pop("conn_id", None)  # the key says it
    if "extra_dejson" in given:
        if given.get("extra"):
            raise WrongError("has extra and extra_dejson, which are the same thing: remove one")
        given["extra"] = given.pop("extra_dejson")
    if unknown := sorted(shown(key) for key in given if key not in FIELDS):
        raise WrongError(f"has unknown keys ({', '.join(unknown)}): known are {', '.join(FIELDS)}")
    if isinstance(given.get("extra"), dict | list):
        given["extra"] = _text_of(given["extra"], "extra") if given["extra"] else None
    found = {field: given.get(field) if given.get(field) != "" else None for field in FIELDS}
    found["port"] = _port(found["port"])
    for field in FIELDS:
        if field != "port":
            _text(field, found[field])
    if not found["conn_type"]:
        raise WrongError("conn_type is missing, for example postgres")
    return found


def variable(value: Any) -> Entry:
    """A variable's text: what is not text becomes JSON, as `airflow variables import` stores it. Raises WrongError."""
    text = value if isinstance(value, str) else _text_of(value, "its value")
    _text("its value", text)
    return text


def pool(value: Any) -> Entry:
    """A pool. Raises WrongError."""
    example = "for example {slots: 8, description: Calls of the API}"
    if not isinstance(value, dict) or "slots" not in value:
        raise WrongError(f"must be a mapping with slots, {example}")
    if unknown := sorted(shown(key) for key in value.keys() - {"slots", "description", "include_deferred"}):
        raise WrongError(f"has unknown keys ({', '.join(unknown)}): known are slots, description and include_deferred")
    slots, description, deferred = value["slots"], value.get("description"), value.get("include_deferred", False)
    if type(slots) is not int or not -1 <= slots <= MAX_SLOTS:
        raise WrongError("slots must be a whole number from 0, or -1 for no limit, for example 8")
    if not isinstance(deferred, bool):
        raise WrongError("include_deferred must be true or false")
    _text("description", description)
    return {"slots": slots, "description": description or "", "include_deferred": deferred}


CHECKS: dict[Kind, Callable[[Any], Entry]] = {
    Kind.CONNECTIONS: connection, Kind.VARIABLES: variable, Kind.POOLS: pool
}  # fmt: skip


def _name(kind: Kind, name: Any) -> None:
    longest = NAMES[kind]
    if not isinstance(name, str):
        raise WrongError('the name must be text: put it in quotes, for example "2024"')
    if not 1 <= len(name) <= longest:
        raise WrongError(f"the name has {len(name)} characters: Airflow takes 1 to {longest}")
    if kind is Kind.CONNECTIONS and not CONNECTION_ID.fullmatch(name):
        raise WrongError(r"Airflow's connection ids have letters, digits and _-.:/\#!() alone, for example my_database")
    if not name.isprintable() or name != name.strip():
        raise WrongError("the name has control characters, or spaces at an end, for example my_variable")


def _port(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,5}", value):
        value = int(value)
    if value is not None and (type(value) is not int or not 0 <= value <= MAX_PORT):
        raise WrongError(f"port must be a whole number from 0 to {MAX_PORT}, for example 5432")
    return value


def _text(field: str, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise WrongError(f'{field} must be text: put it in quotes, for example "1234"')
    if UNSTORABLE.search(value):
        raise WrongError(f"{field} has a character that no database stores: NUL, or half of a surrogate pair")
    if len(value) > LENGTHS.get(field, len(value)):
        raise WrongError(f"{field} has {len(value)} characters: Airflow takes {LENGTHS[field]}")


def _text_of(value: Any, field: str) -> str:
    """As Airflow writes it: connections in one line, variables with an indent of two."""
    try:
        return json.dumps(value, indent=None if field == "extra" else 2)
    except (TypeError, ValueError):
        raise WrongError(f"{field} holds what JSON has no word for, a date perhaps: put it in quotes") from None


def _json(text: str) -> Any:
    """What the text holds, where it is JSON; else None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _normal(value: Any) -> Any:
    found = _json(value) if isinstance(value, str) else None
    return json.dumps(found, sort_keys=True) if isinstance(found, dict | list) else value
