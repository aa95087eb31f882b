"""What must hold before anything is created: asked in a second, instead of found out halfway."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Collection
from pathlib import Path

from airflow_stack.airflow.advice import setting
from airflow_stack.backends import secret_files
from airflow_stack.backends.containers import FOLDERS, Plan
from airflow_stack.backends.identity import FILE, has_secrets, is_at
from airflow_stack.backends.labels import IMAGE_VERSION, MANAGED_BY
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig
from airflow_stack.config.errors import NAMESPACE
from airflow_stack.config.load import secrets_directory
from airflow_stack.errors import OperationError
from airflow_stack.operations import image_build, recovery
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.ownership import NOBODY, Kind, Owner, Ownership, Thing, look, named
from airflow_stack.operations.pulumi_cli import PulumiCli
from airflow_stack.releases import RELEASES

PASSWORD = "airflow_database_password"  # noqa: S105 - a key

# What the images and their build layers take; measured with `docker system df` after a first build, rounded up.
IMAGES_BYTES = 4 * 1024**3
RUN_BYTES = 1 * 1024**3

# A machine sold with 4 GB tells a little less; limits are rarely all used at once.
MEMORY_SHARE = 0.85


def check(config: LocalConfig, given: Collection[str], plan: Plan, machine: Machine, stack: str, tool: str) -> None:
    """Raise OperationError with everything that stands in the way; create nothing but the project's folders.

    ``given`` are the keys of the secrets that config sets; ``tool`` is what is about to create the containers:
    ``pulumi`` or ``compose``.
    """
    pulumi = PulumiCli.that_may_know(machine.program, stack) if tool == "pulumi" else None
    found = look(config, machine.program, stack, pulumi.resource_ids if pulumi else None)
    shared = recovery.shared_state(pulumi, found) if pulumi else ""
    problems = [
        *folder_problems(machine, stack),
        *([shared] if shared else []),
        *name_problems(plan, found, stack, tool),
        *line_problems(config, found, stack),
        *volume_problems(plan, found, machine, stack, given, pulumi),
        *port_problems(config, plan, found, stack),
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
            f" {setting(stack, {'target.project_dir': '/srv/airflow'})}"
        ]
    return []


def name_problems(plan: Plan, found: Ownership, stack: str, tool: str) -> list[str]:
    """Containers and networks of these names may be there only if this stack's same tool has made them."""
    wanted: list[tuple[Kind, str]] = [("container", container.name) for container in plan.containers]
    wanted += [("network", network.name) for network in plan.networks.values()]
    there = [thing for kind, name in wanted if (thing := named(kind, name))]
    taken: dict[Owner, list[Thing]] = {}
    for thing in there:
        if not found.is_ours(thing):
            taken.setdefault(found.owner(thing), []).append(thing)
    problems = [_taken(owner, things, stack) for owner, things in taken.items()]
    made_by = {thing.labels.get(MANAGED_BY) for thing in there if thing.kind == "container" and found.is_ours(thing)}
    if others := made_by - {tool}:
        other = {"compose": "Docker Compose", "pulumi": "Pulumi"}.get(others.pop() or "", "another tool")
        then = "pulumi up" if tool == "pulumi" else "make up"
        problems.append(
            f"the containers of stack {stack!r} are there, made by {other}.\n"
            f"  mend: make down STACK={stack} (data and secrets stay), then {then} again"
        )
    return problems


def _taken(owner: Owner, things: list[Thing], stack: str) -> str:
    first, more = things[0], f" (and {len(things) - 1} more)" if len(things) > 1 else ""
    aside = f"give this stack a prefix: {setting(stack, {'target.prefix': 'mine'})}"
    clear = f"; or {owner.take_down}" if owner.take_down else ""
    return f"a {first.kind} named {first.name} is there already{more}: {owner}.\n  mend: {aside}{clear}"


