"""Say what is missing, and what mends it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from airflow_stack.cli.app import HERE, Directory, app, say


@app.command()
def doctor(
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", help="Look at this stack too, as it runs. Default: the machine.")
    ] = None,
    cwd: Directory = HERE,
    deep: Annotated[
        bool, typer.Option("--deep", help="On AWS, ask the database too, by a task that takes a minute.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="All findings, for a script.")] = False,
) -> None:
    """Say what this machine and a stack have, what is missing, what that costs, and the command that mends it.

    Example: airflow-stack doctor -s local
    """
    say("looking at this machine, its network and its stack files")
    from airflow_stack.operations.doctor import examine

    report = examine(cwd, stack, say, deep=deep)
    typer.echo(report.json() if json else report.text(terminal=sys.stdout.isatty()))
    sys.exit(report.exit_code)
