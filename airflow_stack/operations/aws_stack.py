"""A stack on AWS that is up: what its outputs say, and single commands in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_stack.config import read_stack_file
from airflow_stack.errors import OperationError
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.pulumi_cli import PulumiCli
from airflow_stack.operations.run_task import OneOff
from airflow_stack.operations.run_task import run as run_task


def outputs(program: Path, stack: str) -> dict[str, Any]:
    """The stack's outputs, without secrets. Raises OperationError where there is no Pulumi, or no stack that is up."""
    pulumi = PulumiCli.find(program, stack)
    if pulumi is None:
        raise OperationError("Pulumi is not installed, which knows where the stack is.\nInstall it, or: make up")
    found = pulumi.outputs()
    if "cluster" not in found:
        raise OperationError(f"stack {stack!r} is not up.\nBring it up: pulumi up --stack {stack}")
    return found


def run(
    directory: Path, stack: str, command: list[str], say: Say, cpu: int | None = None, memory: int | None = None
) -> int:
    """Run a command as a task of its own, show its log, and return its exit code.

    ``cpu`` in Fargate's units and ``memory`` in MiB replace the size of ``target.one_off``.
    """
    program = directory.resolve()
    config, _ = read_stack_file(program, stack)
    _ = config.aws  # a stack of this machine has no tasks
    known = outputs(program, stack)
    return run_task(
        OneOff(
            region=known["region"],
            cluster=known["cluster"],
            task_definition=known["task_definitions"]["one-off"],
            container="one-off",
            command=command,
            subnets=known["subnets"],
            security_groups=[known["security_groups"]["one-off"]],
            assign_public_ip=known["assign_public_ip"],
            cpu=cpu,
            memory=memory,
        ),
        say,
    )
