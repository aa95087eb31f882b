"""The command line of backup and restore: results on standard output, progress beside."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from airflow_stack.cli import backup as commands
from airflow_stack.cli.app import app
from airflow_stack.operations import backup as operations

SAVED = {"place": "here.tar.gz", "rows": 1200, "tables": 40, "bytes": 7}
RESTORED = {"rows": 1200, "stack": "prod", "created_at": "2026-01-01", "unreadable": ["variable.val 6"]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the commands ask the operations for."""
    found: list[Any] = []

    def backup(*arguments: Any) -> Any:
        found.append(arguments)
        return SAVED

    def restore(*arguments: Any, **options: Any) -> Any:
        found.append((*arguments, options))
        return RESTORED

    monkeypatch.setattr(operations, "backup", backup)
    monkeypatch.setattr(operations, "restore", restore)
    assert commands.__name__ in {command.callback.__module__ for command in app.registered_commands if command.callback}
    return found


def test_the_place_is_the_result(asked: list[Any]) -> None:
    """Rule: alone on standard output, so that a script can take it."""
    done = CliRunner().invoke(app, ["backup", "-s", "prod", "--to", "here.tar.gz", "--passphrase-file", "-"])
    assert (done.exit_code, done.stdout) == (0, "here.tar.gz\n")
    assert "1,200 rows of 40 tables" in done.stderr
    assert asked[0][1:4] == ("prod", "here.tar.gz", "-")


def test_the_result_is_json_when_asked_for(asked: list[Any]) -> None:  # noqa: ARG001 - the operations are played
    """Rule: all that is known of it, and nothing else."""
    done = CliRunner().invoke(app, ["backup", "-s", "prod", "--json"])
    assert json.loads(done.stdout) == SAVED
    done = CliRunner().invoke(app, ["restore", "-s", "prod", "--from", "one", "--json"])
    assert json.loads(done.stdout) == RESTORED


def test_a_restore_says_what_it_was_and_what_nobody_can_read(asked: list[Any]) -> None:
    """Rule: nothing is given up unless --replace says so."""
    done = CliRunner().invoke(app, ["restore", "-s", "prod", "--from", "one"])
    assert done.stdout == "restored 1,200 rows: stack prod as of 2026-01-01\n"
    assert "variable.val 6 could not be read in the backed-up stack either" in done.stderr
    CliRunner().invoke(app, ["restore", "-s", "prod", "--from", "one", "--replace"])
    assert [request[-1] for request in asked] == [{"replace": False}, {"replace": True}]
