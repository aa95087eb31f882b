"""Whose a container, a network or a volume is, is decided in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "airflow_stack"
OWNERSHIP = "operations/ownership.py"
LABELS = "backends/labels.py"
# The rehearsal's containers are no stack's: they have a label and a name of their own.
REHEARSAL = "rehearsal/tasks.py"
LOOK_UPS = {"STACK", "ID"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(SOURCE.rglob("*.py")):
        yield file.relative_to(SOURCE).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def test_only_ownership_knows_the_labels_that_tell_a_stack() -> None:
    """Rule: no verb looks for the label of a stack's name, or writes it out by hand."""
    found: dict[str, set[str]] = {}
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "airflow_stack.backends.labels":
                found.setdefault(name, set()).update({one.name for one in node.names} & LOOK_UPS)
            if isinstance(node, ast.Constant) and node.value in ("airflow-stack.stack", "airflow-stack.id"):
                found.setdefault(name, set()).add(str(node.value))
    assert {name for name, used in found.items() if used} == {OWNERSHIP, LABELS}


def test_only_ownership_asks_the_engine_by_labels() -> None:
    """Rule: whoever lists or prunes Docker's objects by a filter asks in its stead."""
    found = set()
    for name, tree in modules():
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        for call in calls:
            pruned = isinstance(call.func, ast.Attribute) and call.func.attr.startswith("prune")
            if pruned or any(keyword.arg == "filters" for keyword in call.keywords):
                found.add(name)
    assert found == {OWNERSHIP, REHEARSAL}
