"""What the place of a local stack adds to its config: users, paths, and the images' origin."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from airflow_stack.backends.identity import Identity
from airflow_stack.config import StackConfig
from airflow_stack.config.load import secrets_directory

Origin = Literal["registry", "debian"]

DOCKER_SOCKET = Path("/var/run/docker.sock")
ORIGIN_FILE = Path(".airflow-stack/image-origin")

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

    @classmethod
    def of(cls, config: StackConfig, program: Path, stack: str) -> Machine:
        """Read this machine, without a network and without Docker."""
        program = program.resolve()
        project = (program / Path(config.local.project_dir).expanduser()).resolve()
        uid = config.local.uid
        if uid is None:
            uid = os.getuid() or AIRFLOW_UID
        try:
            docker_gid = DOCKER_SOCKET.stat().st_gid
        except OSError:
            docker_gid = 0
        return cls(program, project, secrets_directory(program, stack), uid, docker_gid,
                   image_origin(config, program), Identity.read(program, stack).id)  # fmt: skip


def image_origin(config: StackConfig, program: Path) -> Origin:
    """The configured origin; for ``auto`` what set-up has found on this machine, and the upstream images until then."""
    if config.local.image_origin != "auto":
        return config.local.image_origin
    try:
        recorded = (program / ORIGIN_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        recorded = ""
    return "debian" if recorded == "debian" else "registry"
