"""What a role or a version decides is asked of a release: no other module knows one by its name or number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_stack.releases import RELEASES

PROGRAM = Path(__file__).parents[2]
SOURCES = PROGRAM / "airflow_stack"

NAMES = {role.name for release in RELEASES.values() for role in (release.init, *release.roles)} - {"init"}
VERSION = re.compile(r"2\.\d+(\.\d*)?|3\.\d{1,2}\.\d*")

# What a name of a resource ends with.
COMPOSED = re.compile(rf"-({'|'.join(sorted(NAMES))})$")

# Names that are something else there, each with what it is.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("config/aws/connections.py", "scheduler"): "a section of Airflow's options",
    ("config/aws/connections.py", "webserver"): "a section of Airflow's options",
    ("config/load.py", "worker"): "a section of config, as an example of a key",
    ("config/aws/stack.py", "flower"): "a section of config that only one target has",
    ("config/aws/stack.py", "scheduler"): "a section of config that only one target has",
    ("config/local/stack.py", "worker"): "a section of config that only one executor has",
    ("operations/diff/reasons.py", "flower"): "a row of a table of explanations",
    ("operations/init/draft.py", "flower"): "a section of config that only one executor has",
    ("operations/init/draft.py", "worker"): "a section of config that only one executor has",
}


def found(tree: ast.AST) -> Iterator[str]:
    """Names of roles and numbers of versions that stand as text of their own.

    The first of a pair of texts is a section of Airflow's options, which may have a role's name.
    """
    sections = {id(first) for first, second in pairs(tree) if text(second) not in NAMES}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [COMPOSED.search(text(part)) for part in node.values]
            yield from (part[1] for part in parts if part)
            continue
        value = text(node)
        if id(node) not in sections and (value in NAMES or VERSION.fullmatch(value)):
            yield value


def pairs(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == len(("section", "key")):
            first, second = node.elts
            if text(second) or isinstance(second, ast.JoinedStr):
                yield first, second


def text(node: ast.AST) -> str:
    """Empty for what is none."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def everywhere() -> set[tuple[str, str]]:
    return {
        (path.relative_to(SOURCES).as_posix(), name)
        for path in SOURCES.rglob("*.py")
        if "releases" not in path.relative_to(SOURCES).parts
        for name in found(ast.parse(path.read_text(encoding="utf-8")))
    }


def test_no_module_knows_a_role_by_its_name_or_a_release_by_its_number() -> None:
    """Rule: a role's properties decide (airflow_stack/releases), so that a release is one entry."""
    assert everywhere() - EXCEPTIONS.keys() == set()


def test_each_exception_is_needed() -> None:
    """Rule: an exception that nothing needs goes."""
    assert EXCEPTIONS.keys() - everywhere() == set()
    assert all(EXCEPTIONS.values())


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('role == "worker"', ["worker"]),
        ('ROLES = ("worker", "scheduler")', ["worker", "scheduler"]),
        ('PORTS = {"triggerer": 8794}', ["triggerer"]),
        ('version.startswith("2.10.")', ["2.10."]),
        ('version == "2.10.2"', ["2.10.2"]),
        ('options["scheduler", "parsing_processes"]', []),
        ('f"a {role} of 2.10"', []),
        ('f"{prefix}-worker"', ["worker"]),
    ],
)
def test_it_is_seen(source: str, names: list[str]) -> None:
    """Rule: what the first test looks for is found where it is."""
    assert list(found(ast.parse(source))) == names
