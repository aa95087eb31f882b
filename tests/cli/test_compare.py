"""`graph` and `diff` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from backends.recorder import PROGRAM
from typer.testing import CliRunner

import airflow_stack.cli.compare
from airflow_stack.cli.app import app
from airflow_stack.config import ConfigError
from airflow_stack.errors import OperationError

assert airflow_stack.cli.compare  # its import registers the commands


def run(*words: str) -> str:
    """Standard output of a command that ends well, in this repository's own stacks."""
    result = CliRunner().invoke(app, [*words, "-C", str(PROGRAM)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def without_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Docker nor Pulumi nor a home to look into."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("HOME", "/nowhere")


@pytest.mark.usefixtures("without_tools")
@pytest.mark.parametrize("stack", ["local", "prod"])
def test_graph_prints_mermaid_and_is_told_svg(stack: str) -> None:
    """Rule: both formats of both targets, on a machine with nothing on it; twice the same."""
    assert run("graph", "-s", stack).startswith("flowchart TB\n")
    drawn = run("graph", "-s", stack, "--format", "svg")
    assert drawn.startswith("<svg ")
    assert run("graph", "-s", stack, "--format", "svg") == drawn


def test_graph_knows_the_format_by_the_suffix(tmp_path: Path) -> None:
    """Rule: a file is written, nothing is printed, and --format wins."""
    assert run("graph", "-s", "local", "-o", str(tmp_path / "a.svg")) == ""
    assert (tmp_path / "a.svg").read_text().startswith("<svg ")
    run("graph", "-s", "local", "-o", str(tmp_path / "a.mmd"))
    assert (tmp_path / "a.mmd").read_text().startswith("flowchart TB\n")
    run("graph", "-s", "local", "-o", str(tmp_path / "a.txt"), "--format", "svg")
    assert (tmp_path / "a.txt").read_text().startswith("<svg ")


def test_graph_says_what_it_can_not_do(tmp_path: Path) -> None:
    """Rule: one sentence, and no file."""
    for name, why in (("a.png", "suffix"), ("no/a.svg", "can't be written")):
        with pytest.raises(OperationError, match=why):
            run("graph", "-s", "local", "-o", str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("without_tools")
def test_diff_prints_text_and_json() -> None:
    """Rule: the same comparison for people and for scripts."""
    assert run("diff", "local", "prod").startswith("local and prod: ")
    assert json.loads(run("diff", "local", "prod", "--json"))["right"] == "prod"


def test_diff_ends_with_1_where_it_is_asked_to(tmp_path: Path) -> None:
    """Rule: 0 whatever differs, but with --exit-code 1 where something is to be checked."""
    (tmp_path / "images").symlink_to(PROGRAM / "images")
    (tmp_path / "Pulumi.a.yaml").write_text("config: {}\n")
    (tmp_path / "Pulumi.b.yaml").write_text("config: {'airflow-stack:worker': {count: 3}}\n")
    runner, where = CliRunner(), ["-C", str(tmp_path)]
    assert runner.invoke(app, ["diff", "a", "b", *where]).exit_code == 0
    assert runner.invoke(app, ["diff", "a", "b", "--exit-code", *where]).exit_code == 1
    assert runner.invoke(app, ["diff", "a", "a", "--exit-code", *where]).exit_code == 0


@pytest.mark.parametrize("words", [("graph", "-s", "nowhere"), ("diff", "local", "nowhere")])
def test_a_stack_that_is_not_there_is_named(words: tuple[str, ...]) -> None:
    """Rule: which stacks there are is said."""
    with pytest.raises(ConfigError, match="there is no stack 'nowhere'"):
        run(*words)


@pytest.mark.parametrize("command", ["graph", "diff"])
def test_help_has_an_example(command: str) -> None:
    """Rule: every command shows how it is used."""
    assert f"Example: airflow-stack {command}" in run(command, "--help")
