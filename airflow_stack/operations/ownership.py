"""What of Docker's containers, networks and volumes is a stack's, and whose the rest is. Every verb asks here.

An object says by its labels who has made it: the stack's name, its directory and its id (`backends/identity.py`). It
is ours where the id is ours, and this directory is no copy of another that has it: the rule is there. Objects of
versions before there were ids say less: then the directory counts, which a container tells by the secret files that it
mounts, and what tells nothing belongs to whom its neighbours belong to: those of its name's prefix, those that are in
it, those that mount it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from docker.errors import NotFound
from docker.models.containers import Container
from docker.models.networks import Network
from docker.models.volumes import Volume

from airflow_stack.airflow.secrets import DIRECTORY as MOUNTED
from airflow_stack.airflow.secrets import fingerprint
from airflow_stack.backends.containers import name_prefix, network_names
from airflow_stack.backends.identity import Identity, is_at
from airflow_stack.backends.labels import DIRECTORY, ID, MANAGED_BY, SECRETS, SERVICE, STACK
from airflow_stack.config import LocalConfig
from airflow_stack.config.load import secrets_directory
from airflow_stack.errors import OperationError
from airflow_stack.operations.docker_engine import client

Kind = Literal["container", "network", "volume"]
T = TypeVar("T")
WORKING_DIR = "com.docker.compose.project.working_dir"


@dataclass(frozen=True)
class Owner:
    """Whom an object belongs to, as far as it says so."""

    stack: str
    directory: Path | None = None
    id: str = ""

    @property
    def is_there(self) -> bool:
        """Whether its directory still has it, so that its owner can be asked to take it down."""
        return self.directory is not None and is_at(self.directory, self.stack, self.id)

    def __str__(self) -> str:
        if not self.stack:
            return "no stack's"
        return f"of stack {self.stack!r} {self.place}"

    @property
    def place(self) -> str:
        """Where it is."""
        if self.directory is None:
            return "somewhere else"
        if self.is_there:
            return f"in {self.directory}"
        return f"of {self.directory}, which was moved or deleted, or has lost its .airflow-stack"

    @property
    def take_down(self) -> str:
        """What clears the way, with its command; empty where nobody knows it."""
        if self.is_there:
            return f"take it down: make -C {shlex.quote(str(self.directory))} down STACK={shlex.quote(self.stack)}"
        if self.id:
            found = f"docker ps --all --quiet --filter label={ID}={self.id}"
            return f"where it is nobody's any more, remove it: docker rm --force $({found})"
        return ""


NOBODY = Owner("")


@dataclass(frozen=True)
class Thing:
    """A container, network or volume that carries a stack's label, or a container's name that is asked for."""

    kind: Kind
    key: str
    """What Pulumi's state calls it: the id, and of a volume the name."""
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    """Of a container: what is mounted, a path or the name of a volume, by the path in it."""
    networks: Collection[str] = ()
    """Of a container: names of those that it is in."""

    @property
    def prefix(self) -> str:
        """Of a container: what the names of its stack begin with."""
        return self.name.removesuffix(self.labels.get(SERVICE, ""))

    def told(self) -> Owner | None:
        """Its owner by what it says itself; None where it says no more than a stack's name."""
        stack = self.labels.get(STACK, "")
        if directory := self.labels.get(DIRECTORY):
            return Owner(stack, Path(directory), self.labels.get(ID, ""))
        # Before there were ids. The paths end alike for one stack, whatever directory they are in.
        folder = str(secrets_directory(Path("/"), stack))
        for target, source in self.mounts.items():
            if target.startswith(f"{MOUNTED}/") and f"{folder}/" in source:
                return Owner(stack, Path(source[: source.rindex(f"{folder}/")] or "/"))
        place = self.labels.get(WORKING_DIR, "")
        if place.endswith(end := folder.rpartition("/")[0]):
            return Owner(stack, Path(place.removesuffix(end) or "/"))
        return None


