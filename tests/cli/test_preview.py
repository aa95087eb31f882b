"""`airflow-stack preview`: the report on standard output, and an exit code for a workflow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

import airflow_stack.cli.preview
from airflow_stack.cli.app import app
from airflow_stack.operations.preview.change import Against, Change, Operation, Report, StackPreview

GOOD = StackPreview("prod", Against.STATE, (Change(Operation.REPLACE, "aws:rds/instance:Instance", "db", ("engine",)),))
BAD = StackPreview("prod", Against.NOTHING, errors=("bad config",))


def run(monkeypatch: pytest.MonkeyPatch, stack: StackPreview, *options: str) -> tuple[int, str, list[object]]:
    """Exit code, standard output, and what was asked for."""
    asked: list[object] = []

    def preview(directory: Path, stacks: Sequence[str], base: str | None, _: object) -> Report:
        asked.extend([directory, list(stacks), base])
        return Report("0a1b2c3", (stack,))

    monkeypatch.setattr("airflow_stack.operations.preview.preview", preview)
    result = CliRunner().invoke(app, ["preview", *options])
    return result.exit_code, result.stdout, asked


def test_the_comment_is_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: Markdown alone, so that a workflow can send it to a file; changes are no failure."""
    code, output, asked = run(monkeypatch, GOOD, "-s", "prod", "-s", "local", "--base", "main")
    assert code == 0
    assert output.startswith("## Preview\n\n**prod: 1 to replace.**")
    assert asked[1:] == [["prod", "local"], "main"]


def test_what_must_not_be_merged_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: the comment is there all the same."""
    code, output, _ = run(monkeypatch, BAD)
    assert code == 1
    assert "bad config" in output


def test_all_of_it_as_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a script sees what a reader is warned of."""
    code, output, _ = run(monkeypatch, GOOD, "--json")
    (stack,) = json.loads(output)["stacks"]
    assert code == 0
    assert stack["failed"] is False
    assert stack["changes"] == [
        {
            "operation": "replace",
            "type": "aws:rds/instance:Instance",
            "name": "db",
            "properties": ["engine"],
            "loses": "the metadata database",
        }
    ]


def test_help_has_an_example() -> None:
    """Rule: one sentence, one example."""
    assert airflow_stack.cli.preview.preview.__doc__ is not None
    assert "Example: airflow-stack preview" in CliRunner().invoke(app, ["preview", "--help"]).stdout
