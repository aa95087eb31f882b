"""What all commands share. Imports are lazy everywhere in this package, so that help is instant."""

from __future__ import annotations

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

Stack = Annotated[str, typer.Option("--stack", "-s", help="Stack: Pulumi.<stack>.yaml.")]
Directory = Annotated[Path, typer.Option("--cwd", "-C", help="Directory of Pulumi.yaml.", hidden=True)]
HERE = Path()


def say(text: str) -> None:
    """Progress, and everything else that is no result, goes to standard error."""
    typer.echo(text, err=True)
