"""What a backup knows of PostgreSQL: which tables, sequences and foreign keys there are, and how rows come and go."""

from __future__ import annotations

from typing import Any

from airflow_stack_runtime.verbs.backup_file import Manifest, Table, Writer

# Sessions would let whoever has the file in, and Celery's results are of the last minutes alone.
LEFT_OUT = ("session", "celery_taskmeta", "celery_tasksetmeta")
# Tables that `airflow db migrate` and `airflow db clean` have put aside.
LEFT_OUT_PREFIX = "_airflow_"
REVISIONS = "alembic_version"

# What text looks like must not depend on the server, as in pg_dump. And a server that can (14 and later) looks
# every two seconds whether anybody still waits: who interrupts a restore does not wait for its locks.
SETTINGS = """
SET client_encoding = 'UTF8'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET timezone = 'UTC';
SET extra_float_digits = 3; SET standard_conforming_strings = on; SET statement_timeout = 0;
SELECT set_config(name, '2000', false) FROM pg_settings WHERE name = 'client_connection_check_interval'
"""

COLUMNS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0
AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY c.relname, a.attnum
"""

SEQUENCES = """
SELECT s.relname, t.relname FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_class t ON t.oid = d.refobjid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
AND t.relnamespace = current_schema()::regnamespace
ORDER BY s.relname
"""

FOREIGN_KEYS = """
SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
WHERE k.contype = 'f' AND c.relname = ANY(%(tables)s) AND r.relname = ANY(%(tables)s)
AND c.relnamespace = current_schema()::regnamespace AND r.relnamespace = current_schema()::regnamespace
ORDER BY c.relname, k.conname
"""


def columns(cursor: Any) -> dict[str, list[str]]:
    """The columns of every table of the schema, by table."""
    cursor.execute(COLUMNS)
    found: dict[str, list[str]] = {}
    for table, column in cursor.fetchall():
        found.setdefault(table, []).append(column)
    return found


def saved(tables: dict[str, list[str]]) -> dict[str, list[str]]:
    """Those that belong into a backup."""
    return {
        name: own
        for name, own in tables.items()
        if name not in LEFT_OUT and not name.startswith((LEFT_OUT_PREFIX, REVISIONS))
    }


def revisions(cursor: Any, tables: dict[str, list[str]]) -> dict[str, str]:
    """The migration that the database is at, by Alembic's table: Airflow's, and a provider's of its own."""
    found = {}
    for table in sorted(name for name in tables if name.startswith(REVISIONS)):
        cursor.execute(_sql("SELECT version_num FROM {}", table))
        if row := cursor.fetchone():
            found[table] = row[0]
    return found


def sequences(cursor: Any, tables: dict[str, list[str]]) -> dict[str, int]:
    """The next value of each sequence that numbers rows of these tables."""
    cursor.execute(SEQUENCES)
    found = {}
    for sequence, table in cursor.fetchall():
        if table in tables:
            cursor.execute(_sql("SELECT last_value, is_called FROM {}", sequence))
            value, is_called = cursor.fetchone()
            found[sequence] = value + int(is_called)
    return found


def dump(cursor: Any, name: str, own: list[str], writer: Writer) -> Table:
    """Write the rows of a table."""
    rows = writer.table(name)
    cursor.copy_expert(_sql("COPY {} ({}) TO STDOUT", name, own), rows)
    return Table(name, own, cursor.rowcount, rows.close())


def empty(cursor: Any, names: list[str]) -> None:
    """Take all rows away."""
    from psycopg2 import sql

    cursor.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, names))))


def load(cursor: Any, table: Table, content: Any) -> int:
    """Put rows into a table, by the names of its columns: their order depends on how the database was made."""
    cursor.copy_expert(_sql("COPY {} ({}) FROM STDIN", table.name, table.columns), content)
    return int(cursor.rowcount)


def drop_foreign_keys(cursor: Any, names: list[str]) -> list[tuple[str, str, str]]:
    """Drop the foreign keys among these tables; they come back with ``add_foreign_keys``, which checks every row.

    What `pg_restore --disable-triggers` does instead is for superusers, which no role of RDS is.
    """
    cursor.execute(FOREIGN_KEYS, {"tables": names})
    found: list[tuple[str, str, str]] = cursor.fetchall()
    for table, name, _ in found:
        cursor.execute(_sql("ALTER TABLE {} DROP CONSTRAINT {}", table, name))
    return found


def add_foreign_keys(cursor: Any, found: list[tuple[str, str, str]]) -> None:
    """Add what was dropped."""
    from psycopg2 import sql

    for table, name, definition in found:
        cursor.execute(_sql("ALTER TABLE {} ADD CONSTRAINT {} ", table, name) + sql.SQL(definition))


def restart(cursor: Any, manifest: Manifest) -> None:
    """Let each sequence go on where the backup's was. Unlike ``setval``, this is undone with the transaction."""
    for sequence, value in manifest.sequences.items():
        cursor.execute(_sql("ALTER SEQUENCE {} RESTART WITH {}", sequence, value))


def analyze(cursor: Any, names: list[str]) -> None:
    """Let the planner know how large the tables are now, before the scheduler asks."""
    for name in names:
        cursor.execute(_sql("ANALYZE {}", name))


def _sql(text: str, *values: str | int | list[str]) -> Any:
    """A statement with quoted names: one, or several with commas between; a number stands as it is."""
    from psycopg2 import sql

    def quoted(value: str | int | list[str]) -> Any:
        if isinstance(value, list):
            return sql.SQL(", ").join(map(sql.Identifier, value))
        return sql.Literal(value) if isinstance(value, int) else sql.Identifier(value)

    return sql.SQL(text).format(*map(quoted, values))
