"""The pictures as text: what is in the repository is what the command prints, and both formats are well formed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from backends.recorder import PROGRAM

from airflow_stack.operations.graph import graph
from airflow_stack.operations.graph.mermaid import mermaid
from airflow_stack.operations.graph.svg import COLOURS, GROUPS, SOFT, TEXT, svg
from airflow_stack.operations.graph.topology import Edge, Kind, Node, topology
from operations.graph.variants import everyone

SVG = "{http://www.w3.org/2000/svg}"
VARIANTS = everyone()
GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_the_pictures_of_the_docs_are_those_of_the_stacks(stack: str) -> None:
    """Rule: docs/images shows what is deployed."""
    path = f"docs/images/topology-{stack}.svg"
    mend = f"{path} is not what is deployed. Run: airflow-stack graph -s {stack} -o {path}"
    assert (PROGRAM / path).read_text(encoding="utf-8") == graph(PROGRAM, stack, "svg"), mend


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_mermaid_is_as_it_was(stack: str) -> None:
    """Rule: Mermaid's own parser has read these files; another text has to be read by it again."""
    path = GOLDEN / f"{stack}.mmd"
    mend = f"Run: airflow-stack graph -s {stack} -o {path.relative_to(PROGRAM)}, and look at it, as on mermaid.live"
    assert path.read_text(encoding="utf-8") == graph(PROGRAM, stack, "mermaid"), mend


@pytest.mark.parametrize("name", VARIANTS)
def test_svg_is_whole_in_itself(name: str) -> None:
    """Rule: title, description and size; no script, no link, no font or style from elsewhere."""
    text = svg(VARIANTS[name])
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert root.find(f"{SVG}title") is not None
    assert root.find(f"{SVG}desc") is not None
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    used = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert used <= {"svg", "title", "desc", "defs", "marker", "path", "rect", "text", "g"}
    assert re.findall(r"https?://[^\"<]+", text.replace("http://localhost:8080", "")) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize("name", VARIANTS)
def test_mermaid_declares_what_it_connects(name: str) -> None:
    """Rule: every end of an edge is a node or a subgraph, and each subgraph ends."""
    drawn = VARIANTS[name]
    text = mermaid(drawn)
    declared = set(re.findall(r"^ +(?:subgraph )?(\w+)[\[(]", text, re.MULTILINE))
    ends = set(re.findall(r"^  (\w+) -", text, re.MULTILINE)) | set(re.findall(r"> ?(?:\|.*\| )?(\w+)$", text, re.M))
    assert ends
    assert ends <= declared
    assert text.count("subgraph ") == len(re.findall(r"^ +end$", text, re.MULTILINE)) == len(drawn.groups)


def test_what_a_user_names_can_not_break_a_picture() -> None:
    """Rule: markup in a name is text."""
    nasty = Node("a", 'x"]<script>#&`', Kind.DATA, 0, 0, ('"<b>',))
    drawn = topology("t <&>", "d", [nasty, Node("b", "b", Kind.DATA, 1, 0)], [], [Edge("a", "b", '|"<')])
    ET.fromstring(svg(drawn))  # noqa: S314 - our own text
    line = next(line for line in mermaid(drawn).splitlines() if line.startswith("  a["))
    assert line.count('"') == 2
    assert "#quot;]#lt;script#gt;#35;&#96;" in line
    assert "<script>" not in svg(drawn)


def luminance(colour: str) -> float:
    """As WCAG 2 has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("fill", [*(fill for fill, _ in COLOURS.values()), *GROUPS])
def test_text_is_readable_on_every_fill(fill: str) -> None:
    """Rule: a contrast of 7:1 at least, which WCAG calls AAA."""
    for text in (TEXT, SOFT):
        assert (luminance(fill) + 0.05) / (luminance(text) + 0.05) >= 7


def test_two_parts_in_one_place_are_refused() -> None:
    """Rule: a new service needs a place of its own in the picture."""
    with pytest.raises(ValueError, match="tier 1, column 2"):
        topology("t", "d", [Node(one, one, Kind.DATA, 1, 2) for one in "ab"], [], [])
