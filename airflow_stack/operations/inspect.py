"""Look at a stack without running it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from airflow_stack.airflow import describe
from airflow_stack.backends.compose import compose, render
from airflow_stack.backends.containers import plan
from airflow_stack.backends.machine import Machine, recorded_memory
from airflow_stack.backends.memory import limits
from airflow_stack.config import StackConfig, read_stack_file
from airflow_stack.config.errors import NAMESPACE
from airflow_stack.config.stack import LOCAL_ONLY
from airflow_stack.operations.targets import require_local

MASKED = "[secret]"


def resolved_config(directory: Path, stack: str) -> str:
    """The stack file with every default written out, as YAML; secrets that are set are masked."""
    config, secrets = read_stack_file(directory, stack)
    values = config.model_dump(mode="json", exclude=_without_effect() if config.on_aws else None)
    keys = {f"{NAMESPACE}:{key}": value for key, value in values.items() if value != {}}
    keys |= {f"{NAMESPACE}:{key}": MASKED for key in sorted(secrets)}
    text = yaml.safe_dump({"config": keys}, sort_keys=False, width=120)
    return text if config.on_aws else _with_limits(text, config, directory, stack)


def _with_limits(text: str, config: StackConfig, directory: Path, stack: str) -> str:
    """With what is in force for each memory limit that config does not give, and where that comes from."""
    machine = Machine.of(config, directory, stack)
    found = {limit.key: limit.mib for limit in limits(config, machine.memory).values()}
    if config.local.memory is not None:
        source = f"from {NAMESPACE}:target.memory"
    elif recorded_memory(directory, stack) is not None:
        source = f"from the engine's {machine.memory} MiB, as `up` found them"
    else:
        source = f"from {machine.memory} MiB, until `up` has asked the engine"
    lines, section = [], ""
    for line in text.splitlines():
        if line.startswith(f"  {NAMESPACE}:"):
            section = line.split(":")[1]
        if line == "    memory: null" and (mib := found.get(f"{section}.memory")) is not None:
            line += f"  # {mib}, {source}"
        elif line == "    memory: null" and section == "target":
            line += f"  # {machine.memory}, {source}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _without_effect() -> dict[str, Any]:
    """What means nothing on AWS, as pydantic wants to hear it."""
    found: dict[str, Any] = {"flower": True}
    for key in LOCAL_ONLY:
        section, _, name = key.partition(".")
        found[section] = found.get(section, {}) | {name: True} if name else True
    return found


def compose_file(directory: Path, stack: str) -> str:
    """The stack as a Compose file. It names the secret files; their contents are nowhere in it."""
    config, _ = read_stack_file(directory, stack)
    require_local(config, stack, "a Compose file is for stacks of this machine")
    machine = Machine.of(config, directory, stack)
    document = compose(plan(config, describe(config), machine), machine, stack)
    head = f"# The stack {stack!r} as a Compose file. Made by: airflow-stack compose -s {stack}\n"
    return head + render(document)
