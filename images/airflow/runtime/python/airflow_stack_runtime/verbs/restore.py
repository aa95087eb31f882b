"""``restore --from FILE|s3://bucket/key``: what a backup holds takes the place of what the metadata database holds.

In one transaction: whatever goes wrong, the database is as it was before. ``--check`` says whether it would go.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from airflow_stack_runtime import migrations
from airflow_stack_runtime.verbs import backup_file, backup_key, backup_place, backup_tables
from airflow_stack_runtime.verbs.backup_file import Manifest, Verified
from airflow_stack_runtime.verbs.backup_session import BackupError, connected, run, say

# Milliseconds to wait for somebody else's lock. Airflow is stopped; who is left does not work for long.
LOCK_TIMEOUT = 30_000

# What no new stack has, by what it is called: rows, of which none may be lost unasked.
HELD = {
    "DAG runs": "SELECT count(*) FROM dag_run",
    "connections": "SELECT count(*) FROM connection",
    "variables": "SELECT count(*) FROM variable",
    "pools": "SELECT count(*) FROM slot_pool WHERE pool <> 'default_pool'",
    "users": "SELECT count(*) FROM ab_user WHERE username <> %(admin)s",
}


def restore(arguments: list[str]) -> dict[str, Any]:
    """Verify file, passphrase and database; then, without ``--check``, do it."""
    parser = argparse.ArgumentParser(prog="restore")
    parser.add_argument("--from", required=True, dest="source")
    parser.add_argument("--replace", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--passphrase-secret")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    passphrase = backup_key.read_passphrase(options.passphrase_secret)
    with backup_place.read(options.source) as path:
        with path.open("rb") as file:
            verified = backup_file.verify(file)
        key = backup_key.unseal(verified.key, passphrase, verified.manifest_text)
        with connected() as connection, connection.cursor() as cursor:
            admin = os.environ.get("AIRFLOW_STACK_ADMIN_USERNAME", "admin")
            check(cursor, verified.manifest, admin, replace=options.replace)
            unreadable = [] if options.check else put(cursor, path, verified, key, admin)
    manifest = verified.manifest
    return {
        "stack": manifest.stack,
        "created_at": manifest.created_at,
        "airflow": manifest.airflow,
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "unreadable": unreadable,
        "seconds": round(time.monotonic() - started, 1),
    }


def check(cursor: Any, manifest: Manifest, admin: str, *, replace: bool) -> None:
    """Raises BackupError where the backup does not fit into this database, or would replace something unasked."""
    tables = backup_tables.columns(cursor)
    revisions = backup_tables.revisions(cursor, tables)
    if revisions != manifest.revisions:
        theirs, ours = (", ".join(found.values()) or "none" for found in (manifest.revisions, revisions))
        raise BackupError(
            f"the backup is of Airflow {manifest.airflow} (migration {theirs}), and this database is at {ours}: bring"
            f" up a stack of Airflow {manifest.airflow}, restore into it, and upgrade it then"
        )
    for table in manifest.tables:
        if missing := set(table.columns) - set(tables.get(table.name, ())):
            what = f"columns of {table.name}: {', '.join(sorted(missing))}" if table.name in tables else table.name
            raise BackupError(f"the backup has what this database does not: {what}")
    if replace:
        return
    held = []
    for what, query in HELD.items():
        cursor.execute(query, {"admin": admin})
        if count := cursor.fetchone()[0]:
            held.append(f"{count:,} {what}")
    if held:
        raise BackupError(f"this stack is not empty: it has {', '.join(held)}. Back it up, and add --replace")


def put(cursor: Any, path: Path, verified: Verified, key: str, admin: str) -> list[str]:
    """Replace all rows, in the open transaction. Returns where values stand that the source could not read either."""
    manifest = verified.manifest
    cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
    # As an initialization holds it: one that starts now waits, and so does every container of Airflow.
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (migrations.LOCK,))
    if not cursor.fetchone()[0]:
        raise BackupError("an initialization or another restore is at work: wait for its end")
    names = [table.name for table in manifest.tables]
    present = backup_tables.columns(cursor)
    password = password_of(cursor, admin)
    foreign_keys = backup_tables.drop_foreign_keys(cursor, names)
    # Sessions too: they belong to users by number, and a number is another user's now.
    backup_tables.empty(cursor, names + [name for name in backup_tables.LEFT_OUT if name in present])
    load(cursor, path, manifest)
    count, unreadable = backup_key.rotate(cursor, key, backup_key.own_key())
    say(f"{count:,} values of connections, variables and triggers go over to this stack's Fernet key")
    # Jobs of containers that are not here: the scheduler takes what they have left at its first look.
    cursor.execute("UPDATE job SET state = 'failed', end_date = now() WHERE state = 'running'")
    if password is not None:
        # The stack's own secret goes on opening it; who has lost the other stack has lost that one's password.
        cursor.execute("UPDATE ab_user SET password = %s WHERE username = %s", (password, admin))
    backup_tables.restart(cursor, manifest)
    backup_tables.add_foreign_keys(cursor, foreign_keys)
    backup_tables.analyze(cursor, names)
    return unreadable


def load(cursor: Any, path: Path, manifest: Manifest) -> None:
    """Fill the empty tables."""
    tables = {table.name: table for table in manifest.tables}
    with path.open("rb") as file:
        for name, content in backup_file.contents(file):
            rows = backup_tables.load(cursor, tables[name], content)
            if rows != tables[name].rows:
                raise BackupError(f"{name} has {rows} rows, and the backup says {tables[name].rows}")
            say(f"{name}: {rows:,} rows")


def password_of(cursor: Any, username: str) -> str | None:
    """The hash of a user's password, None where there is no such user."""
    cursor.execute("SELECT password FROM ab_user WHERE username = %s", (username,))
    row = cursor.fetchone()
    return row[0] if row else None


if __name__ == "__main__":
    run("restore", restore)
