"""Check and run DAGs without a stack."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli.app import HERE, Directory, Stack, app, say

dags = typer.Typer(help="Check and run DAGs without the stack.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(dags, name="dags")

Connections = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Connections, .json or .yaml, as Airflow exports them.")
]
Variables = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Variables, .json or .yaml, as Airflow exports them.")
]


@dags.command(name="check")
def import_all(
    stack: Stack,
    cwd: Directory = HERE,
    *,
    connections: Connections = None,
    variables: Variables = None,
    running: Annotated[
        bool, typer.Option("--running", help="Ask the stack, which is up, for the names it has.")
    ] = False,
    slow: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Warn of imports that take longer.")] = 2.0,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The whole report, for a script.")] = False,
) -> None:
    """Import every DAG in the stack's own image, and tell what is wrong or missing. Exit code 1 with an error.

    Example: airflow-stack dags check -s local --variables variables.json
    """
    from airflow_stack.operations.dags import check

    report = check(
        cwd, stack, say, connections=connections, variables=variables, running=running, slow=slow, strict=strict
    )
    typer.echo(report.as_json() if json else report.as_text())
    sys.exit(1 if report.errors else 0)


@dags.command(name="test")
def run_once(
    dag: Annotated[str, typer.Argument(metavar="DAG", help="Its dag_id.")],
    stack: Stack,
    cwd: Directory = HERE,
    date: Annotated[str | None, typer.Option(metavar="ISO", help="Logical date. Default: now.")] = None,
    conf: Annotated[str | None, typer.Option(metavar="JSON", help="Configuration of the run, an object.")] = None,
    connections: Connections = None,
    variables: Variables = None,
) -> None:
    """Run a DAG once on a throw-away database, and show its log. Exit code 1 where the run fails.

    Example: airflow-stack dags test example_deferrable -s local
    """
    from airflow_stack.operations.dags import run

    states = run(cwd, stack, dag, say, typer.echo, date=date, conf=conf, connections=connections, variables=variables)
    say(f"{dag} succeeded: {', '.join(f'{task} {state}' for task, state in states.items())}")
