"""The command that installs a tool, by this machine's own package manager."""

from __future__ import annotations

import os

from airflow_stack.operations.pulumi_cli import VERSION
from airflow_stack.operations.tools import find

# By tool, then by package manager; what a manager doesn't have comes by its official installer.
PACKAGES = {
    "python3": {"apt-get": "python3", "dnf": "python3.12", "brew": "python@3.12"},
    "python3-venv": {"apt-get": "python3-venv"},
    "make": {"apt-get": "make", "dnf": "make", "brew": "make"},
    "git": {"apt-get": "git", "dnf": "git", "brew": "git"},
    "docker": {"apt-get": "docker.io", "dnf": "moby-engine", "brew": "--cask docker-desktop"},
    "docker-compose": {"apt-get": "docker-compose", "dnf": "docker-compose", "brew": "docker-compose"},
    "pulumi": {"brew": "pulumi/tap/pulumi"},
    "mmdebstrap": {"apt-get": "mmdebstrap"},
    "session-manager-plugin": {"brew": "--cask session-manager-plugin"},
}
OTHERWISE = {
    "python3": "https://www.python.org/downloads",
    "python3-venv": "https://www.python.org/downloads",
    "make": "https://www.gnu.org/software/make",
    "git": "https://git-scm.com/downloads",
    "docker": "https://docs.docker.com/engine/install",
    "docker-compose": "https://docs.docker.com/compose/install",
    "pulumi": f"curl -fsSL https://get.pulumi.com | sh -s -- --version {VERSION}",
    "mmdebstrap": "https://gitlab.mister-muffin.de/josch/mmdebstrap",
    "session-manager-plugin": "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html",
}


def install(tool: str) -> str:
    """One command, or the page of the official installer where no package manager has it."""
    for manager, names in (("brew", "install"), ("apt-get", "install -y"), ("dnf", "install -y")):
        package = PACKAGES[tool].get(manager)
        if package and find(manager):
            root = "" if manager == "brew" or os.geteuid() == 0 else "sudo "
            return f"{root}{manager} {names} {package}"
    return OTHERWISE[tool]
