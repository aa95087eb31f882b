"""See what a change would do before it is merged."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from airflow_stack.cli.app import HERE, Directory, app, say


@app.command()
def preview(
    stacks: Annotated[
        list[str] | None, typer.Option("--stack", "-s", help="Stack: Pulumi.<stack>.yaml. Repeatable. Default: all.")
    ] = None,
    cwd: Directory = HERE,
    base: Annotated[
        str | None, typer.Option(metavar="REF", help="Compare with where HEAD has left REF. Default: main.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="All changes, as data.")] = False,
) -> None:
    """Show what a change would do to each stack, what it costs and what the policies say, as a comment in Markdown.

    Example: airflow-stack preview -s prod --base main
    """
    from airflow_stack.operations.preview import preview as look
    from airflow_stack.operations.preview.json_text import as_json
    from airflow_stack.operations.preview.markdown import render

    report = look(cwd, stacks or (), base, say)
    typer.echo(as_json(report) if json else render(report), nl=False)
    sys.exit(1 if report.failed else 0)
