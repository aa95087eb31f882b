"""The command line: a thin face on config, backends and operations. Imports are lazy, so that help is instant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    name="airflow-stack",
    help="One Airflow stack from one config model: look at it, bring it up, take it down.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

Stack = Annotated[str, typer.Option("--stack", "-s", help="Stack: Pulumi.<stack>.yaml.")]
Directory = Annotated[Path, typer.Option("--cwd", "-C", help="Directory of Pulumi.yaml.", hidden=True)]
HERE = Path()


@app.command()
def config(stack: Stack, cwd: Directory = HERE) -> None:
    """Print the resolved config of a stack, defaults and all, secrets masked.

    Example: airflow-stack config -s local
    """
    from airflow_stack.operations.inspect import resolved_config

    typer.echo(resolved_config(cwd, stack), nl=False)


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


@app.command()
def up(
    stack: Stack,
    cwd: Directory = HERE,
    compose: Annotated[bool, typer.Option("--compose", help="By Docker Compose, even where Pulumi is.")] = False,
) -> None:
    """Set this machine up and bring the stack up: by Pulumi, or by Docker Compose where Pulumi can't be had.

    Example: airflow-stack up -s local
    """
    from airflow_stack.operations.lifecycle import up as bring_up

    bring_up(cwd, stack, _say, use_compose=compose)


@app.command()
def down(stack: Stack, cwd: Directory = HERE) -> None:
    """Take the stack down. Data volumes and secrets stay, unless target.throw_away is true.

    Example: airflow-stack down -s local
    """
    from airflow_stack.operations.lifecycle import down as take_down

    take_down(cwd, stack, _say)


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="What the container runs, after --.")],
    stack: Stack,
    cwd: Directory = HERE,
    cpu: Annotated[int | None, typer.Option(help="CPU units: 1024 are one vCPU. Default: target.one_off.cpu.")] = None,
    memory: Annotated[int | None, typer.Option(help="Memory in MiB. Default: target.one_off.memory.")] = None,
) -> None:
    """Run a command as a task of its own on AWS, show its log, and end with its exit code.

    Example: airflow-stack run -s prod -- airflow dags list
    """
    from airflow_stack.operations.aws_stack import run as run_once

    sys.exit(run_once(cwd, stack, command, _say, cpu, memory))


@app.command()
def rehearse(stack: Stack, cwd: Directory = HERE) -> None:
    """Run a stack of AWS on this machine: its very task definitions, with moto as AWS. Leaves nothing behind.

    Example: airflow-stack rehearse -s prod
    """
    from airflow_stack.rehearsal import rehearse as play

    for sentence in play(cwd, stack, _say):
        typer.echo(f"proved: {sentence}")


@app.command()
def init(
    stack: Stack,
    cwd: Directory = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: current values and defaults.")] = False,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An answer: worker.count=3. Repeatable.")
    ] = None,
    secrets: Annotated[
        list[str] | None,
        typer.Option("--secret", metavar="NAME=-|@FILE", help="A secret, from standard input or a file. Repeatable."),
    ] = None,
    replace_secret: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Replace a secret that exists. Repeatable.")
    ] = None,
) -> None:
    """Configure a stack: by questions, or by the answers given as options. Can be run again.

    Example: airflow-stack init -s local --set worker.count=3 --secret admin_password=-
    """
    from airflow_stack.operations.init import Options
    from airflow_stack.operations.init import init as configure

    options = Options(yes, tuple(values or ()), tuple(secrets or ()), tuple(replace_secret or ()))
    configure(cwd, stack, typer.echo, options, terminal=sys.stdin.isatty())


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


def _say(text: str) -> None:
    typer.echo(text, err=True)


def main() -> None:
    """Run the command line. A bad config ends with exit code 2, everything else that went wrong with 1."""
    from airflow_stack.config.errors import ConfigError
    from airflow_stack.errors import StackError

    try:
        app()
    except ConfigError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
    except StackError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
