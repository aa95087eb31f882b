"""What the configurator says about its work. Secrets are named, never shown."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from urllib.parse import urlsplit

from airflow_stack.airflow.secrets import generated
from airflow_stack.config import StackConfig
from airflow_stack.operations.init.database_sql import dialect_of, render
from airflow_stack.operations.init.draft import Draft, same
from airflow_stack.operations.init.fields import MISSING
from airflow_stack.operations.inspect import MASKED


def changes(before: Draft, after: Draft) -> list[str]:
    """A line for each key that is written or removed."""
    old, new = before.leaves(), after.leaves()
    lines = [
        f"  {key}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in new.items()
        if not same(old.get(key, MISSING), value)
    ]
    for key in old.keys() - new.keys():
        default = after.field(key).default
        lines.append(f"  {key}: removed" + ("" if default is MISSING else f" (default: {json.dumps(default)})"))
    return sorted(lines) + [f"  {key}: {MASKED}" for key in sorted(after.given())]


def summary(before: Draft, after: Draft, file: str, *, new: bool) -> list[str]:
    """What was written, and where."""
    lines = changes(before, after)
    if lines:
        return [f"{'new: ' if new else ''}{file}", *lines]
    return [f"new: {file}, with every default" if new else f"{file} stays as it is: nothing to change"]


def secrets_left(config: StackConfig, after: Draft, kept: Mapping[str, str]) -> list[str]:
    """Which secrets exist, and which the first start will make."""
    known = sorted({*after.sealed, *kept})
    left = [secret.key for secret in generated(config) if secret.key not in known]
    lines = [f"secrets that are set: {', '.join(known)}"] if known else []
    return [*lines, f"secrets made at the first start: {', '.join(left)}"] if left else lines


def administrators_part(config: StackConfig, after: Draft, kept: Mapping[str, str]) -> list[str]:
    """The SQL for an external database; nothing for one in a container."""
    if config.database.kind != "external":
        return []
    url = after.given().get("database_url") or kept.get("database_url")
    again = f"airflow-stack database-sql -s {shlex.quote(after.stack)}"
    lines = ["", f"For the administrator of the database (again: {again}):", "",
             render(config, dialect_of(url) if url else None)]  # fmt: skip
    if url:
        parts = urlsplit(url)
        if (parts.username, parts.path.strip("/")) != (config.database.user, config.database.name):
            lines.append("attention: database_url names another user or database than database.user and database.name")
    return lines
