"""Fewer or more workers than the config says, for a while: by stopping containers, and by copies of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound
from docker.models.containers import Container

from airflow_stack.backends.containers import name_prefix
from airflow_stack.backends.labels import MANAGED_BY, SERVICE
from airflow_stack.config import LocalConfig
from airflow_stack.config.load import secrets_directory
from airflow_stack.errors import OperationError
from airflow_stack.operations import ownership
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.running import docker_containers as containers
from airflow_stack.operations.running.interface import Say

TOOLS = (MANAGED_BY, "com.docker.compose.")
"""What the labels of Pulumi's and Compose's own containers begin with."""

FILE = "scaled.json"
"""Counts by role, below the stack's folder in .airflow-stack: what `status` measures a stack by that was scaled."""


def scale(config: LocalConfig, program: Path, stack: str, role: str, count: int, say: Say) -> None:
    """To ``count`` containers of the role; those that are too many end their tasks first. Returns when all is well."""
    ours = [one for one in containers.find(config, program, stack) if containers.role(one) == role]
    planned = [one for one in ours if not containers.is_extra(one)]
    extras = [one for one in ours if containers.is_extra(one)]
    keep, leave = planned[:count], planned[count:]
    more = max(0, count - len(planned))
    # Before the rest: what is interrupted is then seen to be unfinished.
    counts = {other: number for other, number in scaled(program, stack).items() if other != role}
    _write(program, stack, counts if count == len(planned) else counts | {role: count})
    remove(extras[more:], say)
    containers.stop([one for one in leave if containers.is_running(one)], say)
    for container in (*keep, *extras[:more]):
        if not containers.is_running(container):
            container.start()
            say(f"started {containers.service(container)}")
    taken = {containers.number(one) for one in extras[:more]}
    free = (number for number in range(1, more + 1) if number not in taken)
    made = [copy(planned[0], config, number, say) for number in islice(free, more - len(taken))]
    containers.wait_until_healthy([*keep, *extras[:more], *made], say)


def scaled(program: Path, stack: str) -> dict[str, int]:
    """Counts by role, where another one than the config's was asked for."""
    try:
        return dict(json.loads(_file(program, stack).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def settle(config: LocalConfig, program: Path, stack: str, say: Say) -> None:
    """Back to what the config says, before an update: no extra worker, and nothing stopped that belongs to it.

    What was moved can't be started, and the update makes it anew.
    """
    found = containers.find(config, program, stack)
    counts = {} if ownership.look(config, program, stack).moved_from else scaled(program, stack)
    remove([one for one in found if containers.is_extra(one)], say)
    for container in found:
        is_ours = containers.role(container) in counts and not containers.is_extra(container)
        if is_ours and not containers.is_running(container):
            container.start()
            say(f"started {containers.service(container)}")
    forget(program, stack)


def clear(config: LocalConfig, program: Path, stack: str, say: Say) -> None:
    """Remove what no tool has made, and what would keep one from removing the networks: extra workers and one-offs."""
    found = containers.find(config, program, stack, one_off=True)
    remove([one for one in found if MANAGED_BY not in one.labels], say)


def forget(program: Path, stack: str) -> None:
    """That it was scaled."""
    _write(program, stack, {})


def remove(extras: Sequence[Container], say: Say) -> None:
    """Extra workers, after their tasks."""
    containers.stop([one for one in extras if containers.is_running(one)], say)
    for container in extras:
        try:
            container.remove(force=True)
        except NotFound:
            continue
        say(f"removed {containers.service(container)}")


def copy(container: Container, config: LocalConfig, number: int, say: Say) -> Container:
    """One more like this, started."""
    service = f"{containers.role(container)}-extra-{number}"
    name = f"{name_prefix(config)}{service}"
    labels = {containers.EXTRA: "true", SERVICE: service}
    made = clone(container, name, labels, {"Hostname": name})
    made.start()
    say(f"started {service}")
    return made


def clone(
    container: Container, name: str, labels: dict[str, str], change: dict[str, Any], host: dict[str, Any] | None = None
) -> Container:
    """Create a container with the image, environment, mounts, networks and limits of another one.

    ``change`` and ``host`` replace keys of the engine's own Config and HostConfig. Labels of the tool that made the
    other one are left out: what it did not make it must not count.
    """
    attributes = container.attrs
    config = dict(attributes["Config"]) | change
    given = attributes["Config"]["Labels"].items()
    config["Labels"] = {key: value for key, value in given if not key.startswith(TOOLS)} | labels
    first = attributes["HostConfig"]["NetworkMode"]
    others = [network for network in attributes["NetworkSettings"]["Networks"] if network != first]
    config["HostConfig"] = dict(attributes["HostConfig"]) | (host or {})
    config["NetworkingConfig"] = {"EndpointsConfig": {first: {}}}
    api = client().api
    try:
        made = api.create_container_from_config(config, name)  # type: ignore[no-untyped-call] # the stubs leave it out
    except APIError as error:
        # Its name is taken, by what is none of this stack's: those are counted.
        raise OperationError(f"Docker refuses the container {name}: {error.explanation or error}") from None
    for network in others:
        api.connect_container_to_network(made["Id"], network)
    return client().containers.get(made["Id"])


def _file(program: Path, stack: str) -> Path:
    return secrets_directory(program, stack).with_name(FILE)


def _write(program: Path, stack: str, counts: dict[str, int]) -> None:
    file = _file(program, stack)
    if counts:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(counts), encoding="utf-8")
    else:
        file.unlink(missing_ok=True)
