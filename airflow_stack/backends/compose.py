"""The stack as a Compose file, in the format that Compose 1.29 and every later one reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from airflow_stack.airflow.secrets import DIRECTORY, fingerprint
from airflow_stack.backends.containers import Container, Plan
from airflow_stack.backends.images import Image
from airflow_stack.backends.labels import SECRETS, container_labels, stack_labels
from airflow_stack.backends.machine import Machine


def compose(
    plan: Plan,
    machine: Machine,
    stack: str,
    contents: Mapping[str, str] | None = None,
    made: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """The Compose file as a mapping. ``contents`` are the secret files, whose fingerprints go into labels.

    ``made`` has the labels of the networks and volumes that are there, by name: they keep them. Other ones would have
    Compose make a network anew, or ask whether to make a volume anew.
    """
    made, new = made or {}, stack_labels(stack, machine)
    volumes = {
        key: {"name": name, "labels": _escaped_values(made.get(name, new))} for key, name in plan.volumes.items()
    }
    networks = {
        key: {
            "name": network.name,
            "driver": "bridge",
            "internal": network.internal,
            "labels": _escaped_values(made.get(network.name, new)),
        }
        for key, network in plan.networks.items()
    }
    services = {container.name: _service(container, plan, machine, stack, contents) for container in plan.containers}
    return {"version": "3.8", "services": services, "networks": networks, "volumes": volumes}


def render(document: Mapping[str, Any]) -> str:
    """The file's text: the same document always gives the same bytes."""
    return yaml.safe_dump(dict(document), sort_keys=False, width=120, allow_unicode=True)


def _service(
    container: Container, plan: Plan, machine: Machine, stack: str, contents: Mapping[str, str] | None
) -> dict[str, Any]:
    labels = _escaped_values(container_labels(container, stack, machine, "compose"))
    if contents and container.secrets:
        labels[SECRETS] = fingerprint(container.secrets, contents)
    names = {other.service: other.name for other in plan.containers}
    service: dict[str, Any] = {
        "container_name": container.name,
        "hostname": container.name,
        "image": container.image.tag,
        "build": _build(container.image),
        "labels": labels,
        "restart": "no" if container.one_shot else "unless-stopped",
        "mem_limit": f"{container.memory}m",
        "memswap_limit": f"{container.memory_and_swap}m",
        "shm_size": f"{container.shm_mib}m",
        "stop_grace_period": f"{container.stop_timeout}s",
        "init": False,
        "read_only": container.read_only,
        "security_opt": ["no-new-privileges:true"],
        "logging": {
            "driver": "json-file",
            "options": {"max-size": plan.log_max_size, "max-file": plan.log_max_files},
        },
        "networks": list(container.networks),
    }
    if container.command:
        service["command"] = [_escaped(word) for word in container.command]
    if container.environment:
        service["environment"] = {key: _escaped(value) for key, value in container.environment.items()}
    if container.cpu_shares:
        service["cpu_shares"] = container.cpu_shares
    if container.user:
        service["user"] = container.user
    if container.groups:
        service["group_add"] = list(container.groups)
    if container.depends_on:
        service["depends_on"] = [names[short] for short in container.depends_on]
    volumes = [f"{bind.source}:{bind.target}{':ro' if bind.read_only else ':rw'}" for bind in container.binds]
    volumes += [f"{machine.secrets / name}:{DIRECTORY}/{name}:ro" for name in container.secrets]
    volumes += [f"{mount.volume}:{mount.target}:rw" for mount in container.volumes]
    if volumes:
        service["volumes"] = [_escaped(volume) for volume in volumes]
    if container.ports:
        address = f"[{plan.bind_address}]" if ":" in plan.bind_address else plan.bind_address
        service["ports"] = [f"{address}:{port.host}:{port.container}" for port in container.ports]
    if container.probe:
        probe = container.probe
        service["healthcheck"] = {
            "test": [_escaped(word) for word in probe.test],
            "interval": f"{probe.interval}s",
            "timeout": f"{probe.timeout}s",
            "retries": probe.retries,
            "start_period": f"{probe.start_period}s",
        }
    return service


def _build(image: Image) -> dict[str, Any]:
    return {
        "context": _escaped(str(image.context)),
        "args": dict(image.args),
    }


def _escaped_values(labels: Mapping[str, str]) -> dict[str, str]:
    return {key: _escaped(value) for key, value in labels.items()}


def _escaped(text: str) -> str:
    """Compose reads $ as the start of a variable."""
    return text.replace("$", "$$")
