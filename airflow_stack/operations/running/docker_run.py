"""A command in a container of its own: a throw-away copy of one of Airflow's."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from docker.errors import APIError, NotFound
from docker.models.containers import Container

from airflow_stack.airflow.deployment import UNBUFFERED
from airflow_stack.backends.containers import name_prefix
from airflow_stack.backends.labels import SERVICE
from airflow_stack.config import LocalConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.running.docker_containers import ONE_OFF
from airflow_stack.operations.running.docker_exec import Sink, pump
from airflow_stack.operations.running.docker_scale import clone

MIB = 1024**2
CPU_UNITS = 1024
"""One CPU, as ECS counts."""
LEAST_MEMORY = 64
"""MiB in which Python starts at all."""
STOP = 10
"""Seconds that an interrupted command gets to end."""


def run(
    template: Container, config: LocalConfig, command: Sequence[str], stdin: bytes, out: Sink, err: Sink,
    *, cpu: int | None = None, memory: int | None = None,
) -> int:  # fmt: skip
    """Run it to its end with the template's image, environment, mounts, networks and secrets; its exit code.

    ``cpu``: 1024 are one; ``memory`` in MiB, the template's by default. An exception, Ctrl-C for one, ends it. The
    container goes in any case. Raises OperationError for a size that can't be, and where memory was short.
    """
    container = _create(template, config, command, stdin, cpu, memory)
    try:
        wanted = {"stdout": 1, "stderr": 1, "stream": 1, "stdin": int(bool(stdin))}
        stream = client().api.attach_socket(str(container.id), params=wanted)
        container.start()
        pump(stream, stdin, out, err)
        code = int(container.wait()["StatusCode"])
        container.reload()
        if container.attrs["State"].get("OOMKilled"):
            limit = container.attrs["HostConfig"]["Memory"] // MIB
            raise OperationError(f"the command needed more than its {limit} MiB of memory.\nGive it more: --memory")
        return code
    finally:
        with suppress(NotFound, APIError):
            container.stop(timeout=STOP)
        with suppress(NotFound):
            container.remove(force=True)


def _create(
    template: Container, config: LocalConfig, command: Sequence[str], stdin: bytes, cpu: int | None, memory: int | None
) -> Container:
    if memory is not None and memory < LEAST_MEMORY:
        raise OperationError(f"--memory {memory}: {LEAST_MEMORY} MiB are the least.\nNothing was started.")
    if cpu is not None and not 0 < cpu <= (most := client().info()["NCPU"] * CPU_UNITS):
        raise OperationError(f"--cpu {cpu}: this machine has 1 to {most}; 1024 are one CPU.\nNothing was started.")
    name = f"{name_prefix(config)}{ONE_OFF}-{secrets.token_hex(4)}"
    watched = [f"{key}={value}" for key, value in UNBUFFERED.items()]
    change = {
        "Cmd": list(command), "Hostname": name, "Env": [*template.attrs["Config"]["Env"], *watched],
        "Healthcheck": {"Test": ["NONE"]}, "ExposedPorts": {}, "Tty": False,
        "OpenStdin": bool(stdin), "StdinOnce": bool(stdin), "AttachStdin": bool(stdin),
    }  # fmt: skip
    host: dict[str, Any] = {"RestartPolicy": {"Name": "no"}, "PortBindings": {}}
    if memory is not None:
        host |= {"Memory": memory * MIB, "MemorySwap": 2 * memory * MIB}
    if cpu is not None:
        host["NanoCpus"] = cpu * 1_000_000_000 // CPU_UNITS
    return clone(template, name, {SERVICE: ONE_OFF}, change, host)
