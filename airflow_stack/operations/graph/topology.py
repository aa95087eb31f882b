"""What a picture of a stack shows, whatever the stack runs on and whatever draws it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

TIMES = "\N{MULTIPLICATION SIGN}"


class Kind(StrEnum):
    """What a node is, for its colour."""

    OUTSIDE = "outside"
    ENTRY = "entry"
    AIRFLOW = "airflow"
    DATA = "data"
    STORE = "store"
    SECRET = "secret"  # noqa: S105 - a kind
    PLATFORM = "platform"


class Line(StrEnum):
    """What an edge is, for its stroke."""

    FLOW = "flow"
    """Who opens the connection points at who answers."""
    ORDER = "order"
    """What has to be there first points at what waits for it."""


@dataclass(frozen=True)
class Node:
    """One box. Tier and column are its place in the picture: tiers from the user at the top to the data below."""

    id: str
    title: str
    kind: Kind
    tier: int
    column: int
    details: tuple[str, ...] = ()
    group: str | None = None
    members: tuple[str, ...] = ()
    """What of the deployed description it stands for: services of containers, or of ECS."""
    many: bool = False
    """Whether there are, or may be, several of it."""


@dataclass(frozen=True)
class Group:
    """A box around nodes and other groups: a network, a cluster, a place."""

    id: str
    title: str
    details: tuple[str, ...] = ()
    parent: str | None = None


@dataclass(frozen=True)
class Edge:
    """From a node or a whole group to a node."""

    source: str
    target: str
    label: str = ""
    line: Line = Line.FLOW


@dataclass(frozen=True)
class Topology:
    """The whole picture. A group without nodes is not in it."""

    title: str
    description: str
    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]

    def members(self, group: str) -> tuple[Node, ...]:
        """All nodes in a group, those of the groups in it too."""
        inside = {group}
        for one in self.groups:  # a parent stands before its children
            if one.parent in inside:
                inside.add(one.id)
        return tuple(node for node in self.nodes if node.group in inside)


def topology(
    title: str, description: str, nodes: Iterable[Node], groups: Iterable[Group], edges: Iterable[Edge]
) -> Topology:
    """The topology of these parts, without groups that hold nothing and edges that lead to a part which is not there.

    ValueError where two nodes share an id or a place, or a group stands before its parent.
    """
    nodes, groups = tuple(nodes), tuple(groups)
    _differ("id", [node.id for node in nodes] + [group.id for group in groups])
    _differ("place", [f"tier {node.tier}, column {node.column}" for node in nodes])
    known: set[str | None] = {None}
    for group in groups:
        if group.parent not in known:
            raise ValueError(f"group {group.id} stands before its parent {group.parent}")
        known.add(group.id)
    whole = Topology(title, description, nodes, groups, ())
    used = tuple(group for group in groups if whole.members(group.id))
    there = {node.id for node in nodes} | {group.id for group in used}
    kept = tuple(edge for edge in edges if {edge.source, edge.target} <= there)
    return Topology(title, description, nodes, used, kept)


def _differ(what: str, found: list[str]) -> None:
    if twice := sorted({one for one in found if found.count(one) > 1}):
        raise ValueError(f"parts of the picture have one {what}: {', '.join(twice)}")


def from_all(group: str, sources: Iterable[str], target: str, label: str, members: Iterable[Node]) -> list[Edge]:
    """An edge of each source, or one of the group where all of its members are sources."""
    sources = tuple(sources)
    if set(sources) == {node.id for node in members}:
        return [Edge(group, target, label)]
    return [Edge(source, target, label) for source in sources]


def listed(names: Iterable[str], width: int = 28) -> tuple[str, ...]:
    """Names in lines of at most ``width`` characters, so that a box stays narrow."""
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) + 2 <= width:
            lines[-1] += f", {name}"
        else:
            if lines:
                lines[-1] += ","
            lines.append(name)
    return tuple(lines)


def first_to_last(names: tuple[str, ...]) -> str:
    """A few names, or the first and the last of many."""
    return ", ".join(names) if not names[2:] else f"{names[0]} … {names[-1]}"
