"""The JSON Schema that editors use says what the model says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from airflow_stack.config.schema import render, schema

PROGRAM = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"

# Beyond JSON Schema: rules that are code, rules that join keys, what secrets decrypt to, and what YAML itself refuses.
NOT_STRUCTURE = {
    "apt-package-is-an-option",
    "apt-package-to-remove",
    "bind-address-is-a-name",
    "bind-address-octet-too-large",
    "bind-address-with-scope",
    "broker-url-without-celery",
    "broker-url-without-external-broker",
    "database-on-the-port-of-flower",
    "database-url-without-external-database",
    "email-without-at",
    "external-broker-without-url",
    "external-database-without-url",
    "flower-prefix-nested",
    "flower-prefix-without-slash",
    "hardened-with-config-exposed",
    "hardened-with-examples",
    "local-executor-with-broker",
    "local-executor-with-flower",
    "local-executor-with-workers",
    "name-with-line-break",
    "option-essential",
    "option-essential-by-another-spelling",
    "option-essential-cmd",
    "option-name-in-capitals",
    "option-not-a-number",
    "option-sensitive-in-plain",
    "option-with-control-character",
    "prefix-with-capitals",
    "project-dir-with-colon",
    "requirement-is-a-url",
    "requirement-is-airflow",
    "requirement-is-an-option",
    "requirement-with-space",
    "secrets-backend-kwargs-without-backend",
    "secrets-backend-without-module",
    "sql-name-with-hyphen",
    "two-services-on-one-port",
    "username-with-space",
}
NOT_YAML = {"yaml-broken", "yaml-with-python-object", "key-twice"}


def what(file: Path) -> str:
    return file.stem.split(".", 2)[2]


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


@pytest.mark.parametrize(
    "file", [*GOLDEN.glob("local.ok.*.yaml"), *PROGRAM.glob("Pulumi.?*.yaml")], ids=lambda f: f.stem
)
def test_good_stack_files_are_valid(file: Path) -> None:
    """What the model accepts, an editor does not mark."""
    assert document(file) is None or valid(file)


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(GOLDEN.glob("local.error.*.yaml")) if what(file) not in NOT_STRUCTURE | NOT_YAML],
    ids=lambda file: file.stem,
)
def test_structural_errors_are_invalid(file: Path) -> None:
    """An editor marks wrong keys, types, ranges and choices, and secrets in plain text."""
    assert not valid(file)


@pytest.mark.parametrize("name", sorted(NOT_STRUCTURE))
def test_what_schema_cannot_say_is_listed_for_a_reason(name: str) -> None:
    """A file on the list of what JSON Schema can't say would be valid; else it belongs off the list."""
    assert valid(GOLDEN / f"local.error.{name}.yaml")
