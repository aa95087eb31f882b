"""Look at a stack without running it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from airflow_stack.cli.app import HERE, Directory, Stack, app


@app.command()
def config(
    stack: Stack,
    cwd: Directory = HERE,
    to: Annotated[
        str | None, typer.Option(help="Version of Airflow: print the stack file as it has to be for it.")
    ] = None,
) -> None:
    """Print the resolved config of a stack, defaults and all, secrets masked; or its file for another Airflow.

    Nothing is changed. Exit code 2 where the file is not all that it takes: the rest is told, to be done by hand.

    Example: airflow-stack config -s local --to 2.10.2 > new.yaml && mv new.yaml Pulumi.local.yaml
    """
    if to is None:
        from airflow_stack.operations.inspect import resolved_config

        typer.echo(resolved_config(cwd, stack), nl=False)
        return
    from airflow_stack.operations.rewrite import rewritten

    text, left = rewritten(cwd, stack, to)
    typer.echo(text, nl=False)
    if left:
        raise left


@app.command()
def schema() -> None:
    """Print the JSON Schema of the stack files.

    Example: airflow-stack schema > airflow-stack.schema.json
    """
    from airflow_stack.config.schema import render

    typer.echo(render(), nl=False)


@app.command()
def compose(stack: Stack, cwd: Directory = HERE) -> None:
    """Print the whole stack as a Compose file.

    Example: airflow-stack compose -s local > compose.yaml
    """
    from airflow_stack.operations.inspect import compose_file

    typer.echo(compose_file(cwd, stack), nl=False)


@app.command(name="database-sql")
def database_sql(
    stack: Stack,
    cwd: Directory = HERE,
    dialect: Annotated[
        Literal["postgresql", "mysql"] | None, typer.Option(help="Default: what database_url says, else both.")
    ] = None,
) -> None:
    """Print the SQL that creates Airflow's role and database in an external server, for its administrator.

    Example: airflow-stack database-sql -s prod --dialect mysql
    """
    from airflow_stack.operations.init import database_sql as sql

    typer.echo(sql(cwd, stack, dialect), nl=False)


@app.command()
def cost(
    stack: Stack,
    cwd: Directory = HERE,
    tasks_per_day: Annotated[int, typer.Option(min=0, help="Load: tasks a day. 0: idle alone.")] = 1000,
    minutes_per_task: Annotated[float, typer.Option(min=0, help="Load: minutes that a task takes.")] = 5,
    json: Annotated[bool, typer.Option("--json", help="All numbers, with the sources of the prices.")] = False,
) -> None:
    """Estimate what a stack on AWS costs a month, idle and with a load, from a dated table of list prices.

    Example: airflow-stack cost -s prod --tasks-per-day 2000 --minutes-per-task 3
    """
    from airflow_stack.operations.cost import cost as bill

    typer.echo(bill(cwd, stack, tasks_per_day, minutes_per_task, json=json), nl=False)
