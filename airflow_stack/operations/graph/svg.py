"""A topology as SVG: one file without scripts, styles from elsewhere or fonts of its own."""

from __future__ import annotations

from xml.sax.saxutils import escape

from airflow_stack.operations.graph.layout import (
    BEHIND,
    LINE_HEIGHT,
    NODE_PADDING,
    TITLE_HEIGHT,
    Box,
    Layout,
    Route,
    layout,
    wrapped,
)
from airflow_stack.operations.graph.topology import Group, Kind, Line, Node, Topology

# Fill, stroke. The text is one dark colour, whose contrast with each fill is above 10:1.
COLOURS = {
    Kind.OUTSIDE: ("#f6f8fa", "#6e7781"),
    Kind.ENTRY: ("#fff1e5", "#bc4c00"),
    Kind.AIRFLOW: ("#ddf4ff", "#0969da"),
    Kind.DATA: ("#dafbe1", "#1a7f37"),
    Kind.STORE: ("#fff8c5", "#9a6700"),
    Kind.SECRET: ("#fbefff", "#8250df"),
    Kind.PLATFORM: ("#eaeef2", "#424a53"),
}
GROUPS = ("#fbfcfd", "#f3f6f9", "#ebf0f5", "#e3eaf1")
"""Fill by depth."""
TEXT, SOFT, LINE, RIM = "#1f2328", "#424a53", "#57606a", "#b6bfc9"
FONT = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
CORNER = 7
NORMAL = 400


def svg(topology: Topology) -> str:
    """The picture. The same topology is the same text."""
    placed = layout(topology)
    size = f"{placed.width:g} {placed.height:g}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{placed.width:g}"'
        f' height="{placed.height:g}" role="img" aria-labelledby="title desc" font-family="{FONT}" font-size="12"'
        f' fill="{TEXT}">',
        f'<title id="title">{escape(topology.title)}</title>',
        f'<desc id="desc">{escape(topology.description)}</desc>',
        "<defs>",
        f'<marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 1L9 5L0 9z" fill="{LINE}"/></marker>',
        "</defs>",
        f'<rect width="{placed.width:g}" height="{placed.height:g}" fill="#ffffff"/>',
        f'<text x="20" y="38" font-size="19" font-weight="600">{escape(topology.title)}</text>',
    ]
    depths: dict[str | None, int] = {None: -1}
    for group in topology.groups:
        depths[group.id] = depths[group.parent] + 1
        lines.append(_ground(placed.groups[group.id], depths[group.id]))
    lines += [_route(route) for route in placed.routes]
    for node in topology.nodes:
        lines += _node(node, placed.nodes[node.id])
    # Titles and labels last, each with a rim of the ground's colour: a line that passes does not strike them out.
    for group in topology.groups:
        lines += _head(group, placed.groups[group.id])
    lines += _labels(placed)
    return "\n".join([*lines, "</svg>", ""])


def _ground(box: Box, depth: int) -> str:
    fill = GROUPS[min(depth, len(GROUPS) - 1)]
    return f'<rect {_at(box)} rx="10" fill="{fill}" stroke="{RIM}"/>'


def _head(group: Group, box: Box) -> list[str]:
    lines = [_text(box.x + 14, box.y + 20, group.title, weight=600, halo=True)]
    for number, detail in enumerate(wrapped(group.details), 1):
        lines.append(_text(box.x + 14, box.y + 20 + LINE_HEIGHT * number, detail, colour=SOFT, size=11, halo=True))
    return lines


def _node(node: Node, box: Box) -> list[str]:
    fill, stroke = COLOURS[node.kind]
    lines = [f'<g id="node-{node.id}">', f"<title>{escape(', '.join((node.title, *node.details)))}</title>"]
    if node.many:
        behind = Box(box.x + BEHIND, box.y + BEHIND, box.width, box.height)
        lines.append(f'<rect {_at(behind)} rx="7" fill="{fill}" stroke="{stroke}"/>')
    dashes = ' stroke-dasharray="5 3"' if node.kind is Kind.OUTSIDE else ""
    lines.append(f'<rect {_at(box)} rx="7" fill="{fill}" stroke="{stroke}" stroke-width="1.3"{dashes}/>')
    x, y = box.x + NODE_PADDING, box.y + NODE_PADDING + 11
    lines.append(_text(x, y, node.title, weight=600, size=13))
    for number, detail in enumerate(wrapped(node.details)):
        lines.append(_text(x, y + TITLE_HEIGHT - 2 + LINE_HEIGHT * number, detail, colour=SOFT, size=11))
    return [*lines, "</g>"]


def _route(route: Route) -> str:
    """Straight lines with rounded corners."""
    points = [point for at, point in enumerate(route.points) if at == 0 or point != route.points[at - 1]]
    path = [f"M{_xy(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        path.append(f"L{_xy(_towards(corner, before))}Q{_xy(corner)} {_xy(_towards(corner, after))}")
    path.append(f"L{_xy(points[-1])}")
    dashes = ' stroke-dasharray="2 4"' if route.edge.line is Line.ORDER else ""
    return (
        f'<path d="{"".join(path)}" fill="none" stroke="{LINE}" stroke-width="1.3"{dashes} marker-end="url(#arrow)">'
        f"<title>{escape(f'{route.edge.source} → {route.edge.target}: {route.edge.label}')}</title></path>"
    )


def _labels(placed: Layout) -> list[str]:
    return [_text(label.x, label.y, label.text, colour=SOFT, size=11, halo=True) for label in placed.labels]


def _towards(corner: tuple[float, float], point: tuple[float, float]) -> tuple[float, float]:
    """Where the line from a point ends and the rounding of the corner begins."""
    (x, y), (to_x, to_y) = corner, point
    length = abs(to_x - x) + abs(to_y - y)
    part = min(CORNER, length / 2) / length
    return x + (to_x - x) * part, y + (to_y - y) * part


def _text(x: float, y: float, text: str, *, colour: str = TEXT, size: int = 13, weight: int = NORMAL,
          halo: bool = False) -> str:  # fmt: skip
    rim = ' stroke="#ffffff" stroke-width="4" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    bold = f' font-weight="{weight}"' if weight != NORMAL else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}"{bold}{rim}>{escape(text)}</text>'


def _at(box: Box) -> str:
    return f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'


def _xy(point: tuple[float, float]) -> str:
    return f"{point[0]:g} {point[1]:g}"
