"""On AWS the plan alone knows the config: a component of Pulumi's has its part of it, and so has whoever reads it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "airflow_stack"
BACKEND = SOURCES / "backends" / "aws"

# Of the model, its whole: what of it a module may know is a section that the plan hands on.
WHOLE = {"StackConfig", "AwsConfig", "AnyConfig", "LocalConfig"}

# Modules that are handed the whole config, each with what for.
BACKEND_EXCEPTIONS = {
    "stack.py": "makes the plan, and renders what waits for resources: the environment and the containers' texts",
}
READER_EXCEPTIONS = {
    "operations/diff/aws.py": "compares what goes into the image, which is no part of the plan",
    "rehearsal/images.py": "makes the config as this machine can rehearse it, before there is a plan",
    "rehearsal/scene.py": "logs in as the admin of config and knows its default queue",
}
READERS = (
    "cost/*.py", "operations/graph/aws.py", "operations/diff/aws.py", "operations/doctor/aws_before.py",
    "operations/doctor/aws_data.py", "operations/running/aws_servers.py", "rehearsal/*.py",
)  # fmt: skip


def imported(text: str) -> set[str]:
    """Names that a module imports of the project, for types alone too; a module stands by its last part."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow_stack"):
            found |= {one.name for one in node.names}
        if isinstance(node, ast.Import):
            found |= {one.name.rpartition(".")[2] for one in node.names if one.name.startswith("airflow_stack.config")}
    return found


def knows_the_whole(text: str) -> bool:
    """By the type, or by the module that has it."""
    return bool(imported(text) & (WHOLE | {"config", "stack"}))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_no_component_knows_the_config() -> None:
    """Rule: outside the plan, one module knows the config, and why it does is said."""
    found = {path.name for path in BACKEND.glob("*.py") if knows_the_whole(read(path))}
    assert found == set(BACKEND_EXCEPTIONS)


def test_whoever_reads_a_plan_does_not_ask_the_config_again() -> None:
    """Rule: cost, picture, comparison, rehearsal and doctor have their facts of the plan."""
    readers = {path for pattern in READERS for path in SOURCES.glob(pattern)}
    assert len(readers) > 15
    found = {path.relative_to(SOURCES).as_posix() for path in readers if knows_the_whole(read(path))}
    assert found == set(READER_EXCEPTIONS)


@pytest.mark.parametrize(
    "text",
    [
        "from airflow_stack.config import AwsConfig",
        "from airflow_stack.config import Secrets, StackConfig",
        "from airflow_stack import config",
        "import airflow_stack.config.stack",
        "if TYPE_CHECKING:\n    from airflow_stack.config.aws.stack import AwsConfig",
    ],
)
def test_it_is_seen(text: str) -> None:
    """Rule: whichever way the whole is imported."""
    assert knows_the_whole(text)
    assert not knows_the_whole("from airflow_stack.config.aws.types import FARGATE_PLATFORM")
