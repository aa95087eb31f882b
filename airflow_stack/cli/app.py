"""What all commands share. Imports are lazy everywhere in this package, so that help is instant."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="airflow-stack",
    help="One Airflow stack from one config model: look at it, bring it up, operate it, take it down.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    # Plain help: Rich alone takes longer to import than help may take.
    rich_markup_mode=None,
)

HERE = Path()

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ends."""


def _stacks(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the stack files, for the shell's completion."""
    files = Path(context.params.get("cwd") or HERE).glob("Pulumi.*.yaml")
    names = sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)
    return [name for name in names if name.startswith(incomplete)]


Stack = Annotated[str, typer.Option("--stack", "-s", help="Stack: Pulumi.<stack>.yaml.", autocompletion=_stacks)]
Directory = Annotated[Path, typer.Option("--cwd", "-C", help="Directory of Pulumi.yaml.", hidden=True)]


def say(text: str) -> None:
    """Progress, and everything else that is no result, goes to standard error."""
    typer.echo(text, err=True)


@contextmanager
def when_interrupted(told: str) -> Iterator[None]:
    """What is said of the work where Ctrl-C or SIGTERM ends the command: nobody should have to guess."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted: {told}")
        sys.exit(INTERRUPTED)
