"""Look at a stack without running it."""

from __future__ import annotations

from pathlib import Path

import yaml

from airflow_stack.airflow import describe
from airflow_stack.backends.compose import compose, render
from airflow_stack.backends.containers import plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import read_stack_file
from airflow_stack.config.errors import NAMESPACE
from airflow_stack.operations.target import target_of, target_of_file

MASKED = "[secret]"


def resolved_config(directory: Path, stack: str) -> str:
    """The stack file with every default written out, as YAML; secrets that are set are masked."""
    config, secrets = read_stack_file(directory, stack)
    target = target_of(config, directory, stack)
    keys = {f"{NAMESPACE}:{key}": value for key, value in config.model_dump(mode="json").items()}
    keys |= {f"{NAMESPACE}:{key}": MASKED for key in sorted(secrets)}
    return target.explained(yaml.safe_dump({"config": keys}, sort_keys=False, width=120))


def compose_file(directory: Path, stack: str) -> str:
    """The stack as a Compose file. It names the secret files; their contents are nowhere in it."""
    config = target_of_file(directory, stack).on_this_machine("a Compose file is for stacks of this machine")
    machine = Machine.of(config, directory, stack)
    document = compose(plan(config, describe(config), machine), machine, stack)
    head = f"# The stack {stack!r} as a Compose file. Made by: airflow-stack compose -s {stack}\n"
    return head + render(document)
