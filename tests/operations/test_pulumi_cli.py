"""How a stack of this machine is brought up by Pulumi."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.errors import OperationError, Terminated
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


# As Pulumi does: an interrupt has it finish what it is at.
LONG = f"""#!{sys.executable}
import json, pathlib, signal, sys
log = pathlib.Path(sys.argv[0] + ".log")
def interrupted(*_):
    log.write_text("interrupted")
    sys.exit(1)
signal.signal(signal.SIGINT, interrupted)
if sys.argv[1] == "up":
    log.write_text("at work")
    signal.pause()
print(json.dumps([{{"name": "local"}}]))
"""


def test_a_cancelled_up_interrupts_pulumi(pulumi: tuple[PulumiCli, Path]) -> None:
    """Rule: a SIGTERM, which reaches this program alone, ends Pulumi as Ctrl-C does, with its state in order."""
    cli, log = pulumi
    Path(cli.command).write_text(LONG)

    def terminate(*_: Any) -> None:
        raise Terminated

    def cancel() -> None:
        while not (log.exists() and log.read_text() == "at work"):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        threading.Thread(target=cancel, daemon=True).start()
        with pytest.raises(OperationError, match="was interrupted"):
            cli.up()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert log.read_text() == "interrupted"
