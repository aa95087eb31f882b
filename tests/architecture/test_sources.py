"""What can be measured of a natural code: files of a size that one reads, and few steps to a container."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = 400
STEPS = 5


def sources() -> list[Path]:
    """What git knows, or will know, of code."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
        capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    return [file for name in listed if name and is_code(file := ROOT / name)]


def is_code(file: Path) -> bool:
    """By its suffix or name; without one, a program says itself how it is run."""
    if not file.is_file() or file.suffix:
        return file.suffix in (".py", ".sh", ".dag")
    return file.name in ("Dockerfile", "Makefile") or file.read_bytes().startswith(b"#!")


def test_no_source_is_long() -> None:
    """Rule: at most 400 lines."""
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in sources()}
    assert len(lengths) > 300, "git lists the sources"
    assert {name: count for name, count in lengths.items() if count > LINES} == {}


def test_the_way_to_a_container_is_the_one_of_the_readme() -> None:
    """Rule: at most five steps, each a function of the file that README.md names, called in its order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\d\. `(\w+)` \(\[[\w.]+\]\((airflow_stack/[\w/]+\.py)\)\)", text, re.MULTILINE)
    names = [name for name, _ in steps]
    assert 0 < len(steps) <= STEPS
    for name, path in steps:
        assert name in {node.name for node in parsed(path).body if isinstance(node, ast.FunctionDef)}, path
    # The program of the target is what __main__.py calls `deploy`.
    first = [name for name in called(parsed("__main__.py")) if name in names]
    assert first == [names[0], "deploy"]
    assert [name for name in called(parsed("airflow_stack/operations/docker_deploy.py")) if name in names] == names[1:]


def parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def called(tree: ast.AST) -> Iterator[str]:
    """Names of what is called, in the order of the calls: arguments come before what they are given to."""
    for node in ast.iter_child_nodes(tree):
        yield from called(node)
    if isinstance(tree, ast.Call):
        yield tree.func.attr if isinstance(tree.func, ast.Attribute) else getattr(tree.func, "id", "")
