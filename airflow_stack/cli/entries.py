"""Connections, variables and pools, between files and where the stack's Airflow finds them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from airflow_stack.cli.app import HERE, Directory, Stack, app, say

Source = Annotated[Path, typer.Argument(metavar="FILE", help="JSON or YAML as Airflow exports it; - for a pipe.")]
ConnectionSource = Annotated[
    Path, typer.Argument(metavar="FILE", help="JSON, YAML or .env as Airflow exports it; - for a pipe.")
]
Target = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="A file that you alone may read.")]
FileFormat = Annotated[
    Literal["json", "yaml"] | None, typer.Option("--format", help="Default: by the file's suffix, else json.")
]
ConnectionFormat = Annotated[
    Literal["json", "yaml", "env"] | None, typer.Option("--format", help="Default: by the file's suffix, else json.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace those that are there with other values.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
ShowSecrets = Annotated[bool, typer.Option("--show-secrets", help="Values instead of masks.")]

connections = typer.Typer(
    help="Import and export connections: Airflow's database locally, Secrets Manager on AWS.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
variables = typer.Typer(
    help="Import and export variables: Airflow's database locally, Secrets Manager on AWS.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
pools = typer.Typer(
    help="Import and export pools, in Airflow's database on every target.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(connections, name="connections")
app.add_typer(variables, name="variables")
app.add_typer(pools, name="pools")


@connections.command("import")
def import_connections(
    file: ConnectionSource,
    stack: Stack,
    cwd: Directory = HERE,
    file_format: ConnectionFormat = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Bring the connections of a file into the stack: all of them, or none where one is wrong.

    Example: airflow-stack connections import connections.yaml -s local
    """
    _import("connections", file, stack, cwd, file_format, overwrite=overwrite, dry_run=dry_run, json=json)


@connections.command("export")
def export_connections(
    stack: Stack,
    cwd: Directory = HERE,
    output: Target = None,
    file_format: ConnectionFormat = None,
    show_secrets: ShowSecrets = False,
) -> None:
    """Print the stack's connections, or write them to a file; passwords and values of extra masked.

    Example: airflow-stack connections export -s local --show-secrets --output connections.yaml
    """
    _export("connections", stack, cwd, output, file_format, show_secrets=show_secrets)


@variables.command("import")
def import_variables(
    file: Source,
    stack: Stack,
    cwd: Directory = HERE,
    file_format: FileFormat = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Bring the variables of a file into the stack: all of them, or none where one is wrong.

    Example: airflow-stack variables import variables.json -s local --dry-run
    """
    _import("variables", file, stack, cwd, file_format, overwrite=overwrite, dry_run=dry_run, json=json)


@variables.command("export")
def export_variables(
    stack: Stack,
    cwd: Directory = HERE,
    output: Target = None,
    file_format: FileFormat = None,
    show_secrets: ShowSecrets = False,
) -> None:
    """Print the stack's variables, or write them to a file; values masked.

    Example: airflow-stack variables export -s local --show-secrets --output variables.json
    """
    _export("variables", stack, cwd, output, file_format, show_secrets=show_secrets)


@pools.command("import")
def import_pools(
    file: Source,
    stack: Stack,
    cwd: Directory = HERE,
    file_format: FileFormat = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Bring the pools of a file into the stack: all of them, or none where one is wrong.

    Example: airflow-stack pools import pools.json -s local
    """
    _import("pools", file, stack, cwd, file_format, overwrite=overwrite, dry_run=dry_run, json=json)


@pools.command("export")
def export_pools(stack: Stack, cwd: Directory = HERE, output: Target = None, file_format: FileFormat = None) -> None:
    """Print the stack's pools, or write them to a file.

    Example: airflow-stack pools export -s local --output pools.json
    """
    _export("pools", stack, cwd, output, file_format, show_secrets=True)


def _import(
    name: str, file: Path, stack: str, cwd: Path, given: str | None, *, overwrite: bool, dry_run: bool, json: bool
) -> None:
    from airflow_stack.operations.entries.files import read, report
    from airflow_stack.operations.entries.formats import Format, format_of
    from airflow_stack.operations.entries.kinds import Kind
    from airflow_stack.operations.entries.transfer import import_entries, place_of

    kind, stream = Kind(name), str(file) == "-"
    file_format = format_of(kind, None if stream else file, Format(given) if given else None)
    text = read(None if stream else file, sys.stdin.buffer)
    place = place_of(cwd, stack, kind)
    source = "standard input" if stream else file.name
    change = import_entries(place, kind, text, file_format, source, overwrite=overwrite, dry_run=dry_run)
    typer.echo(report(change, as_json=json, dry_run=dry_run), nl=False)
    if dry_run:
        say("Nothing was changed." + (" Replacing needs --overwrite." if change.updated and not overwrite else ""))
    elif change.created or change.updated:
        say(place.seen)


def _export(name: str, stack: str, cwd: Path, output: Path | None, given: str | None, *, show_secrets: bool) -> None:
    from airflow_stack.operations.entries.files import write
    from airflow_stack.operations.entries.formats import Format, format_of
    from airflow_stack.operations.entries.kinds import Kind
    from airflow_stack.operations.entries.transfer import export_entries, place_of

    kind = Kind(name)
    file_format = format_of(kind, output, Format(given) if given else None)
    text = export_entries(place_of(cwd, stack, kind), kind, file_format, show_secrets=show_secrets)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write(output, text)
        say(f"{kind} of {stack}: {output}")
