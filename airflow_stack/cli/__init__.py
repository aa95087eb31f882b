"""The command line: a thin face on config, backends and operations, one file a group of commands."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer

from airflow_stack.cli import backup, compare, dags, describe, doctor, entries, lifecycle, operate, preview
from airflow_stack.cli.app import app
from airflow_stack.errors import StackError, Terminated

# Importing a group of commands registers it.
__all__ = [
    "app", "backup", "compare", "dags", "describe", "doctor", "entries", "lifecycle", "main", "operate", "preview"
]  # fmt: skip


def main() -> None:
    """Run the command line. A bad config ends with exit code 2, an interrupt with 130, every other failure with 1."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(prog_name="airflow-stack")
    except StackError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        # Docker's library is loaded where it is needed alone.
        if not (refused := _of_docker(error)):
            raise
        typer.echo(f"error: {refused}", err=True)
        sys.exit(1)


def _of_docker(error: Exception) -> str:
    """What Docker refuses, in its words; empty for every other error."""
    if type(error).__module__ != "docker.errors":
        return ""
    told = str(getattr(error, "explanation", None) or error)
    return f"Docker refuses: {told}\nHow the stack is: airflow-stack status; `airflow-stack up` brings it back."


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python's signature
    raise Terminated
