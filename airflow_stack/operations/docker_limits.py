"""Memory limits that a stack of this machine has where its config gives none."""

from __future__ import annotations

from pathlib import Path

from airflow_stack.backends.machine import Machine, recorded_memory
from airflow_stack.backends.memory import limits
from airflow_stack.config import LocalConfig
from airflow_stack.config.errors import NAMESPACE


def with_limits(text: str, config: LocalConfig, directory: Path, stack: str) -> str:
    """With what is in force for each memory limit that config does not give, and where that comes from."""
    machine = Machine.of(config, directory, stack)
    found = {limit.key: limit.mib for limit in limits(config, machine.memory).values()}
    if config.target.memory is not None:
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
