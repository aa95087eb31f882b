"""What this machine and its stacks have, what they lack, what that costs, and the command that mends it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from airflow_stack.config import LocalConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations.doctor import engine, machine, network, stacks
from airflow_stack.operations.doctor.finding import DOCKER, MACHINE, NETWORK, Finding, Group, Look, State, run
from airflow_stack.operations.doctor.report import Report
from airflow_stack.operations.doctor.stacks import StackFile
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.target import Target, target_of

__all__ = ["Report", "examine"]

STACKS = "Stacks"


def examine(directory: Path, stack: str | None, say: Say, *, deep: bool = False) -> Report:
    """Look at the machine, at the stack files, and at the stack that was asked for, if it is up.

    ``deep``: on AWS, run a task that asks the database, which takes a minute. Nothing is created or changed. Raises
    ConfigError where there is no stack of this name.
    """
    program = directory.resolve()
    files = stacks.read(program, stack)
    asked = next((file for file in files if file.name == stack), None)
    wanted = [file for file in files if stack is None or file is asked]
    groups = run(_machine(program, wanted, asked))
    groups.append(Group(STACKS, tuple(file.finding for file in files)))
    if asked is not None and asked.config is not None:
        groups += _running(target_of(asked.config, program, asked.name), say, deep=deep)
    return Report(tuple(group for group in groups if group.findings))


def _machine(program: Path, wanted: list[StackFile], asked: StackFile | None) -> list[Look]:
    """For the stacks that are wanted: all of the project, or the one that was asked for."""
    targets = [(file, target_of(file.config, program, file.name)) for file in wanted if file.config is not None]
    by_pulumi = any(target.by_pulumi_alone for _, target in targets)
    # Whose images are built here comes first.
    first = next(iter(sorted((target for _, target in targets), key=lambda one: one.by_pulumi_alone)), None)
    of_images = first or target_of(LocalConfig(), program, "local")
    found = [
        Look(MACHINE, "Python", machine.python),
        Look(MACHINE, "make", machine.make),
        Look(MACHINE, "git", machine.git),
        Look(MACHINE, "Pulumi", partial(machine.creators, program, by_pulumi_alone=bool(asked) and by_pulumi)),
        Look(MACHINE, "Pulumi providers", partial(machine.providers, program, aws=by_pulumi)),
        Look(DOCKER, "Docker engine", engine.docker, engine.LIMIT, State.MISSING),
        Look(NETWORK, "PyPI", network.pypi),
        Look(NETWORK, "Container registry", partial(engine.registry, of_images)),
    ]
    own: dict[str, Look] = {}
    for file, target in targets:
        for look in target.looks_around(file.secrets if asked else None):
            own.setdefault(look.what, look)
    return [*found, *own.values()]


def _running(target: Target[Any, Any], say: Say, *, deep: bool) -> list[Group]:
    """Of a stack that is up; one line of one that is not, and what its first deployment needs."""
    stack = target.stack
    try:
        target.refuse_undeployed()
        running = target.running()
    except OperationError as error:
        wrong, _, rest = str(error).partition("\n")
        cost = "only what comes before its start was looked at"
        line = Finding(f"Stack {stack}", State.WARNING, wrong.rstrip("."), cost, rest.partition(": ")[2] or rest)
        return [Group(f"Stack {stack}", (line,)), *target.before_first_deployment(say)]
    looks, duration = target.looks_into(running, deep=deep)
    say(f"asking stack {stack!r}{duration}")
    return run(looks)
