"""Load the config, describe the deployment, deploy it, say where it is."""

from functools import partial
from pathlib import Path

import pulumi

from airflow_stack.airflow import describe
from airflow_stack.backends import local
from airflow_stack.backends.containers import Plan, plan
from airflow_stack.backends.machine import Machine
from airflow_stack.backends.pulumi_program import clear_errors, load
from airflow_stack.operations import origin
from airflow_stack.operations.health import wait_until_healthy
from airflow_stack.operations.prepare import prepare

program = Path(__file__).parent
stack = pulumi.get_stack()
say = partial(pulumi.log.info, ephemeral=True)


def wait(created: Plan) -> None:
    """The update ends when the stack works, not when its containers are there."""
    with clear_errors():
        wait_until_healthy(created, say)


with clear_errors():
    config, secrets = load(program)
    updating = not pulumi.runtime.is_dry_run()  # a preview asks neither Docker nor a network
    if updating:
        origin.settle(config, program, say)
    machine = Machine.of(config, program, stack)
    containers = plan(config, describe(config), machine)
    if updating:
        prepare(config, containers, machine, stack, "pulumi", say)
    outputs = local.deploy(config, secrets, containers, machine, stack, created=wait)
    for name, value in outputs.exports().items():
        pulumi.export(name, value)
