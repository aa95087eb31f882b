"""How a stack of this machine is brought up by Pulumi."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_stack.operations.pulumi_cli import PulumiCli

# Prints what it was asked for, and whether it may fetch plugins.
PULUMI = """#!/bin/sh
echo "$1 $2: ${PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION:-fetches}" >> "$0.log"
[ "$1 $2" != "stack ls" ] || echo '[{"name": "local"}]'
"""


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PulumiCli, Path]:
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(PULUMI)
    program.chmod(0o755)
    (tmp_path / "Pulumi.local.yaml").write_text("config: {}\n")
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    found = PulumiCli.find(tmp_path, "local")
    assert found is not None
    return found, program.with_name("pulumi.log")


def test_up_fetches_no_provider_that_it_does_not_need(pulumi: tuple[PulumiCli, Path]) -> None:
    """Rule: nobody waits for AWS's provider to run Airflow on a laptop."""
    cli, log = pulumi
    cli.up()
    assert "up --yes: true" in log.read_text()


def test_down_fetches_what_the_state_needs(pulumi: tuple[PulumiCli, Path]) -> None:
    """Rule: a machine that has lost its providers can still take the stack down."""
    cli, log = pulumi
    cli.up()
    log.unlink()
    PulumiCli(cli.command, cli.program, cli.stack).destroy()
    assert "destroy --yes: fetches" in log.read_text()
