"""The JSON Schema that editors use says what the model says; each row of the rules says whether it can (rows.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from airflow_stack.config import SECRET_KEYS
from airflow_stack.config.models import MODELS
from airflow_stack.config.schema import render, schema

PROGRAM = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"


def document(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def valid(file: Path) -> bool:
    return bool(Draft202012Validator(schema()).is_valid(document(file)))


def test_the_committed_schema_is_the_models() -> None:
    """airflow-stack.schema.json is what `airflow-stack schema` prints. Else: make schema, and commit."""
    assert (PROGRAM / "airflow-stack.schema.json").read_text(encoding="utf-8") == render()


def test_it_is_a_schema() -> None:
    """The schema is valid JSON Schema 2020-12 itself."""
    Draft202012Validator.check_schema(schema())


def test_an_editor_offers_the_keys_of_the_files_own_target() -> None:
    """Rule: both kinds of target, and behind each what its model has and the secrets, and nothing else."""
    config = schema()["properties"]["config"]
    assert config["properties"]["airflow-stack:target"]["properties"]["kind"]["enum"] == [*MODELS]
    for kind, where in (("aws", "then"), ("local", "else")):
        offered = config[where]["properties"]
        assert offered.keys() == {f"airflow-stack:{key}" for key in (*MODELS[kind].model_fields, *SECRET_KEYS)}
        assert all(one.get("description") for one in offered.values())


@pytest.mark.parametrize("file", [*GOLDEN.glob("*.ok.*.yaml"), *PROGRAM.glob("Pulumi.?*.yaml")], ids=lambda f: f.stem)
def test_good_stack_files_are_valid(file: Path) -> None:
    """What the model accepts, an editor does not mark."""
    assert document(file) is None or valid(file)
