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

from airflow_stack.backends.labels import MANAGED_BY
from airflow_stack.config import LocalConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations import ownership
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.ownership import Ownership
from airflow_stack.operations.pulumi_cli import STATE, PulumiCli


def recover(pulumi: PulumiCli, config: LocalConfig, say: Say) -> None:
    """Release a dead run's lock; remove containers and networks of ours that Pulumi's state does not know.

    Nothing is lost with them: all data is in volumes, and a volume is taken over by its name. Raises OperationError
    where the state is another clone's.
    """
    locks = _locks(pulumi.local_state(), pulumi.stack)
    if locks and not any(map(_is_held, locks)):
        say("an earlier update was killed: releasing its lock")
        pulumi.cancel()
    found = judged(pulumi, config)
    part(pulumi, found, say)
    containers, networks = ownership.containers(found), ownership.networks(found)
    if not containers and not networks:
        return
    known = pulumi.resource_ids()
    for container in containers:
        if container.id not in known and container.labels.get(MANAGED_BY) == "pulumi":
            say(f"removing {container.name}, which an earlier update has left unfinished")
            with suppress(NotFound):
                container.remove(force=True)
    for network in networks:
        if network.id not in known and not network.attrs["Labels"].get("com.docker.compose.project"):
            with suppress(NotFound, APIError):  # in use: then preflight names the containers that use it
                network.remove()


def judged(pulumi: PulumiCli, config: LocalConfig) -> Ownership:
    """What is there, with what Pulumi's state has to say of it."""
    return ownership.look(config, pulumi.program, pulumi.stack, pulumi.resource_ids)


def part(pulumi: PulumiCli, found: Ownership, say: Say) -> None:
    """Let go of what Pulumi's state holds though it is another clone's: an update would replace it, or remove it.

    A state that has come with a copy of the project forgets it. Raises OperationError for one that clones share.
    """
    theirs = found.misplaced()
    if not theirs:
        return
    if not _is_copied(pulumi, found):
        raise OperationError(shared_state(pulumi, found))
    say(f"Pulumi's state is a copy: it forgets what is {found.owner(theirs[0])}")
    pulumi.forget()


def shared_state(pulumi: PulumiCli, found: Ownership) -> str:
    """That Pulumi's state holds what is another clone's, and what to do; empty where it does not."""
    theirs, stack = found.misplaced(), pulumi.stack
    if not theirs:
        return ""
    owner = found.owner(theirs[0])
    names = ", ".join(thing.name for thing in theirs[:3]) + (", …" if theirs[3:] else "")
    mend = f"make up STACK={stack}, which makes this copy of the state forget them"
    if not _is_copied(pulumi, found):
        mend = f"give the stack another name here: mv Pulumi.{stack}.yaml Pulumi.mine.yaml"
        mend += f"; or first {owner.take_down}" if owner.take_down else ""
    return f"Pulumi's state of stack {stack!r} holds {names}: that is {owner}.\n  mend: {mend}"


def _is_copied(pulumi: PulumiCli, found: Ownership) -> bool:
    """Whether the state is this directory's, and each of the others has one of its own."""
    owners = {found.owner(thing).directory for thing in found.misplaced()}
    return pulumi.keeps_state_here() and all(owner and (owner / STATE).is_dir() for owner in owners)


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