def line_problems(config: LocalConfig, found: Ownership, stack: str) -> list[str]:
    """A stack that is up goes to another release line of Airflow only where its version is named, and never back.

    Where it is down, its database says the same to the init container.
    """
    wanted = config.airflow.version
    running = {thing.labels.get(IMAGE_VERSION, "") for thing in found.ours("container")} & RELEASES.keys()
    for version in sorted(running, key=_numbers):
        if _numbers(version)[:2] == _numbers(wanted)[:2] or version == config.airflow.upgrade_from:
            continue
        key = f"pulumi config set --stack {stack} --path {NAMESPACE}:airflow"
        change = f"the stack runs Airflow {version}, and {NAMESPACE}:airflow.version is {wanted}"
        if _numbers(version) > _numbers(wanted):
            return [
                f"{change}, which can't use its database.\n"
                f"  fix: {key}.version {version}; or restore a backup of before its upgrade into a new stack"
            ]
        return [
            f"{change}: it is upgraded only when that is asked for.\n"
            f"  fix: to stay, {key}.version {version}; to upgrade, airflow-stack backup -s {stack}, then"
            f" {key}.upgrade_from {version}"
        ]
    return []


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def volume_problems(
    plan: Plan, found: Ownership, machine: Machine, stack: str, given: Collection[str], pulumi: PulumiCli | None
) -> list[str]:  # fmt: skip
    """Data of another stack, here or in another clone, stays that one's; a database opens with its password alone."""
    for key, name in plan.volumes.items():
        volume = named("volume", name)
        owner = found.owner(volume) if volume else NOBODY
        if volume is None or owner == NOBODY:  # made by hand, for this stack
            continue
        theirs = (
            not found.is_ours(volume) and owner.is_there and (bool(owner.id) or not _shares_secrets(owner, machine))
        )
        opens = key != "postgres-data" or PASSWORD in given or PASSWORD in secret_files.kept(machine.secrets)
        # What Pulumi's state holds, it has the password of.
        if theirs or not (opens or (pulumi and name in pulumi.resource_ids())):
            return [_of_data(name, owner, machine, stack)]
    return []


def _shares_secrets(owner: Owner, machine: Machine) -> bool:
    """Whether this directory has the owner's password, who says no more than its directory: somebody has copied it."""
    if owner.directory is None:
        return True
    try:
        theirs = secret_files.kept(secrets_directory(owner.directory, owner.stack)).get(PASSWORD)
    except OSError:
        return False
    return theirs == secret_files.kept(machine.secrets).get(PASSWORD)


def _keeps_secrets(place: Path, owner: Owner) -> bool:
    """Whether what opens the owner's data is there, with its id: Docker makes empty directories of what it lacks."""
    try:
        return has_secrets(place, owner.stack) and is_at(place, owner.stack, owner.id)
    except PermissionError:
        return True


def _of_data(name: str, owner: Owner, machine: Machine, stack: str) -> str:
    here, folder = owner.directory in (None, machine.program), machine.secrets.parent
    anew = f"begin anew beside it: {setting(stack, {'target.prefix': 'mine'})}"
    if here and owner.stack == stack:
        return (
            f"the volume {name} holds the data of a stack {stack} of this directory, and the secrets that open it are"
            f" not in {machine.secrets}.\n"
            f"  mend: bring them back from your backup; or {anew}"
        )
    whose = f"stack {owner.stack}" if here else f"stack {owner.stack} in {owner.directory}"
    place = owner.directory or machine.program
    if not _keeps_secrets(place, owner):
        return (
            f"the volume {name} holds the data of {whose}, whose secrets are neither there nor in {machine.secrets}.\n"
            f"  mend: bring {folder} back from where the stack was moved to, or from your backup; or {anew}"
        )
    theirs = secrets_directory(place, owner.stack).parent
    bring = f"mv {theirs}/secrets {theirs}/{FILE} {folder}/" if owner.id else f"cp -r {theirs}/secrets {folder}/"
    return (
        f"the volume {name} holds the data of {whose}, and is not this one's.\n"
        f"  mend: run it there; or {anew}; or have its data here, and there no more: {bring}"
    )


def port_problems(config: LocalConfig, plan: Plan, found: Ownership, stack: str) -> list[str]:
    ours, users = _publishing(found)
    problems = []
    for key, port in config.published_ports().items():
        if port not in ours and not _free(plan.bind_address, port):
            thing = named("container", users[port]) if port in users else None
            whose = f", which is {owner}" if thing and (owner := found.owner(thing)) != NOBODY else ""
            by = f"container {users[port]}{whose}" if thing else "another program"
            problems.append(
                f"{NAMESPACE}:{key}: port {port} of {plan.bind_address} is in use by {by}.\n"
                f"  mend: stop it (see: ss -ltnp 'sport = :{port}'), or take another port:"
                f" {setting(stack, {key: port + 1})}"
            )
    return problems


def _publishing(found: Ownership) -> tuple[set[int], dict[int, str]]:
    """Ports of this stack's containers; and of all others, with the container's name."""
    own = {thing.key for thing in found.ours("container")}
    ours, users = set(), {}
    for container in client().containers.list(ignore_removed=True):
        for bindings in (container.attrs["HostConfig"]["PortBindings"] or {}).values():
            for port in (int(binding["HostPort"] or 0) for binding in bindings or ()):
                if container.id in own:
                    ours.add(port)
                else:
                    users[port] = str(container.name)
    return ours, users


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
                f"  mend: free some: docker image prune; docker builder prune"
            )
    return problems
