"""Which migration the metadata database is at, and which one the installed Airflow expects. Imports no Airflow."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_stack_runtime.options import option

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

LOCK = 7_304_501_220
"""Advisory lock that an initialization holds: any number that nobody uses. Airflow itself uses 1 and 2."""

APART = 3
"""Major version of Airflow from which on tasks, and their workers, open no database connection."""

POLL = 0.3
"""Seconds between two looks at a database that is not ready."""


def installed() -> str:
    """Return the version of Airflow in this image."""
    from importlib.metadata import version

    return version("apache-airflow")


def major() -> int:
    """Return the first number of that version."""
    return int(installed().partition(".")[0])


class DatabaseError(Exception):
    """The database cannot be used as it is. The message is one sentence for a person, without secrets."""


class DatabaseUnreachableError(DatabaseError):
    """Nobody answers yet; waiting may help."""


Number = tuple[int, ...]
"""Of a version of Airflow."""


@dataclass(frozen=True)
class Script:
    """One migration of the installed Airflow."""

    parents: frozenset[str]
    since: Number
    """The version that brought it."""


@cache
def scripts() -> dict[str, Script]:
    """Return all migrations that the installed Airflow knows.

    Alembic would import a hundred scripts for this, which takes a second.
    """
    spec = find_spec("airflow")
    if spec is None or not spec.submodule_search_locations:
        raise DatabaseError("Airflow is not installed in this image.")
    folder = Path(spec.submodule_search_locations[0], "migrations", "versions")
    known = {}
    for script in folder.glob("*.py"):
        named = re.match(r"\d+_(\d+)_(\d+)_(\d+)_", script.name)
        text = script.read_text()
        down = re.findall(r"^down_revision\s*(?::.*)?=\s*(.+)$", text, re.MULTILINE)
        parents = frozenset(re.findall(r"[\"'](\w+)[\"']", " ".join(down)))
        for revision in re.findall(r"^revision\s*(?::.*)?=\s*[\"'](\w+)[\"']", text, re.MULTILINE):
            known[revision] = Script(parents, numbers(named.groups()) if named else ())
    return known


def revisions() -> tuple[frozenset[str], str]:
    """Return all revisions that the installed Airflow knows, and the one that is nobody's parent: the head."""
    known = frozenset(scripts())
    heads = known.difference(*(script.parents for script in scripts().values()))
    if len(heads) != 1:
        raise DatabaseError(f"Airflow's migrations do not have one head but {len(heads)}.")
    return known, next(iter(heads))


def numbers(parts: Iterable[str]) -> Number:
    """Return a version as what can be compared."""
    return tuple(int(part) for part in parts)


def connect() -> Engine:
    """Return an engine that opens a connection at each use and keeps none."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    url = option("database", "sql_alchemy_conn")
    timeout = {"connect_timeout": 5} if url.startswith(("postgres", "mysql")) else {}
    return create_engine(url, poolclass=NullPool, connect_args=timeout, hide_parameters=True)


REFUSALS = (
    (("password authentication failed", "access denied for user", "no password supplied"), "refuses the password"),
    (("does not exist", "unknown database"), "does not have the database or the user that it was asked for"),
    (("no pg_hba.conf entry", "not allowed to connect"), "accepts no connections from here"),
)


def explain(error: Exception, url: object) -> DatabaseError:
    """Turn a driver's error into a sentence. The drivers' own text may name the user, and is many lines long."""
    text = str(error).lower()
    where = f"The database server {getattr(url, 'host', None) or 'on the local socket'}"
    for signs, meaning in REFUSALS:
        if any(sign in text for sign in signs):
            return DatabaseError(f"{where} {meaning}: check user, password and database name.")
    return DatabaseUnreachableError(f"{where} does not answer ({type(error).__name__}).")


def current_revision(connection: Connection) -> str | None:
    """Return the migration that the database is at, None for a database without Airflow's tables."""
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def check_not_newer(revision: str | None) -> None:
    """Refuse a database that a newer Airflow has migrated.

    Raises:
        DatabaseError: this Airflow does not know the revision.
    """
    if revision is not None and revision not in scripts():
        raise DatabaseError(
            f"The database is at migration {revision}, which Airflow {installed()} does not know: a newer Airflow made"
            " it, and no database goes back. Nothing was changed. Set airflow-stack:airflow.version to that newer one,"
            " or restore a backup of before its upgrade into a new stack."
        )


