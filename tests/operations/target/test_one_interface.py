"""This machine and AWS behind one interface, and one place that chooses."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.config import AwsConfig, LocalConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations.target import target_of

ROOT = Path(__file__).parents[3]
AWS: dict[str, Any] = {
    "target": {"kind": "aws", "region": "eu-central-1", "load_balancer": {"allowed_cidrs": ["203.0.113.0/24"],
                                                                          "plain_http": True}}
}  # fmt: skip
SDKS = ("boto3", "botocore", "docker", "pulumi", "pulumi_aws", "pulumi_docker")
HEAVY = """
import sys
from pathlib import Path
from airflow_stack.config.models import validated
from airflow_stack.operations.target import target_of
target = target_of(validated({raw!r}), Path(), "a")
print(target.place, target.next_command, target.image_origin, target.by_pulumi_alone)
print(*(name for name in {sdks!r} if name in sys.modules))
print(*(name for name in sys.modules if name.startswith("airflow_stack.operations.target.")))
"""


def test_one_place_asks_where_a_stack_runs() -> None:
    """Rule: verbs speak to a target; one module looks which of the two models a config is."""
    asking = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "airflow_stack").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance"
        and {"AwsConfig", "LocalConfig"} & {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
    }  # fmt: skip
    assert asking == {"airflow_stack/operations/target/__init__.py"}


@pytest.mark.parametrize(("raw", "own", "words"), [({}, "docker", "make up STACK=a"), (AWS, "aws", "pulumi preview")])
def test_a_target_is_there_before_its_sdk(raw: dict[str, Any], own: str, words: str) -> None:
    """Rule: to choose a target, and to ask what it is, imports neither an SDK nor the other target."""
    program = HEAVY.format(raw=raw, sdks=SDKS)
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    facts, sdks, targets = said.splitlines()
    assert words in facts
    assert sdks == ""
    assert targets.split() == ["airflow_stack.operations.target.interface", f"airflow_stack.operations.target.{own}"]


def test_a_verb_of_this_machine_names_the_one_for_aws() -> None:
    """Rule: it is refused with the command of Pulumi that does the same, and nothing is changed."""
    config = LocalConfig()
    assert target_of(config, Path(), "a b").on_this_machine("this takes down stacks of this machine") is config
    with pytest.raises(OperationError, match=r"runs on AWS: this takes down .*\nNothing was changed.*--stack 'a b'"):
        target_of(AwsConfig.model_validate(AWS), Path(), "a b").on_this_machine(
            "this takes down stacks of this machine", "pulumi destroy"
        )
