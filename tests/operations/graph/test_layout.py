"""Where things stand: nothing covers anything, in every variant of both targets."""

from __future__ import annotations

from itertools import combinations

import pytest

from airflow_stack.operations.graph.layout import Box, Layout, Route, layout
from airflow_stack.operations.graph.topology import Topology
from operations.graph.variants import everyone

VARIANTS = everyone()


@pytest.fixture(params=VARIANTS, scope="module")
def laid_out(request: pytest.FixtureRequest) -> tuple[Topology, Layout]:
    topology = VARIANTS[request.param]
    return topology, layout(topology)


def meet(one: Box, other: Box) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def segments(route: Route) -> list[Box]:
    """As boxes without a width or without a height."""
    return [
        Box(min(a[0], b[0]), min(a[1], b[1]), abs(a[0] - b[0]), abs(a[1] - b[1]))
        for a, b in zip(route.points, route.points[1:], strict=False)
    ]


def inner(box: Box) -> Box:
    """Without its rim, at which edges end."""
    return Box(box.x + 1, box.y + 1, box.width - 2, box.height - 2)


def test_nodes_do_not_cover_each_other(laid_out: tuple[Topology, Layout]) -> None:
    """Rule: each has its own place within the picture."""
    _, found = laid_out
    for one, other in combinations(found.nodes, 2):
        assert not meet(found.nodes[one], found.nodes[other]), (one, other)
    for name, box in (found.nodes | found.groups).items():
        assert box.x >= 0, name
        assert box.right <= found.width, name
        assert box.bottom <= found.height, name


def test_a_group_holds_its_own_and_nobody_else(laid_out: tuple[Topology, Layout]) -> None:
    """Rule: what stands in a box belongs to it."""
    topology, found = laid_out
    for group in topology.groups:
        box = found.groups[group.id]
        members = {node.id for node in topology.members(group.id)}
        for node, place in found.nodes.items():
            assert meet(box, place) == (node in members), (group.id, node)
    for one, other in combinations(topology.groups, 2):
        if other.parent == one.parent:
            assert not meet(found.groups[one.id], found.groups[other.id]), (one.id, other.id)


def test_no_edge_runs_through_a_node(laid_out: tuple[Topology, Layout]) -> None:
    """Rule: an edge goes around what it does not belong to."""
    _, found = laid_out
    for route in found.routes:
        for name, box in found.nodes.items():
            for segment in segments(route):
                assert not meet(inner(box), segment), (route.edge, name)


def test_an_edge_begins_and_ends_at_its_ends(laid_out: tuple[Topology, Layout]) -> None:
    """Rule: at the rim of the box that it is of, and it is made of upright and level lines."""
    _, found = laid_out
    for route in found.routes:
        for (x, y), name in ((route.points[0], route.edge.source), (route.points[-1], route.edge.target)):
            box = (found.nodes | found.groups)[name]
            assert box.x < x < box.right, route.edge
            assert min(abs(y - box.y), abs(y - box.bottom)) <= 5, route.edge
        assert all(segment.width == 0 or segment.height == 0 for segment in segments(route)), route.edge


def test_edges_of_different_meaning_do_not_share_a_line(laid_out: tuple[Topology, Layout]) -> None:
    """Rule: only edges to one target by one label, and an order from one source, run together."""
    _, found = laid_out
    for one, other in combinations(found.routes, 2):
        if (one.edge.target, one.edge.label) == (other.edge.target, other.edge.label):
            continue
        if (one.edge.source, one.edge.line) == (
            other.edge.source,
            other.edge.line,
        ) and one.edge.label == other.edge.label:
            continue
        for a in segments(one):
            for b in segments(other):
                upright = a.width == b.width == 0 and a.x == b.x and min(a.bottom, b.bottom) - max(a.y, b.y) > 1
                level = a.height == b.height == 0 and a.y == b.y and min(a.right, b.right) - max(a.x, b.x) > 1
                assert not upright, (one.edge, other.edge)
                assert not level, (one.edge, other.edge)


def test_labels_cover_no_node_and_no_other_label(laid_out: tuple[Topology, Layout]) -> None:
    """Rule: every label can be read."""
    _, found = laid_out
    for label in found.labels:
        assert label.box.x >= 0, label.text
        assert label.box.right <= found.width, label.text
        for name, box in found.nodes.items():
            assert not meet(label.box, box), (label.text, name)
    for one, other in combinations(found.labels, 2):
        assert not meet(one.box, other.box), (one.text, other.text)
