"""Docker Compose: `docker compose`, else docker-compose, else Debian's package of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from airflow_stack.errors import OperationError
from airflow_stack.operations.tools import apt_install, can_apt_install, find


class ComposeCli:
    """Runs Compose on the exported file of one stack."""

    def __init__(self, command: list[str], file: Path, project: str) -> None:
        self.command = [*command, "--project-name", project, "--file", str(file)]

    @classmethod
    def find(cls, file: Path, project: str) -> ComposeCli:
        """Compose where it is, else installed as root on Debian or Ubuntu. Raises OperationError elsewhere."""
        if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
            return cls(["docker", "compose"], file, project)
        if find("docker-compose") is None:
            if not can_apt_install():
                raise OperationError(
                    "neither Pulumi nor Docker Compose is installed, and neither could be fetched.\n"
                    "Install one: https://www.pulumi.com/docs/install or https://docs.docker.com/compose/install"
                )
            apt_install("docker-compose")
        return cls(["docker-compose"], file, project)

    def run(self, *arguments: str) -> None:
        """One Compose command, its progress on the screen."""
        # Another project may have this one's name: its containers are no orphans of ours.
        environment = os.environ | {"COMPOSE_IGNORE_ORPHANS": "true"}
        result = subprocess.run([*self.command, *arguments], check=False, env=environment)
        if result.returncode != 0:
            raise OperationError(f"docker compose {arguments[0]} failed; the reason stands above.")
