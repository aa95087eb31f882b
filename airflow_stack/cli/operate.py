"""Operate a stack that is up: the same verbs on every target."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from airflow_stack.cli.app import HERE, Directory, Stack, app, say


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

    sys.exit(run_once(cwd, stack, command, say, cpu, memory))
