"""``backup --to FILE|s3://bucket/key --stack NAME``: the metadata database at one moment, and its Fernet key."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from airflow_stack_runtime.verbs import backup_key, backup_place, backup_tables
from airflow_stack_runtime.verbs.backup_file import Manifest, Writer
from airflow_stack_runtime.verbs.backup_session import BackupError, connected, run, say


def backup(arguments: list[str]) -> dict[str, Any]:
    """Write it. Airflow may go on working: all tables are read in one transaction, which sees one moment."""
    parser = argparse.ArgumentParser(prog="backup")
    parser.add_argument("--to", required=True)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--passphrase-secret")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    passphrase = backup_key.read_passphrase(options.passphrase_secret)
    if not passphrase:
        raise BackupError("there is no passphrase")
    with backup_place.written(options.to) as path:
        with path.open("xb") as file, connected() as connection:
            manifest = save(connection, options.stack, passphrase, Writer(file))
        size = path.stat().st_size
    return {
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "bytes": size,
        "airflow": manifest.airflow,
        "created_at": manifest.created_at,
        "seconds": round(time.monotonic() - started, 1),
    }


def save(connection: Any, stack: str, passphrase: bytes, writer: Writer) -> Manifest:
    """Write everything that an open connection shows, and the key."""
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with connection.cursor() as cursor:
        everything = backup_tables.columns(cursor)
        tables = backup_tables.saved(everything)
        revisions = backup_tables.revisions(cursor, everything)
        if not revisions:
            raise BackupError("the database has no Airflow in it: bring the stack up first")
        created_at = datetime.now(UTC).isoformat(timespec="seconds")
        saved = []
        for name, columns in tables.items():
            saved.append(backup_tables.dump(cursor, name, columns, writer))
            if saved[-1].rows:
                say(f"{name}: {saved[-1].rows:,} rows, {sum(part.size for part in saved[-1].parts) / 1e6:,.1f} MB")
        # After the rows: a sequence is no part of the snapshot, and may be ahead, not behind.
        sequences = backup_tables.sequences(cursor, tables)
    manifest = Manifest(stack, version("apache-airflow"), revisions, created_at, sequences, saved)
    text = manifest.text()
    writer.finish(text, backup_key.seal(backup_key.own_key(), passphrase, text))
    return manifest


if __name__ == "__main__":
    run("backup", backup)
