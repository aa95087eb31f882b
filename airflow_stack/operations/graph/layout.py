"""Where everything of a topology stands, in pixels: tiers from top to bottom, columns from left to right.

An edge leaves a box at its lower or upper side, runs in a lane between two tiers, and passes other tiers between their
boxes or where a tier has none. Edges with one target and one label share a lane, like a bus.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

from airflow_stack.operations.graph.topology import Edge, Line, Node, Topology

NODE_WIDTH = 196
NODE_PADDING = 12
TITLE_HEIGHT = 19
LINE_HEIGHT = 15
MARGIN = 20
GAP = 26
"""Between the boxes of two columns, beside what their groups need."""
GROUP_PADDING = 14
LANE = 14
BEHIND = 5
"""How far a second box looks out from behind one that stands for many."""
LABEL_HEIGHT = 22
"""Of the part of a channel where edges have their labels, right above the boxes that they point at."""
CHARACTER = 6.3
"""Width of a character of a label, as wide as common fonts have it."""
LINE_CHARACTERS = 28
"""In a line of a box."""


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


@dataclass(frozen=True)
class Route:
    """The way of one edge: its corners, from its source to its target."""

    edge: Edge
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Label:
    """Text at an edge; ``x`` is where it begins, ``y`` its base line."""

    text: str
    x: float
    y: float

    @property
    def box(self) -> Box:
        return Box(self.x, self.y - 10, len(self.text) * CHARACTER, 13)


@dataclass(frozen=True)
class Layout:
    """Everything's place."""

    width: float
    height: float
    nodes: dict[str, Box]
    groups: dict[str, Box]
    routes: tuple[Route, ...]
    labels: tuple[Label, ...]


def wrapped(details: tuple[str, ...]) -> list[str]:
    """Details in lines that a box has room for; a word that is longer than a line is broken."""
    lines: list[str] = []
    for detail in details:
        long = any(len(word) > LINE_CHARACTERS for word in detail.split())
        lines += textwrap.wrap(detail, LINE_CHARACTERS, break_on_hyphens=long)
    return lines


def layout(topology: Topology) -> Layout:
    """Lay a topology out. The same topology has the same layout."""
    return _Layout(topology).done()


@dataclass
class _Bundle:
    """Edges that are drawn as one: of one target, or for an order of one source."""

    edges: list[Edge] = field(default_factory=list)

    @property
    def order(self) -> bool:
        return self.edges[0].line is Line.ORDER