@dataclass(frozen=True)
class Ownership:
    """Everything of all stacks that is there now, and which of it is one stack's. Pure but for files of directories."""

    identity: Identity
    prefix: str
    """Of the names of containers and volumes, as the config says now."""
    network_names: Collection[str]
    things: tuple[Thing, ...]
    state: Collection[str] = ()
    """Keys of what Pulumi's state of this stack holds."""

    def owner(self, thing: Thing) -> Owner:
        """By what it says, else by its neighbours. Of what this is a copy of, where that is now."""
        owner, me = self._told(thing), self.identity
        if owner.directory is None or me.copied_from is None or owner.stack != me.stack:
            return owner
        has_our_id = owner.id == me.id if owner.id else owner.directory in me.directories
        if has_our_id and (me.is_here(owner.directory) or not owner.is_there):
            return Owner(owner.stack, me.copied_from, me.id)
        return owner

    def _told(self, thing: Thing) -> Owner:
        if found := thing.told():
            return found
        stack = thing.labels.get(STACK, "")
        stacks = (one for one in self.things if one.kind == "container" and one.labels.get(STACK) == stack)
        told = (one.told() for one in stacks if _are_neighbours(thing, one))
        return next(filter(None, told), Owner(stack))

    def is_ours(self, thing: Thing) -> bool:
        owner, me = self.owner(thing), self.identity
        if thing.kind == "volume" and not owner.is_there and self._is_used(thing):
            return True  # taken over, with its secrets: its labels stay what they were
        if not owner.stack or owner.stack != me.stack:
            return False
        if owner.directory is None:
            return self._has_our_name(thing)
        if thing.key in self.state and not owner.is_there:
            return True
        here = me.is_here(owner.directory)
        if me.closed:
            return here
        if owner.id:
            made_here = here or owner.directory in me.directories or not owner.is_there
            return owner.id == me.id and me.copied_from is None and made_here
        if not self._has_our_name(thing):
            return False
        if here:
            # Of an exported Compose file; or of a version without ids, and not of a project that was here before.
            return me.was_up or (thing.kind != "volume" and DIRECTORY in thing.labels)
        return not owner.is_there and (owner.directory in me.directories or owner.directory in self._proven)

    def ours(self, kind: Kind) -> list[Thing]:
        return [thing for thing in self.things if thing.kind == kind and self.is_ours(thing)]

    @cached_property
    def moved_from(self) -> Path | None:
        """Where this directory's stack was made, if it was moved since; None too where nothing of it is there.

        Its containers mount the paths of that place: Docker can neither start nor copy them.
        """
        ours = [thing for thing in self.things if self.is_ours(thing)]
        made = [thing for thing in ours if MANAGED_BY in thing.labels and thing.key not in self.state]
        places = [self.owner(thing).directory for thing in made if thing.kind == "container"]
        elsewhere = (place for place in places if place and not self.identity.is_here(place))
        return (self.identity.moved_from or next(elsewhere, None)) if ours else None

    def refuse_moved(self) -> None:
        """Raises OperationError where the stack was moved and not up since: a verb would break what is up."""
        if self.moved_from:
            raise OperationError(
                f"this stack was moved from {self.moved_from}: run `airflow-stack up -s {self.identity.stack}` first,"
                " which makes its containers anew for this directory.\nNothing was changed."
            )

    def namesakes(self) -> list[Owner]:
        """Other stacks of this one's name that have containers, each once."""
        found = [self.owner(one) for one in self.things if one.kind == "container" and not self.is_ours(one)]
        return list(dict.fromkeys(owner for owner in found if owner.stack == self.identity.stack))

    def originals(self) -> list[Owner]:
        """What this directory is a copy of, if it is one, be it up or not."""
        me = self.identity
        return [Owner(me.stack, me.copied_from, me.id)] if me.copied_from else []

    def misplaced(self) -> list[Thing]:
        """What Pulumi's state holds though it is somebody else's: of a copied state, or one that clones share."""
        return [thing for thing in self.things if thing.key in self.state and not self.is_ours(thing)]

    @cached_property
    def _proven(self) -> set[Path]:
        """Directories whose containers were made with the secrets that are here: before ids, this one, since moved."""
        contents = _contents(secrets_directory(self.identity.directory, self.identity.stack))
        found = set()
        for thing in self.things:
            owner, known = thing.told(), thing.labels.get(SECRETS)
            names = [Path(target).name for target in thing.mounts if target.startswith(f"{MOUNTED}/")]
            if not (known and owner and owner.directory and {*names, "fernet_key"} <= contents.keys()):
                continue
            if known == fingerprint(tuple(names), contents):
                found.add(owner.directory)
        return found

    def _is_used(self, volume: Thing) -> bool:
        """Whether a container of ours has it."""
        users = (one for one in self.things if one.kind == "container" and volume.name in one.mounts.values())
        return any(self.is_ours(one) for one in users)

    def _has_our_name(self, thing: Thing) -> bool:
        return thing.name in self.network_names if thing.kind == "network" else thing.name.startswith(self.prefix)


