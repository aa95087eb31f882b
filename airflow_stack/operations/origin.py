"""Decide once for a machine what its images are built on."""

from __future__ import annotations

from pathlib import Path

from docker.errors import APIError, DockerException

from airflow_stack.backends.images import upstream
from airflow_stack.backends.machine import ORIGIN_FILE, Origin
from airflow_stack.config import LocalConfig, StackConfig
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.image_build import Say


def settle(config: LocalConfig, program: Path, say: Say) -> None:
    """Where config says ``auto`` and nothing is recorded: registry if the engine reaches one, else debian."""
    if config.target.image_origin == "auto":
        recorded(config, program, say)


def recorded(config: StackConfig, program: Path, say: Say) -> Origin:
    """What this machine can build on: as recorded, else looked up and recorded."""
    if (program / ORIGIN_FILE).exists():
        return "debian" if (program / ORIGIN_FILE).read_text(encoding="utf-8").strip() == "debian" else "registry"
    origin: Origin = "registry" if reaches_registry(upstream("airflow", config)) else "debian"
    if origin == "debian":
        say(
            "no container registry is reached: images are built from Debian's packages and PyPI alone."
            f" Remove {ORIGIN_FILE} to have it looked up again."
        )
    (program / ORIGIN_FILE).parent.mkdir(parents=True, exist_ok=True)
    (program / ORIGIN_FILE).write_text(f"{origin}\n", encoding="utf-8")
    return origin


def reaches_registry(image: str) -> bool:
    """The engine asks, since it is the engine that pulls: it may have a mirror or a proxy of its own."""
    try:
        client().images.get_registry_data(image)
    except (APIError, DockerException, OSError):
        return False
    return True
