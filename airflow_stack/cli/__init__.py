"""The command line: a thin face on config, backends and operations, one file a group of commands."""

from __future__ import annotations

import sys

import typer

from airflow_stack.cli import backup, compare, dags, describe, doctor, entries, lifecycle, operate, preview
from airflow_stack.cli.app import app
from airflow_stack.errors import StackError

# Importing a group of commands registers it.
__all__ = [
    "app", "backup", "compare", "dags", "describe", "doctor", "entries", "lifecycle", "main", "operate", "preview"
]  # fmt: skip


def main() -> None:
    """Run the command line. A bad config ends with exit code 2, everything else that went wrong with 1."""
    try:
        app(prog_name="airflow-stack")
    except StackError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
