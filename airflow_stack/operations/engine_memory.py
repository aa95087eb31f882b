"""Record what the engine has, for limits that follow from it: the same ones until the engine is another one."""

from __future__ import annotations

from pathlib import Path

from airflow_stack.backends.machine import memory_file, recorded_memory
from airflow_stack.backends.memory import LEAST_ENGINE, rounded
from airflow_stack.config import LocalConfig
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.image_build import Say

# Share of what is recorded by which the engine may differ: a boot's wobble or a new kernel replaces no container.
SAME = 0.05


def settle(config: LocalConfig, program: Path, stack: str, say: Say) -> None:
    """Where config does not say what the stack plans with: what is recorded, or the engine's where that is another."""
    if config.target.memory is not None:
        return
    recorded, has = recorded_memory(program, stack), total()
    if recorded is not None and fits(recorded, has):
        return
    if recorded is not None:
        say(f"the engine has {has} MiB of memory, and had {recorded}: limits that config does not give follow it")
    file = memory_file(program, stack)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{rounded(has)}\n", encoding="utf-8")


def total() -> int:
    """MiB that the engine has."""
    return int(client().info()["MemTotal"]) // 1024**2


def fits(recorded: int, has: int) -> bool:
    """Whether limits made from ``recorded`` are right for an engine that has ``has`` MiB."""
    recorded, has = max(LEAST_ENGINE, recorded), max(LEAST_ENGINE, has)
    return abs(recorded - has) <= SAME * recorded
