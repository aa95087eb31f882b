"""Compare stacks, and draw one, without running it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from airflow_stack.cli.app import HERE, Directory, Stack, app


@app.command()
def graph(
    stack: Stack,
    cwd: Directory = HERE,
    form: Annotated[
        Literal["mermaid", "svg"] | None, typer.Option("--format", help="Default: by the file's suffix, else mermaid.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")] = None,
) -> None:
    """Draw a stack: its containers or services, what stands between them, and what they use.

    Example: airflow-stack graph -s prod -o topology.svg
    """
    from airflow_stack.operations.graph import write

    drawn = write(cwd, stack, form, output)
    if output is None:
        typer.echo(drawn, nl=False)


@app.command()
def diff(
    left: Annotated[str, typer.Argument(metavar="STACK", help="Stack: Pulumi.<stack>.yaml.")],
    right: Annotated[str, typer.Argument(metavar="OTHER", help="The stack to compare it with.")],
    cwd: Directory = HERE,
    json: Annotated[bool, typer.Option("--json", help="For a script, with whole values.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 where a difference is to be checked.")
    ] = False,
) -> None:
    """Show what differs between two stacks: roles, sizes, image and Airflow options, and why.

    Example: airflow-stack diff local prod
    """
    from airflow_stack.operations.diff import diff as compare
    from airflow_stack.operations.diff.report import as_json, text

    comparison = compare(cwd, left, right)
    typer.echo((as_json if json else text)(comparison), nl=False)
    if exit_code and comparison.to_check:
        sys.exit(1)
