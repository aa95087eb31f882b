"""Find a tool, or fetch it from where it officially comes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from airflow_stack.errors import OperationError


def find(name: str) -> str | None:
    """Path of a command, None where it is not installed. Daemons live in sbin, which few users have on PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def can_apt_install() -> bool:
    """Whether this is Debian or a child of it, and this user its root."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and find("apt-get") is not None


def apt_install(*packages: str) -> None:
    """Install Debian packages, without a question and without what they merely recommend."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            last = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1:]
            raise OperationError(f"{' '.join(command)} failed: {' '.join(last)}\nRun it by hand, and then this again.")
