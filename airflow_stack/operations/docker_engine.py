"""The Docker engine of this machine."""

from __future__ import annotations

from functools import cache

import docker
from docker.errors import DockerException

from airflow_stack.errors import OperationError


@cache
def client() -> docker.DockerClient:
    """A client whose engine has answered.

    Raises OperationError where none does, with what to do.
    """
    try:
        engine = docker.from_env(timeout=60)
        engine.ping()
    except DockerException as error:
        if "Permission denied" in str(error):
            raise OperationError(
                "this user may not talk to Docker: permission denied on its socket.\n"
                "Join the docker group and log in again: sudo usermod -aG docker $USER"
            ) from None
        raise OperationError(
            "Docker does not answer: its engine is not running, or DOCKER_HOST names another one.\n"
            "Start it (Linux: sudo systemctl start docker; macOS and Windows: open Docker Desktop), or let `make up`"
            " do it as root on Debian or Ubuntu."
        ) from None
    return engine