class _Layout:
    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._nodes = {node.id: node for node in topology.nodes}
        self._tiers = sorted({node.tier for node in topology.nodes})
        self._columns = sorted({node.column for node in topology.nodes})
        self._inside = {group.id: topology.members(group.id) for group in topology.groups}
        self._bundles = self._bundled()
        self._lanes = self._laned()
        self._x = self._column_lefts()
        self._y: dict[int, float] = {}
        self._channel: dict[int, float] = {}
        self._height = self._tier_tops()
        self._boxes = {node.id: self._box(node) for node in topology.nodes}
        self._groups = self._group_boxes()
        self._ports = self._ported()

    def done(self) -> Layout:
        routes, labels = [], []
        for number, bundle in enumerate(self._bundles):
            ways = [Route(edge, self._way(number, edge)) for edge in bundle.edges]
            routes += ways
            if text := bundle.edges[0].label:
                end = ways[0].points[0 if bundle.order else -1]
                node = self._nodes[bundle.edges[0].source if bundle.order else bundle.edges[0].target]
                above = end[1] <= self._y[node.tier]
                middle = self._boxes[node.id].x + NODE_WIDTH / 2
                if self._middle(node.id, lower=not above) > middle:
                    middle = self._boxes[node.id].right
                # Of two ports side by side, the left one has its label on its left.
                width = len(text) * CHARACTER
                x = end[0] - 7 - width if end[0] < middle - 12 else end[0] + 7
                labels.append(Label(text, x, end[1] - 9 if above else end[1] + 18))
        right = self._x[self._columns[-1]] + NODE_WIDTH + self._ending(self._columns[-1], "column") * GROUP_PADDING
        return Layout(right + MARGIN, self._height, self._boxes, self._groups, tuple(routes), tuple(labels))

    # Sizes

    def _span(self, group: str, axis: str) -> tuple[int, int]:
        places = [getattr(node, axis) for node in self._inside[group]]
        return min(places), max(places)

    def _depth(self, place: int, axis: str, end: int) -> list[str]:
        """The longest chain of nested groups that all begin (end 0) or end (end 1) at this place, outermost first."""
        chains: dict[str | None, list[str]] = {None: []}
        longest: list[str] = []
        for group in self._topology.groups:
            chain = list(chains.get(group.parent, []))
            if self._span(group.id, axis)[end] == place:
                chain.append(group.id)
            chains[group.id] = chain
            if len(chain) > len(longest):
                longest = chain
        return longest

    def _ending(self, place: int, axis: str) -> int:
        return len(self._depth(place, axis, 1))

    def _head(self, group: str) -> float:
        """Height of a group's title."""
        found = next(one for one in self._topology.groups if one.id == group)
        return TITLE_HEIGHT + LINE_HEIGHT * len(wrapped(found.details)) + 8

    def _heads(self, tier: int) -> float:
        """What the titles of the groups that begin at a tier need, one below the other."""
        totals: dict[str | None, float] = {None: 0.0}
        for group in self._topology.groups:
            begins = self._span(group.id, "tier")[0] == tier
            totals[group.id] = totals.get(group.parent, 0.0) + (self._head(group.id) if begins else 0.0)
        return max(totals.values())

    def _column_lefts(self) -> dict[int, float]:
        lefts, x = {}, float(MARGIN)
        for column in self._columns:
            x += len(self._depth(column, "column", 0)) * GROUP_PADDING
            lefts[column] = x
            x += NODE_WIDTH + self._ending(column, "column") * GROUP_PADDING + GAP
        return lefts

    def _tier_tops(self) -> float:
        y = float(MARGIN) + 44  # the title of the picture
        previous: int | None = None
        for tier in self._tiers:
            if previous is not None:
                y += self._ending(previous, "tier") * GROUP_PADDING
            self._channel[tier] = y + 10
            lanes = max(self._lanes.get(tier, {}).values(), default=-1) + 1
            if previous is not None:
                y += 10 + lanes * LANE + self._heads(tier) + LABEL_HEIGHT
            self._y[tier] = y
            y += max(self._node_height(node) for node in self._topology.nodes if node.tier == tier)
            previous = tier
        return y + self._ending(self._tiers[-1], "tier") * GROUP_PADDING + MARGIN

    def _node_height(self, node: Node) -> float:
        return 2 * NODE_PADDING - 4 + TITLE_HEIGHT + LINE_HEIGHT * len(wrapped(node.details))

    def _box(self, node: Node) -> Box:
        return Box(self._x[node.column], self._y[node.tier], NODE_WIDTH, self._node_height(node))

    def _group_boxes(self) -> dict[str, Box]:
        found: dict[str, Box] = {}
        for group in reversed(self._topology.groups):  # children before their parents
            own = [self._boxes[node.id] for node in self._topology.nodes if node.group == group.id]
            inner = [Box(box.x, box.y - LABEL_HEIGHT, box.width, box.height + LABEL_HEIGHT) for box in own]
            inner += [found[child.id] for child in self._topology.groups if child.parent == group.id]
            left, top = min(box.x for box in inner), min(box.y for box in inner)
            right, bottom = max(box.right for box in inner), max(box.bottom for box in inner)
            head = self._head(group.id)
            found[group.id] = Box(
                left - GROUP_PADDING, top - head, right - left + 2 * GROUP_PADDING, bottom - top + head + GROUP_PADDING
            )
        return found

    # Edges

    def _bundled(self) -> list[_Bundle]:
        found: dict[tuple[str, str, str], _Bundle] = {}
        for edge in self._topology.edges:
            hub = edge.source if edge.line is Line.ORDER else edge.target
            found.setdefault((hub, edge.label, edge.line), _Bundle()).edges.append(edge)
        return list(found.values())

    def _ends(self, edge: Edge) -> tuple[int, int]:
        """Tiers of source and target; of a group the one that is nearer to the target."""
        target = self._nodes[edge.target].tier
        if edge.source in self._nodes:
            return self._nodes[edge.source].tier, target
        first, last = self._span(edge.source, "tier")
        return (last if target > last else first), target

    def _channels(self, edge: Edge) -> tuple[int, int]:
        """The channels in which an edge begins and ends, each named by the tier below it."""
        source, target = self._ends(edge)
        if target > source:
            return self._tiers[self._tiers.index(source) + 1], target
        return source, (source if target == source else self._tiers[self._tiers.index(target) + 1])

    def _laned(self) -> dict[int, dict[int, int]]:
        """Lane of each bundle, by channel."""
        lanes: dict[int, dict[int, int]] = {}
        for number, bundle in enumerate(self._bundles):
            for edge in bundle.edges:
                for channel in self._channels(edge):
                    taken = lanes.setdefault(channel, {})
                    if not self._straight(edge):
                        taken.setdefault(number, len(taken))
        return lanes

    def _clear(self, column: int, first: int, last: int) -> bool:
        """Whether a column has no box between two tiers."""
        return not any(node.column == column and first < node.tier < last for node in self._topology.nodes)

    def _straight(self, edge: Edge) -> bool:
        """Whether an edge is one vertical line."""
        source, target = self._ends(edge)
        column = self._nodes[edge.target].column
        if source == target or not self._clear(column, min(source, target), max(source, target)):
            return False
        if edge.source in self._nodes:
            return self._nodes[edge.source].column == column
        first, last = self._span(edge.source, "column")
        return first <= column <= last

    def _ported(self) -> dict[tuple[int, str], float]:
        """Where a bundle meets a box, by bundle and box: straight edges in the middle, the others beside it."""
        sides: dict[tuple[str, bool], list[tuple[float, int]]] = {}
        for number, bundle in enumerate(self._bundles):
            for edge in bundle.edges:
                source, target = self._ends(edge)
                for node, other, lower in (
                    (edge.source, edge.target, target > source),
                    (edge.target, edge.source, target < source),
                ):
                    if node in self._nodes:
                        side = sides.setdefault((node, lower), [])
                        if number not in [taken for _, taken in side]:
                            side.append((self._aim(other, node), number))
        ports: dict[tuple[int, str], float] = {}
        for (node, lower), side in sides.items():
            box, ordered = self._boxes[node], [number for _, number in sorted(side)]
            middle = self._middle(node, lower=lower)
            if len(ordered) == 1:
                shift = 0.0 if self._is_straight(ordered[0]) or not lower else 9.0
                ports[ordered[0], node] = middle + shift
                continue
            step = min(46.0, (box.width - 36) / (len(ordered) - 1))
            if middle > box.x + box.width / 2:
                step = min(step, 20.0)
            for place, number in enumerate(ordered):
                x = middle + (place - (len(ordered) - 1) / 2) * step + (5.0 if lower else 0.0)
                ports[number, node] = x
        return ports

    def _middle(self, node: str, *, lower: bool) -> float:
        """Around where a box is met: not at its left half where the title of a group stands above it."""
        one, box = self._nodes[node], self._boxes[node]
        titled = any(
            self._span(group.id, "tier")[0] == one.tier and self._span(group.id, "column")[0] == one.column
            for group in self._topology.groups
            if one in self._inside[group.id]
        )
        return box.x + box.width * (0.88 if titled and not lower else 0.5)

    def _is_straight(self, number: int) -> bool:
        return any(self._straight(edge) for edge in self._bundles[number].edges)

    def _aim(self, other: str, node: str) -> float:
        """Where the other end is, from left to right."""
        if other in self._nodes:
            return self._boxes[other].x
        return self._boxes[node].x

    def _aisle(self, edge: Edge, start: float | None, end: float, number: int) -> float:
        """Where an edge passes the tiers between its ends."""
        source, target = self._ends(edge)
        first, last = min(source, target), max(source, target)
        if last - first <= 1 or self._clear(self._nodes[edge.target].column, first, last):
            return end
        if start is not None and self._clear(self._nodes[edge.source].column, first, last):
            return start
        gaps = [
            self._x[column] - len(self._depth(column, "column", 0)) * GROUP_PADDING - GAP / 2
            for column in self._columns[1:]
        ]
        nearest = min(gaps, key=lambda x: (abs(x - end), x))
        return nearest + (number % 3 - 1) * 7

    def _way(self, number: int, edge: Edge) -> tuple[tuple[float, float], ...]:
        source, target = self._ends(edge)
        end = self._ports[number, edge.target]
        down = target > source
        if edge.source in self._nodes:
            box = self._boxes[edge.source]
            start = self._ports[number, edge.source]
            aisle = self._aisle(edge, start, end, number)
        else:
            box = self._groups[edge.source]
            aisle = self._aisle(edge, None, end, number)
            start = min(max(aisle, box.x + 16 + number % 3 * 7), box.right - 16 - number % 3 * 7)
        if edge.source in self._nodes and self._straight(edge) and len(self._bundles[number].edges) == 1:
            start = aisle = end
        goal = self._boxes[edge.target]
        points = [(start, box.bottom if down else box.y)]
        first, last = self._channels(edge)
        for channel, before, after in ((first, start, aisle), (last, aisle, end)):
            if before != after:
                y = self._channel[channel] + self._lanes[channel].get(number, 0) * LANE
                points += [(before, y), (after, y)]
        behind = BEHIND if self._nodes[edge.target].many else 0
        points.append((end, goal.bottom + behind if target < source else goal.y))
        return tuple(points)
