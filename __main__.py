"""Load the config, describe the deployment, deploy it, say where it is."""

from pathlib import Path

import pulumi

from airflow_stack.airflow import describe
from airflow_stack.backends import local
from airflow_stack.backends.containers import plan
from airflow_stack.backends.machine import Machine
from airflow_stack.backends.pulumi_config import load
from airflow_stack.operations.prepare import prepare
from airflow_stack.operations.health import wait_until_healthy

stack = pulumi.get_stack()
config, secrets = load()
machine = Machine.of(config, Path(__file__).parent, stack)
containers = plan(config, describe(config), machine)
if not pulumi.runtime.is_dry_run():
    prepare(config, containers, machine, stack, pulumi.log.info)
outputs = local.deploy(config, secrets, containers, machine, stack, created=wait_until_healthy)
for name, value in outputs.exports().items():
    pulumi.export(name, value)
