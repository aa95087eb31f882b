"""The report's two forms, and the command's exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import airflow_stack.cli.doctor  # noqa: F401 - registers the command
from airflow_stack import cli
from airflow_stack.operations.doctor.finding import Group, missing, ok, warning
from airflow_stack.operations.doctor.report import Report

GOOD = Group("Machine", (ok("git", "2.39"),))
MIXED = Group("Docker", (warning("Storage", "vfs", "builds are slow", "a command"),
                         missing("Engine", "stopped", "no stack comes up", "start it")))  # fmt: skip


def test_in_words() -> None:
    """Rule: without a terminal there are neither colours nor signs; each lack has its price and its command."""
    text = Report((GOOD, MIXED)).text(terminal=False)
    assert "\x1b" not in text
    assert text.isascii()
    assert "ok      git      2.39" in text
    assert "missing Engine   stopped" in text
    assert "cost: no stack comes up" in text
    assert "mend: start it" in text
    assert text.endswith("1 thing to mend, 1 warning\n  next: start it\n  next: a command")


def test_on_a_terminal() -> None:
    """Rule: a sign and a colour for each line."""
    text = Report((GOOD, MIXED)).text(terminal=True)
    assert "\x1b[32m✓\x1b[0m git" in text
    assert "\x1b[33m!\x1b[0m Storage" in text
    assert "\x1b[31m✗\x1b[0m Engine" in text


def test_all_is_well() -> None:
    """Rule: then it is said."""
    assert Report((GOOD,)).text(terminal=False).endswith("all is well")
    assert Report((GOOD,)).exit_code == 0


def test_exit_codes() -> None:
    """Rule: a warning fails no script, a lack does."""
    assert Report((Group("", (MIXED.findings[0],)),)).exit_code == 0
    assert Report((MIXED,)).exit_code == 1


def test_json() -> None:
    """Rule: a script reads the same findings, states by name."""
    document = json.loads(Report((GOOD, MIXED)).json())
    assert document["counts"] == {"ok": 1, "warning": 1, "missing": 1}
    assert document["groups"][1]["findings"][1] == {
        "what": "Engine", "state": "missing", "seen": "stopped", "cost": "no stack comes up", "mend": "start it",
    }  # fmt: skip


def test_what_a_dag_prints_does_not_reach_the_terminal() -> None:
    """Rule: an escape sequence in an error is no escape sequence here."""
    text = Report((Group("", (warning("DAG", "a\x1b[2Jb", "", ""),)),)).text(terminal=True)
    assert "\x1b[2J" not in text


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["airflow-stack", "doctor", *words])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return int(exit_.value.code or 0)


def test_the_command_on_a_bare_machine(
    program: Path,
    tools: Callable[..., None],
    no_docker: None,  # noqa: ARG001 - DOCKER_HOST
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Rule: with nothing there, everything is told at once, on standard output; nothing is created by looking."""
    tools()
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    before = sorted(program.rglob("*"))
    assert run(monkeypatch, "--json", "-s", "local", "-C", str(program)) == 1
    printed = capsys.readouterr()
    states = {
        finding["what"]: finding["state"]
        for group in json.loads(printed.out)["groups"]
        for finding in group["findings"]
    }
    assert states["Docker engine"] == "missing"
    assert states["Pulumi"] == states["PyPI"] == states["make"] == "warning"
    assert states["Python"] == states["Pulumi.local.yaml"] == "ok"
    assert "AWS credentials" not in states  # of another stack
    assert "looking at this machine" in printed.err
    assert sorted(program.rglob("*")) == before


def test_a_stack_on_aws_that_nobody_has_brought_up(
    program: Path,
    tools: Callable[..., None],
    no_docker: None,  # noqa: ARG001 - DOCKER_HOST
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Rule: to look for it makes neither a state nor a passphrase; for AWS, Compose is not spoken of."""
    tools(pulumi="#!/bin/sh\nexit 9\n")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for name in ("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    before = sorted(program.rglob("*"))
    assert run(monkeypatch, "--json", "-s", "prod", "-C", str(program)) == 1
    findings = [one for group in json.loads(capsys.readouterr().out)["groups"] for one in group["findings"]]
    found = {one["what"]: one for one in findings}
    assert (found["Stack prod"]["state"], found["Stack prod"]["mend"]) == ("warning", "pulumi up --stack prod")
    assert {"AWS credentials", "Session Manager plugin"} <= found.keys()
    assert "Docker Compose" not in found
    assert sorted(program.rglob("*")) == before


def test_a_stack_that_is_not_there(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: a name that no file has is a bad config, as for every other command."""
    assert run(monkeypatch, "-s", "nowhere", "-C", str(program)) == 2
    assert "there is no stack 'nowhere'" in capsys.readouterr().err
