"""What must hold before anything is created: asked in a second, instead of found out halfway."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Collection
from pathlib import Path

from docker.errors import NotFound

from airflow_stack.backends import secret_files
from airflow_stack.backends.containers import FOLDERS, Plan
from airflow_stack.backends.labels import DIRECTORY, MANAGED_BY, STACK
from airflow_stack.backends.machine import Machine
from airflow_stack.config import StackConfig
from airflow_stack.config.errors import NAMESPACE
from airflow_stack.errors import OperationError
from airflow_stack.operations import image_build
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.pulumi_cli import uses_own_backend

PASSWORD = "airflow_database_password"  # noqa: S105 - a key

# What the images and their build layers take; measured with `docker system df` after a first build, rounded up.
IMAGES_BYTES = 4 * 1024**3
RUN_BYTES = 1 * 1024**3

# A machine sold with 4 GB tells a little less; limits are rarely all used at once.
MEMORY_SHARE = 0.85


def check(config: StackConfig, given: Collection[str], plan: Plan, machine: Machine, stack: str, tool: str) -> None:
    """Raise OperationError with everything that stands in the way; create nothing but the project's folders.

    ``given`` are the keys of the secrets that config sets; ``tool`` is what is about to create the containers:
    ``pulumi`` or ``compose``.
    """
    problems = [
        *folder_problems(machine, stack),
        *name_problems(plan, stack, tool),
        *volume_problems(plan, machine, stack, given),
        *port_problems(config, plan, stack),
        *memory_problems(plan),
        *disk_problems(plan, machine),
    ]
    if problems:
        raise OperationError("\n".join(["no container, network or volume was created:", *problems]))


def folder_problems(machine: Machine, stack: str) -> list[str]:
    try:
        machine.secrets.mkdir(parents=True, exist_ok=True)
        for folder in FOLDERS:
            (machine.project / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = error.filename or machine.project
        return [
            f"{where}: {os.strerror(error.errno or 0).lower()}; the project directory needs the folders"
            f" {', '.join(FOLDERS)}.\n  mend: sudo chown $USER {machine.project}, or name another:"
            f" pulumi config set --stack {stack} --path {NAMESPACE}:target.project_dir ~/airflow"
        ]
    return []


def name_problems(plan: Plan, stack: str, tool: str) -> list[str]:
    """Containers of these names may be there only if this stack's same tool has made them."""
    problems = []
    for container in plan.containers:
        try:
            labels = client().containers.get(container.name).labels
        except NotFound:
            continue
        if labels.get(STACK) != stack:
            problems.append(
                f"a container named {container.name} is there already, and not this stack's.\n"
                f"  mend: give this stack a prefix: pulumi config set --stack {stack} --path"
                f" {NAMESPACE}:target.prefix mine"
            )
        elif labels.get(MANAGED_BY) != tool:
            made_by = {"compose": "Docker Compose", "pulumi": "Pulumi"}.get(labels.get(MANAGED_BY, ""), "another tool")
            then = "pulumi up" if tool == "pulumi" else "make up"
            return [
                *problems,
                f"the containers of stack {stack!r} are there, made by {made_by}.\n"
                f"  mend: make down STACK={stack} (data and secrets stay), then {then} again",
            ]
    return problems


def volume_problems(plan: Plan, machine: Machine, stack: str, given: Collection[str]) -> list[str]:
    """A database that another stack has made, here or in another clone, opens with that one's password alone."""
    name = plan.volumes.get("postgres-data")
    if name is None or PASSWORD in given or PASSWORD in secret_files.kept(machine.secrets):
        return []
    try:
        labels = client().volumes.get(name).attrs["Labels"] or {}
    except NotFound:
        return []
    here = str(machine.program)
    clone, owner = labels.get(DIRECTORY, here), labels.get(STACK, stack)
    shared_state = uses_own_backend() and here not in os.environ.get("PULUMI_BACKEND_URL", "")
    if (clone, owner) == (here, stack) or shared_state:  # of a shared state, only Pulumi knows what it holds
        return []
    whose = f"stack {owner}" if clone == here else f"stack {owner} in {clone}"
    return [
        f"the volume {name} holds the data of {whose}, and its secrets are not here.\n"
        f"  mend: run it there; or bring its secrets: cp -r {clone}/.airflow-stack/{owner}/secrets {machine.secrets};"
        f" or begin anew beside it: pulumi config set --stack {stack} --path {NAMESPACE}:target.prefix mine"
    ]


def port_problems(config: StackConfig, plan: Plan, stack: str) -> list[str]:
    ours = set()
    for container in client().containers.list(filters={"label": f"{STACK}={stack}"}):
        for bindings in (container.attrs["HostConfig"]["PortBindings"] or {}).values():
            ours |= {int(binding["HostPort"]) for binding in bindings}
    problems = []
    for key, port in config.published_ports().items():
        if port not in ours and not _free(plan.bind_address, port):
            problems.append(
                f"{NAMESPACE}:{key}: port {port} of {plan.bind_address} is in use by another program.\n"
                f"  mend: stop it (see: ss -ltnp 'sport = :{port}'), or take another port:"
                f" pulumi config set --stack {stack} --path {NAMESPACE}:{key} {port + 1}"
            )
    return problems


def _free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return True  # a port below 1024: Docker may bind it, this process may not
        except OSError:
            return False
    return True


def memory_problems(plan: Plan) -> list[str]:
    total = int(client().info()["MemTotal"]) // 1024**2
    needed = sum(container.memory for container in plan.long_running)
    if total >= needed * MEMORY_SHARE:
        return []
    return [
        f"Docker has {total} MiB of memory, and the containers may take {needed} MiB in all.\n"
        f"  mend: give Docker more (Docker Desktop: Settings, Resources), or lower the limits, such as"
        f" {NAMESPACE}:worker.count and {NAMESPACE}:worker.memory"
    ]


def disk_problems(plan: Plan, machine: Machine) -> list[str]:
    built = not image_build.missing(plan)
    needed = RUN_BYTES if built else IMAGES_BYTES
    root = Path(client().info()["DockerRootDir"])
    problems = []
    for path, what in ((root, "Docker's data"), (machine.project, "the project directory")):
        if not path.exists():  # Docker Desktop keeps its data in a machine of its own
            continue
        free = shutil.disk_usage(path).free
        wanted = needed if path == root else RUN_BYTES // 4
        if free < wanted:
            problems.append(
                f"{path} ({what}) has {free // 1024**2} MiB free, and needs {wanted // 1024**2} MiB.\n"
                f"  mend: free some: docker system prune"
            )
    return problems
