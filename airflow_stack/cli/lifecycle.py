"""Configure a stack, bring it up, take it down."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from airflow_stack.cli.app import HERE, Directory, Stack, app, say, when_interrupted

AGAIN = "run the same command again: it finishes what this one has begun."


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

    with when_interrupted(AGAIN):
        bring_up(cwd, stack, say, use_compose=compose)


@app.command()
def down(stack: Stack, cwd: Directory = HERE) -> None:
    """Take the stack down. Data volumes and secrets stay, unless target.throw_away is true.

    Example: airflow-stack down -s local
    """
    from airflow_stack.operations.lifecycle import down as take_down

    with when_interrupted(AGAIN):
        take_down(cwd, stack, say)


@app.command()
def rehearse(stack: Stack, cwd: Directory = HERE) -> None:
    """Run a stack of AWS on this machine: its very task definitions, with moto as AWS. Leaves nothing behind.

    Example: airflow-stack rehearse -s prod
    """
    from airflow_stack.rehearsal import rehearse as play

    for sentence in play(cwd, stack, say):
        typer.echo(f"proved: {sentence}")
