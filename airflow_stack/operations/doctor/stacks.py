"""The stack files of a project: whether each says something that can be deployed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airflow_stack.config import AnyConfig, read_stack_file
from airflow_stack.config.errors import ConfigError
from airflow_stack.operations.doctor.finding import Finding, State, ok
from airflow_stack.operations.target import target_of


@dataclass(frozen=True)
class StackFile:
    """One stack of the project."""

    name: str
    config: AnyConfig | None
    """None: it can't be used, and ``finding`` says why."""
    secrets: frozenset[str]
    """Keys of those that are set."""
    finding: Finding


def read(program: Path, asked: str | None = None) -> list[StackFile]:
    """All stacks here. Only of the one that was asked for, or of all where none was, is a bad file a lack.

    Raises ConfigError where there is no stack of the name that was asked for.
    """
    names = sorted(path.name[7:-5] for path in program.glob("Pulumi.?*.yaml"))
    if asked is not None and asked not in names:
        read_stack_file(program, asked)
    return [_read(program, name, required=asked in (None, name)) for name in names]


def _read(program: Path, name: str, *, required: bool) -> StackFile:
    what = f"Pulumi.{name}.yaml"
    try:
        config, secrets = read_stack_file(program, name)
    except ConfigError as error:
        first = error.problems[0]
        wrong = str(first).splitlines()[0]
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        state = State.MISSING if required else State.WARNING
        mend = first.mend or f"airflow-stack config -s {name}"
        finding = Finding(what, state, f"{wrong}{more}", "nothing of it is deployed", mend)
        return StackFile(name, None, frozenset(), finding)
    target = target_of(config, program, name).place
    return StackFile(name, config, frozenset(secrets), ok(what, f"valid: Airflow {config.airflow.version}, {target}"))