def look(
    config: LocalConfig, program: Path, stack: str, state: Callable[[], Collection[str]] | None = None
) -> Ownership:
    """What is there now. ``state`` reads what Pulumi's state holds; it is asked where somebody else has something.

    Raises OperationError where Docker does not answer.
    """
    things = tuple(_things())
    identity = _identity(program, stack, things)
    found = Ownership(identity, name_prefix(config), network_names(config), things)
    others = [one for one in found.things if one.labels.get(STACK) == stack and not found.is_ours(one)]
    if state is None or not others:
        return found
    return Ownership(identity, found.prefix, found.network_names, found.things, frozenset(state()))


def settle(program: Path, stack: str) -> Identity:
    """This directory's identity for an `up`. Raises OperationError where it is another user's."""
    return Identity.settle(program, stack, _identity(program, stack, _things()).labelled)


def _identity(program: Path, stack: str, things: Iterable[Thing]) -> Identity:
    """With what labels add: a copy made before a move learns by them where its original is now."""
    known = Identity.read(program, stack)
    told = [owner for thing in things if (owner := thing.told()) and owner.id]
    places = {owner.directory for owner in told if owner.directory and owner.id == known.id}
    return replace(known, labelled=tuple(sorted(places)))


def containers(found: Ownership) -> list[Container]:
    """The stack's, as Docker's client has them; without those that have gone meanwhile."""
    api = client().containers
    return _present(api.get, found.ours("container"))


def running(found: Ownership) -> dict[Owner, list[Container]]:
    """Containers of every stack of this machine that run, by whose they are."""
    owned: dict[Owner, list[Container]] = {}
    for thing in found.things:
        if thing.kind == "container" and SERVICE in thing.labels:
            there = _present(client().containers.get, [thing])
            there = [one for one in there if one.attrs["State"]["Status"] == "running"]
            owned.setdefault(found.owner(thing), []).extend(there)
    return {owner: containers for owner, containers in owned.items() if containers}


def networks(found: Ownership) -> list[Network]:
    """The stack's."""
    return _present(client().networks.get, found.ours("network"))


def volumes(things: Iterable[Thing]) -> list[Volume]:
    """These, as far as they are still there."""
    return _present(client().volumes.get, things)


def named(kind: Kind, name: str) -> Thing | None:
    """A container, network or volume by its name, whoever has made it; None where there is none."""
    try:
        if kind == "container":
            one = client().containers.get(name)
            return _container(_summary(one.attrs))
        if kind == "volume":
            return _volume(client().volumes.get(name).attrs)
    except NotFound:
        return None
    found = client().api.networks(names=[name])
    return next((_network(entry) for entry in found if entry["Name"] == name), None)


def _are_neighbours(thing: Thing, container: Thing) -> bool:
    if thing.kind == "network":
        return thing.name in container.networks
    if thing.kind == "volume":
        return thing.name in container.mounts.values()
    return thing.prefix == container.prefix


def _present(get: Callable[[str], T], things: Iterable[Thing]) -> list[T]:
    found = []
    for thing in things:
        with suppress(NotFound):
            found.append(get(thing.key))
    return found


def _things() -> Iterable[Thing]:
    """Whatever carries a stack's label."""
    api, labelled = client().api, {"label": STACK}
    yield from (_container(entry) for entry in api.containers(all=True, filters=labelled))
    yield from (_network(entry) for entry in api.networks(filters=labelled))
    yield from (_volume(entry) for entry in api.volumes(filters=labelled)["Volumes"] or [])


def _container(entry: Mapping[str, Any]) -> Thing:
    mounts = {mount["Destination"]: mount.get("Name") or mount.get("Source", "") for mount in entry["Mounts"]}
    attached = entry["NetworkSettings"]["Networks"] or {}
    name = entry["Names"][0].removeprefix("/") if entry["Names"] else ""
    return Thing("container", entry["Id"], name, entry["Labels"] or {}, mounts, tuple(attached))


def _summary(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What `docker inspect` says, in the form of a listing."""
    return {**attributes, "Names": [attributes["Name"]], "Labels": attributes["Config"]["Labels"]}


def _network(entry: Mapping[str, Any]) -> Thing:
    return Thing("network", entry["Id"], entry["Name"], entry["Labels"] or {})


def _volume(entry: Mapping[str, Any]) -> Thing:
    return Thing("volume", entry["Name"], entry["Name"], entry["Labels"] or {})


def _contents(directory: Path) -> dict[str, str]:
    try:
        return {path.name: path.read_text(encoding="utf-8") for path in directory.iterdir() if path.is_file()}
    except OSError:
        return {}
