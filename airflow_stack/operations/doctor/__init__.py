"""What this machine and its stacks have, what they lack, what that costs, and the command that mends it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from airflow_stack.config import StackConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations.doctor import aws_account, engine, machine, network, stacks
from airflow_stack.operations.doctor.finding import Finding, Group, Look, State, run
from airflow_stack.operations.doctor.report import Report
from airflow_stack.operations.doctor.stacks import StackFile
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.pulumi_cli import STATE, uses_own_backend

__all__ = ["Report", "examine"]

MACHINE, DOCKER, NETWORK, AWS, STACKS = "This machine", "Docker", "Network", "AWS", "Stacks"


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
        groups += _running(program, asked.name, asked.config, say, deep=deep)
    return Report(tuple(group for group in groups if group.findings))


def _machine(program: Path, wanted: list[StackFile], asked: StackFile | None) -> list[Look]:
    """For the stacks that are wanted: all of the project, or the one that was asked for."""
    usable = [(file, file.config) for file in wanted if file.config is not None]
    here = [(file, config) for file, config in usable if not config.on_aws]
    there = [(file, config) for file, config in usable if config.on_aws]
    only_aws = bool(asked and there)
    found = [
        Look(MACHINE, "Python", machine.python),
        Look(MACHINE, "make", machine.make),
        Look(MACHINE, "git", machine.git),
        Look(MACHINE, "Pulumi", partial(machine.creators, program, on_aws=only_aws)),
        Look(MACHINE, "Pulumi providers", partial(machine.providers, program, on_aws=bool(there))),
        Look(DOCKER, "Docker engine", engine.docker, engine.LIMIT, State.MISSING),
    ]
    found += [
        Look(DOCKER, f"Room for {file.name}", partial(engine.room, config, program, file.name), engine.LIMIT)
        for file, config in here
    ]  # fmt: skip
    if asked and here:
        known = partial(engine.free, here[0][1], set(asked.secrets), program, asked.name)
        found.append(Look(DOCKER, "Names and ports", known, engine.LIMIT))
    found.append(Look(NETWORK, "PyPI", network.pypi))
    name, of_images = next(((file.name, config) for file, config in (*here, *there)), ("local", StackConfig()))
    found.append(Look(NETWORK, "Container registry", partial(engine.registry, of_images, program, name)))
    if there:
        config = there[0][1]
        found += [
            Look(AWS, "AWS credentials", partial(aws_account.credentials, config.aws.region, required=only_aws)),
            Look(AWS, "Session Manager plugin", partial(aws_account.session_plugin, config)),
            Look(AWS, "Processor", partial(aws_account.emulation, config, program)),
        ]
    return found


def _before(stack: str, config: StackConfig, say: Say) -> list[Group]:
    """What AWS says where nothing is deployed; one line where it can't be asked."""
    from airflow_stack.operations.doctor import aws_before

    say(f"nothing of stack {stack!r} is deployed: asking AWS what its first deployment needs")
    try:
        return run(aws_before.looks(stack, config))
    except OperationError as error:
        wrong, _, rest = str(error).partition("\n")
        cost = "zones, quotas, roles, domain and rights are not known before the first deployment"
        line = Finding("Not asked", State.WARNING, wrong.rstrip("."), cost, rest)
        return [Group(f"Before the first deployment of {stack}", (line,))]


def _running(program: Path, stack: str, config: StackConfig, say: Say, *, deep: bool) -> list[Group]:
    """Of a stack that is up; one line of one that is not."""
    from airflow_stack.operations.running import find

    try:
        if config.on_aws and not uses_own_backend() and not (program / STATE).exists():
            # As Pulumi would say; to ask it would make its state directory.
            raise OperationError(
                f"stack {stack!r} is not up: nothing of it is deployed yet.\nBring it up: pulumi up --stack {stack}"
            )
        running = find(program, stack)
    except OperationError as error:
        wrong, _, rest = str(error).partition("\n")
        cost = "only what comes before its start was looked at"
        line = Finding(f"Stack {stack}", State.WARNING, wrong.rstrip("."), cost, rest.partition(": ")[2] or rest)
        return [Group(f"Stack {stack}", (line,)), *(_before(stack, config, say) if config.on_aws else ())]
    say(f"asking stack {stack!r}" + (": a task of its own, which takes a minute" if deep and config.on_aws else ""))
    if config.on_aws:
        from airflow_stack.operations.doctor import aws_stack
        from airflow_stack.operations.running.aws_stack import AwsStack

        assert isinstance(running, AwsStack)  # noqa: S101 - narrows: the config has said so
        return run(aws_stack.looks(running, deep=deep))
    from airflow_stack.operations.doctor import docker_stack
    from airflow_stack.operations.running.docker_stack import DockerStack

    assert isinstance(running, DockerStack)  # noqa: S101 - narrows: the config has said so
    return run(docker_stack.looks(running))
