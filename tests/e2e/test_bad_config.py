"""A bad config is one clear error with exit code 2, before anything is done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from e2e.conftest import engine_tests
from e2e.stack import Stack

VALUE = "hunter2-in-the-wrong-place"
BAD = {"worker": {"count": 0, "password": VALUE}}


def nothing_was_created(stack: Stack) -> bool:
    return not (stack.containers() or stack.listed("network") or stack.listed("volume"))


@pytest.mark.parametrize("command", ["config", "compose", "up --compose", "up", "down"])
def test_the_command_line_ends_with_2(stack: Stack, command: str) -> None:
    """Every command names the keys and what is wrong, and repeats no value: it may be a secret in the wrong place."""
    stack.write(BAD)
    verb, *options = command.split()
    result = stack.cli(verb, "-s", stack.name, *options)
    assert result.code == 2
    assert "airflow-stack:worker.count" in result.output
    assert "airflow-stack:worker.password" in result.output
    assert VALUE not in result.output
    assert "Traceback" not in result.output
    assert nothing_was_created(stack)


@engine_tests
@pytest.mark.parametrize("command", ["preview", "up --yes"])
def test_pulumi_shows_the_same_error(stack: Stack, tmp_path: Path, command: str) -> None:
    """`pulumi preview` and `pulumi up` of a user's own end with the clear error and without a traceback."""
    (tmp_path / "state").mkdir()
    environment = stack.environment() | {
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
    }
    stack.run(["pulumi", "stack", "init", stack.name], environment).check()
    salt = re.search(r"^encryptionsalt: .+$", stack.file.read_text(), re.MULTILINE)
    assert salt
    stack.write(BAD)
    stack.file.write_text(f"{salt[0]}\n{stack.file.read_text()}")
    result = stack.run(
        ["pulumi", *command.split(), "--stack", stack.name, "--non-interactive", "--color=never"], environment
    )
    assert result.code != 0
    assert "bad config" in result.output
    assert "airflow-stack:worker.count" in result.output
    assert VALUE not in result.output
    assert "Traceback" not in result.output
    assert nothing_was_created(stack)
