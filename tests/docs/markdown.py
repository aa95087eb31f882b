"""What the pages hold: commands, links, headings. Their own layout alone: fenced and indented blocks, quotes, lists."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
"""What a user reads. Decision records are history, and name commands that nobody runs."""

FIRST_WORDS = (
    "make", "airflow-stack", ".venv/bin/airflow-stack", "pulumi", "docker", "docker-compose", "aws", "airflow",
    "export", "sudo", "cat", "cp", "git", "pip", "curl", "benchmarks/run.py",
)  # fmt: skip
"""What a command begins with, here."""

Line = tuple[int, str]


@dataclass(frozen=True)
class Command:
    """A command that a page tells its reader."""

    page: str
    """Relative to the project."""
    line: int
    text: str
    """As the reader copies it, without a comment behind it."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: `{self.text}`"


def commands(page: Path, text: str | None = None) -> list[Command]:
    """Every command of a page: lines of its code blocks, and code spans, that begin with a command's word."""
    lines = (text if text is not None else page.read_text(encoding="utf-8")).splitlines()
    name = str(page.relative_to(ROOT))
    blocks, prose = _split(lines)
    found = [(number, _without_comment(line.strip().removeprefix("$ "))) for number, line in blocks]
    found += [(number, " ".join(span.split())) for number, span in _spans(prose)]
    return [Command(name, number, text) for number, text in sorted(found) if _is_command(text)]


def block(page: Path, first: str) -> str:
    """The code block of a page that begins with this line."""
    lines = page.read_text(encoding="utf-8").splitlines()
    code = {number for number, _ in _split(lines)[0]}
    begin = next(number for number in sorted(code) if lines[number - 1].strip() == first)
    within = itertools.takewhile(
        lambda number: number in code or not lines[number - 1].strip(), range(begin, len(lines) + 1)
    )
    return textwrap.dedent("\n".join(lines[number - 1] for number in within)).strip() + "\n"


def _is_command(text: str) -> bool:
    """A bare name (`docker`) is none."""
    first, *rest = text.split(" ")
    return first in FIRST_WORDS and bool(rest)


def _split(lines: list[str]) -> tuple[list[Line], list[Line]]:
    """Lines of code blocks, and the others; both with their numbers."""
    blocks: list[Line] = []
    prose: list[Line] = []
    fenced, indented, content = False, False, 0
    """``content``: where the text of the list item begins that we are in."""
    blank = True
    for number, raw in enumerate(lines, 1):
        line = re.sub(r"^> ?", "", raw)
        stripped = line.lstrip()
        indent = len(line) - len(stripped)
        if stripped.startswith("```"):
            fenced = not fenced
            continue
        if stripped and not fenced:
            if item := re.match(r" *(?:[-*]|\d+\.) +", line):
                if indent < content + 4:
                    content = item.end()
            elif indent < content:
                content = indent if indent < content else content
            indented = indent >= content + 4 and (blank or indented)
        if fenced or (indented and stripped):
            blocks.append((number, line))
        else:
            prose.append((number, line))
        blank = not stripped
    return blocks, prose


def _without_comment(line: str) -> str:
    return re.sub(r"\s+# .*", "", line).strip()


def _spans(prose: list[Line]) -> Iterator[Line]:
    """Code spans, those that a line's end breaks too."""
    text = "\n".join(line for _, line in prose)
    numbers = [number for number, _ in prose]
    # A paragraph's spans end with it.
    for found in re.finditer(r"(?<!`)`([^`]+?)`(?!`)", text):
        if "\n\n" not in found.group(1):
            yield numbers[text.count("\n", 0, found.start())], found.group(1)


@dataclass(frozen=True)
class Link:
    """A link or a picture of a page."""

    page: Path
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.target}"


def links(page: Path) -> list[Link]:
    _, prose = _split(page.read_text(encoding="utf-8").splitlines())
    return [
        Link(page, number, found.group(1))
        for number, line in prose
        for found in re.finditer(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line))
    ]


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub gives to a page's headings."""
    _, prose = _split(page.read_text(encoding="utf-8").splitlines())
    headings = [found.group(1) for _, line in prose if (found := re.match(r"#+ +(.+)", line))]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
