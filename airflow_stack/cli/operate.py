"""Operate a stack that is up: the same verbs on every target."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from airflow_stack.cli.app import HERE, INTERRUPTED, Directory, Stack, app, say, when_interrupted
from airflow_stack.releases import DEFAULT, RELEASES

# All that a stack may have: a completion must not ask Docker or AWS.
SERVERS = ("docker-socket-proxy", "one-off", "postgres", "proxy", "redis")
# Options of the command that follows are that command's, --help too.
COMMAND_FOLLOWS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


# A shell without a name is where one looks at DAGs.
SHELL = next(role.name for role in RELEASES[DEFAULT].roles if role.parses)


def _roles(incomplete: str) -> list[str]:
    roles = {role.name for release in RELEASES.values() for role in (release.init, *release.roles)}
    return sorted(role for role in roles.union(SERVERS) if role.startswith(incomplete))


def _counts(incomplete: str) -> list[str]:
    return [f"{role}=" for role in _roles(incomplete.partition("=")[0]) if f"{role}=".startswith(incomplete)]


@app.command()
def status(
    stack: Stack,
    cwd: Directory = HERE,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show how every role is, what is wrong, the tasks at work and the addresses; exit code 1 where a role is not well.

    Example: airflow-stack status -s local
    """
    import json
    from datetime import UTC, datetime

    from airflow_stack.operations.running import find, report

    running = find(cwd, stack)
    roles, work, urls = running.status(), running.work(), running.urls()
    if json_:
        typer.echo(json.dumps(report.document(stack, roles, work, urls), indent=2))
    else:
        typer.echo(report.table(roles, work, urls, datetime.now(UTC)))
    sys.exit(0 if all(role.good for role in roles) else 1)


@app.command()
def logs(
    stack: Stack,
    roles: Annotated[
        list[str] | None, typer.Argument(metavar="[ROLE...]", help="Default: all.", autocompletion=_roles)
    ] = None,
    cwd: Directory = HERE,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
    since: Annotated[str | None, typer.Option(help="From when: 10m, 2h, 1d, or an ISO date.")] = None,
    tail: Annotated[
        int | None, typer.Option(min=0, help="Last lines of each. Default: 100, and all with --since.")
    ] = None,
) -> None:
    """Show what roles print, by time, each line with its instance.

    Example: airflow-stack logs -s local worker --since 10m --follow
    """
    import os
    from datetime import UTC, datetime

    from airflow_stack.operations.running import find, report

    begin = report.since(since, datetime.now(UTC)) if since else None
    last = 100 if tail is None and begin is None else tail
    colors: dict[str, str] | None = {} if sys.stdout.isatty() and "NO_COLOR" not in os.environ else None
    width = 0
    try:
        for line in find(cwd, stack).logs(roles or (), begin, last, follow):
            width = max(width, len(line.instance))
            head = report.prefix(line, width)
            if colors is not None:
                head = typer.style(head, fg=report.color(line.instance, colors))
            typer.echo(head + line.text)
    except KeyboardInterrupt:
        sys.exit(0 if follow else INTERRUPTED)


@app.command(context_settings=COMMAND_FOLLOWS)
def shell(
    stack: Stack,
    role: Annotated[str, typer.Argument(help="Whose container.", autocompletion=_roles)] = SHELL,
    command: Annotated[list[str] | None, typer.Argument(metavar="[COMMAND...]", help="Default: a shell.")] = None,
    cwd: Directory = HERE,
) -> None:
    """Open a shell in a role's container; on AWS by ECS exec.

    Example: airflow-stack shell -s local worker
    """
    from airflow_stack.operations.running import find

    sys.exit(find(cwd, stack).shell(role, command or ()))


@app.command(context_settings=COMMAND_FOLLOWS)
def airflow(
    stack: Stack,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="ARGUMENTS...", help="Of airflow.")] = None,
    cwd: Directory = HERE,
) -> None:
    """Run a command of Airflow in the stack, and end with its exit code.

    Example: airflow-stack airflow -s prod dags list
    """
    from airflow_stack.operations.running import find

    sys.exit(find(cwd, stack).relay(["airflow", *(arguments or ())], say))


@app.command(context_settings=COMMAND_FOLLOWS)
def run(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="What the container runs.")],
    stack: Stack,
    cwd: Directory = HERE,
    cpu: Annotated[
        int | None,
        typer.Option(help="CPU units: 1024 are one. Default: no limit; on AWS target.one_off.cpu."),
    ] = None,
    memory: Annotated[
        int | None, typer.Option(help="Memory in MiB. Default: a worker's; on AWS target.one_off.memory.")
    ] = None,
) -> None:
    """Run a command in a container of its own, as large as it needs, and end with its exit code.

    Example: airflow-stack run -s prod --cpu 2048 --memory 8192 -- airflow dags backfill example_workers -s 2024-01-01
    """
    from airflow_stack.operations.running import find

    try:
        sys.exit(find(cwd, stack).run(command, cpu, memory, say))
    except KeyboardInterrupt:
        say("interrupted: the command was ended")
        sys.exit(INTERRUPTED)


@app.command()
def scale(
    counts: Annotated[
        list[str], typer.Argument(metavar="ROLE=COUNT...", help="How many of each.", autocompletion=_counts)
    ],
    stack: Stack,
    cwd: Directory = HERE,
) -> None:
    """Run more or fewer of a role, until the next update of the stack.

    Example: airflow-stack scale -s local worker=4
    """
    from airflow_stack.operations.running import find, report

    wanted = report.counts(counts)
    running = find(cwd, stack)
    for role, count in wanted.items():
        running.check_scale(role, count)
    with when_interrupted(_going_on(stack)):
        for role, count in wanted.items():
            running.scale(role, count, say)


@app.command()
def restart(
    role: Annotated[str, typer.Argument(help="Whose containers.", autocompletion=_roles)],
    stack: Stack,
    cwd: Directory = HERE,
) -> None:
    """Restart a role, one container after the other, and wait until it is healthy. Workers end their tasks first.

    Example: airflow-stack restart -s local worker
    """
    from airflow_stack.operations.running import find

    with when_interrupted(_going_on(stack)):
        find(cwd, stack).restart(role, say)


def _going_on(stack: str) -> str:
    """Docker and AWS finish what they were asked for."""
    return (
        f"what has begun goes on without this command. How far it is: airflow-stack status -s {stack}; run the same"
        " command again to have the rest done, and to wait for it."
    )
