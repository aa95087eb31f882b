"""The stack on this machine."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pulumi

from airflow_stack.airflow import describe
from airflow_stack.backends import local
from airflow_stack.backends.containers import Plan, plan
from airflow_stack.backends.identity import Identity
from airflow_stack.backends.machine import Machine
from airflow_stack.backends.pulumi_program import clear_errors
from airflow_stack.config import LocalConfig, Secrets
from airflow_stack.operations import engine_memory, origin, ownership
from airflow_stack.operations.health import wait_until_healthy
from airflow_stack.operations.prepare import prepare
from airflow_stack.operations.running import docker_scale
from airflow_stack.outputs import StackOutputs

say = partial(pulumi.log.info, ephemeral=True)


def deploy(config: LocalConfig, secrets: Secrets, program: Path, stack: str) -> StackOutputs:
    """Check the machine, build the images, register the resources. A preview asks neither Docker nor a network."""
    updating = not pulumi.runtime.is_dry_run()
    if updating:
        Identity.read(program, stack).refuse_closed()
        origin.settle(config, program, say)
        engine_memory.settle(config, program, stack, say)
        docker_scale.settle(config, program, stack, say)
    machine = Machine.of(config, program, stack)
    containers = plan(config, describe(config), machine)
    if updating:
        prepare(config, secrets.given().keys(), containers, machine, stack, "pulumi", say)
        machine = replace(machine, id=ownership.settle(program, stack).id)
    return local.deploy(config, secrets, containers, machine, stack, created=_wait)


def _wait(created: Plan) -> None:
    """The update ends when the stack works, not when its containers are there."""
    with clear_errors():
        wait_until_healthy(created, say)
