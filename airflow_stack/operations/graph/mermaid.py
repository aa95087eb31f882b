"""A topology as a Mermaid flowchart, which GitHub, GitLab and many editors draw."""

from __future__ import annotations

from airflow_stack.operations.graph.svg import COLOURS, GROUPS, RIM, TEXT
from airflow_stack.operations.graph.topology import Edge, Kind, Line, Node, Topology

# By kind: what opens and closes a node. Data are cylinders.
SHAPES = {Kind.OUTSIDE: ("([", "])"), Kind.DATA: ("[(", ")]"), Kind.STORE: ("[(", ")]")}


def mermaid(topology: Topology) -> str:
    """The picture. The same topology is the same text."""
    lines = ["flowchart TB", f"  accTitle: {topology.title}", f"  accDescr: {topology.description}"]
    lines += [line for node in topology.nodes if node.group is None for line in [f"  {_node(node)}"]]
    lines += _groups(topology, None, "  ")
    groups = {group.id for group in topology.groups}
    lines += [f"  {_edge(edge, long=edge.source in groups)}" for edge in topology.edges]
    kinds = [kind for kind in Kind if any(node.kind is kind for node in topology.nodes)]
    for kind in kinds:
        fill, stroke = COLOURS[kind]
        lines.append(f"  classDef {kind} fill:{fill},stroke:{stroke},color:{TEXT}")
    lines.append(f"  classDef box fill:{GROUPS[0]},stroke:{RIM},color:{TEXT}")
    lines.append(f"  class {','.join(group.id for group in topology.groups)} box")
    return "\n".join([*lines, ""])


def _groups(topology: Topology, parent: str | None, indent: str) -> list[str]:
    lines = []
    for group in topology.groups:
        if group.parent != parent:
            continue
        lines.append(f"{indent}subgraph {group.id}[{_quoted(', '.join((group.title, *group.details)))}]")
        lines += [f"{indent}  {_node(node)}" for node in topology.nodes if node.group == group.id]
        lines += [*_groups(topology, group.id, f"{indent}  "), f"{indent}end"]
    return lines


def _node(node: Node) -> str:
    first, last = SHAPES.get(node.kind, ("[", "]"))
    return f"{node.id}{first}{_quoted(f'<b>{_escaped(node.title)}</b>', *node.details, escaped=1)}{last}:::{node.kind}"


def _edge(edge: Edge, *, long: bool) -> str:
    """A long arrow leads below the whole group where it starts; Mermaid would else put its end beside the group."""
    arrow = "-.->" if edge.line is Line.ORDER else "---->" if long else "-->"
    label = f"|{_quoted(edge.label)}|" if edge.label else ""
    return f"{edge.source} {arrow}{label} {edge.target}"


def _quoted(*lines: str, escaped: int = 0) -> str:
    """One text of several lines; the first ``escaped`` ones are markup already."""
    text = "<br/>".join(line if number < escaped else _escaped(line) for number, line in enumerate(lines))
    return f'"{text}"'


def _escaped(text: str) -> str:
    """Mermaid reads #name; as a character, and what is between < and > as markup."""
    replaced = text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
    return replaced.replace("`", "#96;")
