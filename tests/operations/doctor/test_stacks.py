"""Stack files: each one, good or bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_stack.config.errors import ConfigError
from airflow_stack.operations.doctor import stacks
from airflow_stack.operations.doctor.finding import State


def test_all_are_read(program: Path) -> None:
    """Rule: every stack file of the directory has its line, with its target."""
    found = {file.name: file.finding for file in stacks.read(program)}
    assert list(found) == ["local", "prod"]
    assert {finding.state for finding in found.values()} == {State.OK}
    assert "this machine" in found["local"].seen
    assert "AWS, eu-central-1" in found["prod"].seen


def test_a_bad_file(program: Path) -> None:
    """Rule: it is a lack, unless another stack is asked for; its value, which may be a secret, is not shown."""
    bad = "config:\n  airflow-stack:worker: {count: hunter2, cuont: 1}\n"
    (program / "Pulumi.local.yaml").write_text(bad)
    for asked, state in ((None, State.MISSING), ("local", State.MISSING), ("prod", State.WARNING)):
        (found,) = [file.finding for file in stacks.read(program, asked) if file.name == "local"]
        assert found.state is state
        assert "airflow-stack:worker" in found.seen
        assert "1 more" in found.seen
        assert "hunter2" not in str(found)
        assert found.mend


def test_a_stack_that_is_not_there(program: Path) -> None:
    """Rule: as every other command says it."""
    with pytest.raises(ConfigError, match="there is no stack 'nowhere'"):
        stacks.read(program, "nowhere")
