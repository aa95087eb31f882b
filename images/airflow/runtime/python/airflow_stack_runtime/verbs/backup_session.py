"""What backup and restore share: a connection, and errors that are one sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from airflow_stack_runtime import database, migrations
from airflow_stack_runtime.options import OptionError, option
from airflow_stack_runtime.verbs.backup_file import BackupFileError
from airflow_stack_runtime.verbs.backup_tables import SETTINGS

RESULT = "airflow-stack-result: "
TIMEOUT = 15
"""Seconds to wait for the database server."""


class BackupError(Exception):
    """One sentence for a person."""


def say(sentence: str) -> None:
    """Print a line of progress at once."""
    print(sentence, flush=True)


@contextmanager
def connected() -> Iterator[Any]:
    """A connection to the metadata database: committed at the end, and as it was before after any error.

    Raises BackupError where it is not PostgreSQL, or can't be reached.
    """
    url = urlsplit(option("database", "sql_alchemy_conn"))
    if database.dialect(url) != "postgresql":
        raise BackupError(
            "the metadata database is MySQL, of which this makes no backup: use mysqldump --single-transaction, and"
            " keep the Fernet key with it"
        )
    try:
        connection = database.connect(url, TIMEOUT)
    except Exception as error:
        raise BackupError(str(migrations.explain(error, SimpleNamespace(host=url.hostname))).rstrip(".")) from None
    try:
        with connection.cursor() as cursor:
            cursor.execute(SETTINGS)
        connection.commit()
        yield connection
        connection.commit()
    finally:
        connection.close()


def run(name: str, program: Callable[[list[str]], dict[str, Any]]) -> None:
    """Run a program with this process's arguments, print its result as JSON, or end with one sentence."""
    try:
        result = program(sys.argv[1:])
    except (BackupError, BackupFileError, OptionError) as error:
        sys.exit(f"{name}: {error}")
    except Exception as error:
        sys.exit(f"{name}: {_plain(error)}")
    say(RESULT + json.dumps(result, sort_keys=True))


def _plain(error: Exception) -> str:
    """What a library raises. A value of a row may be a secret: PostgreSQL quotes one in errors of class 22."""
    code = getattr(error, "pgcode", None)
    if code is not None:
        text = "a value does not fit its column" if code.startswith("22") else str(error.diag.message_primary)  # type: ignore[attr-defined]
        return f"the database refuses: {text} ({code})"
    if hasattr(error, "response") or isinstance(error, OSError):  # of S3 or Secrets Manager; of the disk
        return str(error)
    return f"it did not work ({type(error).__name__})"
