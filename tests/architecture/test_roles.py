"""What a role or a version decides is asked of a release: no other module knows one by its name or number.

The image is one for all of a release's roles and is told by its command which it is: there, Airflow's own commands are
the names, and each place that goes by them is listed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_stack.releases import RELEASES

PROGRAM = Path(__file__).parents[2]
PARTS = ("airflow_stack", "benchmarks", "images", "policies", "scripts")
IMAGE = "images/airflow/runtime/python/airflow_stack_runtime"

NAMES = {role.name for release in RELEASES.values() for role in (release.init, *release.roles)} - {"init"}
VERSION = re.compile(r"2\.\d+(\.\d*)?|3\.\d{1,2}\.\d*")

# What a name of a resource ends with.
COMPOSED = re.compile(rf"-({'|'.join(sorted(NAMES))})$")

# Names that are something else there, each with what it is.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("airflow_stack/config/aws/connections.py", "scheduler"): "a section of Airflow's options",
    ("airflow_stack/config/aws/connections.py", "webserver"): "a section of Airflow's options",
    ("airflow_stack/config/load.py", "worker"): "a section of config, as an example of a key",
    ("airflow_stack/config/aws/stack.py", "flower"): "a section of config that only one target has",
    ("airflow_stack/config/aws/stack.py", "scheduler"): "a section of config that only one target has",
    ("airflow_stack/config/local/stack.py", "worker"): "a section of config that only one executor has",
    ("airflow_stack/operations/diff/reasons.py", "flower"): "a row of a table of explanations",
    ("airflow_stack/operations/init/draft.py", "flower"): "a section of config that only one executor has",
    ("airflow_stack/operations/init/draft.py", "worker"): "a section of config that only one executor has",
    ("benchmarks/contender.py", "scheduler"): "a service of the other project's Compose file",
    ("benchmarks/contender.py", "webserver"): "a service of the other project's Compose file",
    ("benchmarks/scale.py", "scheduler"): "a section of config",
    ("benchmarks/scale.py", "webserver"): "a section of config",
    ("benchmarks/scale.py", "worker"): "a section of config, and its lines of the bill",
    (f"{IMAGE}/boot/launch.py", "scheduler"): "Airflow's command, which this process becomes",
    (f"{IMAGE}/boot/launch.py", "triggerer"): "Airflow's command, which this process becomes",
    (f"{IMAGE}/boot/launch.py", "webserver"): "Airflow's command, which this process becomes",
    (f"{IMAGE}/boot/worker.py", "worker"): "the process whose patches are applied",
    (f"{IMAGE}/patches/registry.py", "2.10"): "a line of Airflow that a patch is for",
    (f"{IMAGE}/patches/registry.py", "2.11"): "a line of Airflow that a patch is for",
    (f"{IMAGE}/patches/registry.py", "scheduler"): "the process that a patch is for",
    (f"{IMAGE}/patches/registry.py", "triggerer"): "the process that a patch is for",
    (f"{IMAGE}/patches/registry.py", "worker"): "the process that a patch is for",
    **{(f"{IMAGE}/probes/probe.py", name): "the probe of a role, under its name" for name in NAMES},
}


def found(tree: ast.AST) -> Iterator[str]:
    """Names of roles and numbers of versions that stand as text of their own.

    The first of a pair of texts is a section of Airflow's options, which may have a role's name; so is the first
    argument of what looks an option up.
    """
    sections = {id(first) for first, second in pairs(tree) if text(second) not in NAMES}
    sections |= {id(call.args[0]) for call in ast.walk(tree) if isinstance(call, ast.Call) and looks_up(call)}
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


def looks_up(call: ast.Call) -> bool:
    """As `conf.get("scheduler", …)` and `option("scheduler", …)` do in the image."""
    match call.func:
        case ast.Name(id="option") | ast.Attribute(value=ast.Name(id="conf")):
            return len(call.args) > 1
    return False


def text(node: ast.AST) -> str:
    """Empty for what is none."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def everywhere() -> set[tuple[str, str]]:
    return {
        (name, one)
        for part in PARTS
        for path in (PROGRAM / part).rglob("*.py")
        if not (name := path.relative_to(PROGRAM).as_posix()).startswith(("airflow_stack/releases/", "policies/.venv/"))
        for one in found(ast.parse(path.read_text(encoding="utf-8")))
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
        ('conf.getint("scheduler", "parsing_processes")', []),
        ('option("webserver", "base_url", "")', []),
        ('conf.role("scheduler")', ["scheduler"]),
        ('probe("webserver", "base_url")', ["webserver"]),
        ('f"a {role} of 2.10"', []),
        ('f"{prefix}-worker"', ["worker"]),
    ],
)
def test_it_is_seen(source: str, names: list[str]) -> None:
    """Rule: what the first test looks for is found where it is."""
    assert list(found(ast.parse(source))) == names