def check_is_of_this_line(revision: str | None, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to migrate a database of another release line, unless its version is named.

    A new image may be no more than a new default: whoever upgrades says so, after a backup.

    Raises:
        DatabaseError: it is older than the line of the installed Airflow, and nobody has asked for the upgrade.
    """
    if revision is None:
        return
    own = numbers(re.findall(r"\d+", installed())[:3])
    since = scripts()[revision].since
    later = min((script.since for script in scripts().values() if revision in script.parents), default=None)
    # Nothing to migrate; of the same line; broken off amid the migrations of one version, which is gone on with.
    if later is None or later > (*own[:2], 0) or later == since:
        return
    named = environment.get("AIRFLOW_STACK_UPGRADE_FROM", "")
    if named and since <= numbers(named.split(".")) < later:
        return
    wrong = f" airflow-stack:airflow.upgrade_from says {named}, which it is not." if named else ""
    raise DatabaseError(
        f"The database is of Airflow {_written(since)} or later, before {_written(later)} (migration {revision}), and"
        f" this is Airflow {installed()}: it is upgraded only when that is asked for.{wrong} Nothing was changed."
        " To stay, set airflow-stack:airflow.version to the version that it has run with. To upgrade, back it up with"
        " that version (airflow-stack backup), then set airflow-stack:airflow.upgrade_from to it."
    )


def _written(number: Number) -> str:
    return ".".join(str(part) for part in number)


def initialization_runs(connection: Connection) -> bool:
    """Whether somebody holds the lock of an initialization."""
    from sqlalchemy import text

    if connection.dialect.name == "postgresql":
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND "
        halves = f"classid = {LOCK >> 32} AND objid = {LOCK & 0xFFFFFFFF}"
        database = " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        return bool(connection.execute(text(query + halves + database)).scalar())
    if connection.dialect.name == "mysql":
        return not connection.execute(text(f"SELECT is_free_lock('airflow_stack_{LOCK}')")).scalar()
    return False


def lock(connection: Connection, seconds: int) -> bool:
    """Take the lock of an initialization, which ends with the connection. False if it is not free in time."""
    from sqlalchemy import text

    if connection.dialect.name == "mysql":
        return bool(connection.execute(text(f"SELECT get_lock('airflow_stack_{LOCK}', {seconds})")).scalar())
    if connection.dialect.name != "postgresql":
        return True
    query = text(f"SELECT pg_try_advisory_lock({LOCK})")
    return any(connection.execute(query).scalar() for _ in attempts(seconds))


def retire_jobs(hostname: str) -> None:
    """Mark the jobs that an earlier life of this container left running as failed.

    A container that starts has no other process, so they are dead. The scheduler then repeats their tasks at its next
    look, instead of waiting until their heartbeats are too old; triggers and queued tasks find a new owner as fast.
    """
    from sqlalchemy import text

    with connect().begin() as connection:
        now = "utc_timestamp(6)" if connection.dialect.name == "mysql" else "now()"
        query = f"UPDATE job SET state = 'failed', end_date = {now} WHERE hostname = :hostname AND state = 'running'"  # noqa: S608
        connection.execute(text(query), {"hostname": hostname})


def attempts(seconds: float) -> Iterable[int]:
    """Yield at once, then every ``POLL`` seconds until the time is over."""
    end = time.monotonic() + seconds
    number = 0
    while True:
        yield number
        number += 1
        if time.monotonic() + POLL > end:
            return
        time.sleep(POLL)


def wait_until_migrated(seconds: float) -> None:
    """Return as soon as the database is at the head, and no initialization is at work.

    Raises:
        DatabaseError: it is not so after that many seconds, or waiting cannot help.
    """
    from sqlalchemy.exc import DBAPIError

    engine = connect()
    _, head = revisions()
    problem = DatabaseError("The database was not tried.")
    for number in attempts(seconds):
        try:
            with engine.connect() as connection:
                revision = current_revision(connection)
                check_not_newer(revision)
                if revision == head and not initialization_runs(connection):
                    return
                problem = DatabaseError(
                    f"The database is at migration {revision or 'none'}, {head} is needed: did the initialization fail?"
                )
        except DBAPIError as error:
            problem = explain(error, engine.url)
        if number == 0:
            print(f"Waiting up to {seconds:.0f} s for the metadata database to be initialized.", flush=True)
    raise DatabaseError(f"{problem} Gave up after {seconds:.0f} s.")
