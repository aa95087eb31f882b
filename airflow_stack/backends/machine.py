"""What the place of a local stack adds to its config: users, paths, the images' origin, and its memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from airflow_stack.backends.identity import Identity
from airflow_stack.backends.memory import LEAST_ENGINE
from airflow_stack.config import LocalConfig
from airflow_stack.config.load import secrets_directory

Origin = Literal["registry", "debian"]

DOCKER_SOCKET = Path("/var/run/docker.sock")
ORIGIN_FILE = Path(".airflow-stack/image-origin")
MEMORY_FILE = "engine-memory"
"""In the stack's own folder: MiB that the engine had at the last `up`."""

# Upstream's user; root's files are nobody's to share, so that root's stacks run as it too.
AIRFLOW_UID = 50000


@dataclass(frozen=True)
class Machine:
    """Facts about the machine; `Machine.of` reads them, tests make them up."""

    program: Path
    """Directory of Pulumi.yaml."""
    project: Path
    """Directory of dags, logs, config and plugins."""
    secrets: Path
    """Directory of the secret files, mode 0700."""
    uid: int
    docker_gid: int
    """Group of the Docker socket."""
    origin: Origin
    id: str = ""
    """Of the stack in this directory; empty where it was never brought up."""
    memory: int = LEAST_ENGINE
    """MiB of the engine's memory that the stack plans with: config's, else what the last `up` has found."""

    @classmethod
    def of(cls, config: LocalConfig, program: Path, stack: str) -> Machine:
        """Read this machine, without a network and without Docker."""
        program = program.resolve()
        project = (program / Path(config.target.project_dir).expanduser()).resolve()
        uid = config.target.uid
        if uid is None:
            uid = os.getuid() or AIRFLOW_UID
        try:
            docker_gid = DOCKER_SOCKET.stat().st_gid
        except OSError:
            docker_gid = 0
        return cls(program, project, secrets_directory(program, stack), uid, docker_gid,
                   image_origin(config, program), Identity.read(program, stack).id,
                   engine_memory(config, program, stack))  # fmt: skip


def engine_memory(config: LocalConfig, program: Path, stack: str) -> int:
    """The configured MiB, else those that were found at the last `up`; until then those of the smallest engine."""
    if config.target.memory is not None:
        return config.target.memory
    return max(LEAST_ENGINE, recorded_memory(program, stack) or LEAST_ENGINE)


def recorded_memory(program: Path, stack: str) -> int | None:
    """MiB; None where nothing is recorded, or nothing that can be read."""
    try:
        return int(memory_file(program, stack).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def memory_file(program: Path, stack: str) -> Path:
    """Where what the engine had is recorded."""
    return secrets_directory(program, stack).parent / MEMORY_FILE


def image_origin(config: LocalConfig, program: Path) -> Origin:
    """The configured origin; for ``auto`` what set-up has found on this machine, and the upstream images until then."""
    if config.target.image_origin != "auto":
        return config.target.image_origin
    try:
        recorded = (program / ORIGIN_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        recorded = ""
    return "debian" if recorded == "debian" else "registry"
