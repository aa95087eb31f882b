"""Back a stack up to one file, and restore it."""

from __future__ import annotations

from typing import Annotated

import typer

from airflow_stack.cli.app import HERE, Directory, Stack, app, say

PassphraseFile = Annotated[
    str | None,
    typer.Option("--passphrase-file", metavar="FILE|-", help="Its first line is the passphrase. Default: asked for."),
]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]


@app.command()
def backup(
    stack: Stack,
    cwd: Directory = HERE,
    to: Annotated[
        str | None,
        typer.Option(metavar="FILE|s3://BUCKET/KEY", help="Default: a file here; on AWS, the stack's bucket."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    json: Json = False,
) -> None:
    """Save the metadata database and the Fernet key, encrypted with a passphrase, to one file, while the stack works.

    Example: airflow-stack backup -s local --to airflow.tar.gz
    """
    from json import dumps

    from airflow_stack.operations.backup import backup as save

    result = save(cwd, stack, to, passphrase_file, say)
    size = f"{result['rows']:,} rows of {result['tables']} tables, {result['bytes'] / 1e6:,.1f} MB"
    say(f"saved {size}")
    typer.echo(dumps(result) if json else result["place"])


@app.command()
def restore(
    stack: Stack,
    source: Annotated[str, typer.Option("--from", metavar="FILE|s3://BUCKET/KEY", help="What backup has written.")],
    cwd: Directory = HERE,
    passphrase_file: PassphraseFile = None,
    replace: Annotated[bool, typer.Option("--replace", help="Even where the stack has data: it is lost.")] = False,
    json: Json = False,
) -> None:
    """Put a backup into a stack, of this machine or on AWS; after any error the stack's data is as it was.

    Example: airflow-stack restore -s local --from airflow.tar.gz
    """
    from json import dumps

    from airflow_stack.operations.backup import restore as put

    result = put(cwd, stack, source, passphrase_file, say, replace=replace)
    for where in result["unreadable"]:
        say(f"{where} could not be read in the backed-up stack either, and is as it was")
    if json:
        typer.echo(dumps(result))
        return
    typer.echo(f"restored {result['rows']:,} rows: stack {result['stack']} as of {result['created_at']}")
