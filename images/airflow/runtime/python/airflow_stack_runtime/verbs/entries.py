"""Connections, variables and pools of the metadata database, for `airflow-stack connections import` and its like.

``entries read KIND`` prints ``airflow-stack-result: {"entries": {NAME: ENTRY}, "unreadable": [NAME]}``.
``entries write KIND`` reads ``{"create": {NAME: ENTRY}, "update": {NAME: ENTRY}}`` from standard input, or from an
argument (base64 of zlib), and does all of it or nothing.

An entry is a connection's columns, a variable's text, a pool's columns. Tables are used in place of Airflow's models:
those decrypt a row as soon as it is loaded, so that one row of another Fernet key would hide all others.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any

MARKER = "airflow-stack-result: "
PLAIN = ("conn_type", "description", "login", "host", "port", "schema")
"""Columns of a connection that are not encrypted."""


def encrypted(column: str, flag: str, value: str | None) -> dict[str, Any]:
    """The column of an encrypted value, and the one that says whether it is: without a Fernet key it is not."""
    from airflow.models.crypto import get_fernet

    if value is None:
        return {column: None, flag: False}
    fernet = get_fernet()
    return {column: fernet.encrypt(value.encode()).decode(), flag: bool(fernet.is_encrypted)}


def decrypted(value: str | None, is_encrypted: bool) -> str | None:
    """Raises ValueError for what this stack's Fernet key does not open."""
    from airflow.models.crypto import get_fernet
    from cryptography.fernet import InvalidToken

    if not value or not is_encrypted:
        return value
    try:
        return str(get_fernet().decrypt(value.encode()).decode())
    except InvalidToken:
        raise ValueError from None


def connection(row: Mapping[str, Any]) -> dict[str, Any]:
    """Of a row. What is empty is None: Airflow makes no difference."""
    plain = {column: None if row[column] == "" else row[column] for column in PLAIN}
    password = decrypted(row["password"], row["is_encrypted"])
    return plain | {"password": password or None, "extra": decrypted(row["extra"], row["is_extra_encrypted"]) or None}


def connection_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a connection."""
    password = encrypted("password", "is_encrypted", entry["password"])
    extra = encrypted("extra", "is_extra_encrypted", entry["extra"])
    return {column: entry[column] for column in PLAIN} | password | extra


def variable(row: Mapping[str, Any]) -> str:
    """Of a row."""
    return decrypted(row["val"], row["is_encrypted"]) or ""


def variable_row(entry: str) -> dict[str, Any]:
    """The columns of a variable but its description, which stays."""
    return encrypted("val", "is_encrypted", entry)


def pool(row: Mapping[str, Any]) -> dict[str, Any]:
    """Of a row."""
    deferred = bool(row["include_deferred"])
    return {"slots": row["slots"], "description": row["description"] or "", "include_deferred": deferred}


def pool_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a pool."""
    return dict(entry)


# By kind: the table, its column of names, an entry of a row, a row of an entry.
KINDS: dict[str, tuple[str, str, Callable[..., Any], Callable[..., dict[str, Any]]]] = {
    "connections": ("connection", "conn_id", connection, connection_row),
    "variables": ("variable", "key", variable, variable_row),
    "pools": ("slot_pool", "pool", pool, pool_row),
}


def read(kind: str) -> dict[str, Any]:
    """All entries of a kind."""
    from airflow.utils.session import create_session

    _, name, entry_of, _ = KINDS[kind]
    entries: dict[str, Any] = {}
    unreadable: list[str] = []
    with create_session() as session:
        for row in session.execute(_table(kind).select()).mappings():
            try:
                entries[row[name]] = entry_of(row)
            except ValueError:
                unreadable.append(row[name])
    return {"entries": entries, "unreadable": sorted(unreadable)}


def write(kind: str, data: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """All of it in one transaction. Ends the program with a sentence where the database refuses."""
    from airflow.utils.session import create_session
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    _, name, _, row_of = KINDS[kind]
    table = _table(kind)
    try:
        with create_session() as session:
            for key, entry in data["create"].items():
                session.execute(table.insert().values({name: key} | row_of(entry)))
            for key, entry in data["update"].items():
                statement = table.update().where(table.c[name] == key).values(row_of(entry))
                if session.execute(statement).rowcount != 1:
                    raise LookupError(key)
    except (IntegrityError, LookupError):
        sys.exit(f"Somebody else has changed the {kind} at the same moment. Nothing was changed: run it again.")
    except SQLAlchemyError as error:
        # Its text holds the values.
        sys.exit(f"The database does not take it ({type(error).__name__}). Nothing was changed.")
    return {"written": len(data["create"]) + len(data["update"])}


def _table(kind: str) -> Any:
    """Airflow's own description of it."""
    from airflow.models import Connection, Pool, Variable

    return next(model.__table__ for model in (Connection, Variable, Pool) if model.__tablename__ == KINDS[kind][0])


def main(arguments: list[str]) -> None:
    """Do as it is told, and answer in one line."""
    match arguments:
        case ["read", kind] if kind in KINDS:
            answer = read(kind)
        case ["write", kind] if kind in KINDS:
            answer = write(kind, json.load(sys.stdin.buffer))
        case ["write", kind, data] if kind in KINDS:
            answer = write(kind, json.loads(zlib.decompress(base64.b64decode(data))))
        case _:
            sys.exit(f"usage: entries read|write {'|'.join(KINDS)}")
    print(MARKER + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
