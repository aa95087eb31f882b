"""Let the next run finish what an interrupted one has begun.

A `pulumi up` whose process is killed leaves a lock that nobody holds, and containers that exist without being in
Pulumi's state: creating them again would fail on their names.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path

from docker.errors import APIError, NotFound

from airflow_stack.backends.labels import MANAGED_BY, STACK
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.pulumi_cli import PulumiCli


def recover(pulumi: PulumiCli, stack: str, say: Say) -> None:
    """Release a dead run's lock; remove containers and networks of ours that Pulumi's state does not know.

    Nothing is lost with them: all data is in volumes, and a volume is taken over by its name.
    """
    locks = _locks(pulumi.local_state(), stack)
    if locks and not any(map(_is_held, locks)):
        say("an earlier update was killed: releasing its lock")
        pulumi.cancel()
    label: dict[str, str | list[str] | bool] = {"label": [f"{STACK}={stack}", f"{MANAGED_BY}=pulumi"]}
    containers = client().containers.list(all=True, filters=label)
    networks = client().networks.list(filters={"label": f"{STACK}={stack}"})
    if not containers and not networks:
        return
    known = pulumi.resource_ids()
    for container in containers:
        if container.id not in known:
            say(f"removing {container.name}, which an earlier update has left unfinished")
            with suppress(NotFound):
                container.remove(force=True)
    for network in networks:
        if network.id not in known and not network.attrs["Labels"].get("com.docker.compose.project"):
            with suppress(NotFound, APIError):  # in use: then preflight names the containers that use it
                network.remove()


def _locks(state: Path | None, stack: str) -> list[Path]:
    if state is None:
        return []
    return list((state / ".pulumi" / "locks").glob(f"**/{stack}/*.json"))


def _is_held(lock: Path) -> bool:
    """Whether the process that took the lock still runs; one of another machine may."""
    try:
        owner = json.loads(lock.read_text(encoding="utf-8"))
        return owner["hostname"] != socket.gethostname() or _is_pulumi(int(owner["pid"]))
    except FileNotFoundError:
        return False  # released meanwhile
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _is_pulumi(pid: int) -> bool:
    """Whether that process lives and may be Pulumi: ids are used again, and a zombie has no command line left."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    command = Path(f"/proc/{pid}/cmdline")
    return not command.exists() or b"pulumi" in command.read_bytes()
