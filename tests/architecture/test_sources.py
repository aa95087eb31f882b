"""What can be measured of a natural code: files of a size that one reads, and few steps to a container."""

from __future__ import annotations

import ast
import re
import subprocess
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
    if not file.is_file() or file.suffix not in (".py", ".sh", ".dag", ""):
        return False
    return file.suffix in (".py", ".sh", ".dag") or file.name in ("Dockerfile", "Makefile") or file.read_bytes()[:2] == b"#!"


def test_no_source_is_long() -> None:
    """Rule: at most 400 lines."""
    files = sources()
    assert len(files) > 300, "git lists the sources"
    long = {str(file.relative_to(ROOT)): count for file in files if (count := len(file.read_text().splitlines())) > LINES}
    assert long == {}


def test_the_way_to_a_container_is_the_one_of_the_readme() -> None:
    """Rule: at most five steps, each a function of the file that the README names."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\d\. `(\w+)` \(\[[\w.]+\]\((airflow_stack/[\w/]+\.py)\)\)", text, re.MULTILINE)
    assert 0 < len(steps) <= STEPS
    for function, path in steps:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, path
    # In this order they are called: the first by __main__.py, the others by the program of the target.
    program = (ROOT / "__main__.py").read_text() + (ROOT / "airflow_stack" / "programs" / "local.py").read_text()
    body = "\n".join(line for line in program.splitlines() if not re.match(r"from |import |def ", line))
    places = [found.start() if (found := re.search(rf"\b{function}\((?=\w)", body)) else -1 for function, _ in steps[:1]]
    places += [body.rindex(f"{function}(") for function, _ in steps[1:]]
    assert -1 not in places
    assert sorted(places[:2]) == places[:2]
