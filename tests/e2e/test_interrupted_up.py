"""An `up` that is interrupted is finished by the next one."""

from __future__ import annotations

import os
import signal

import pytest

from e2e.conftest import engine_tests
from e2e.pulumi import Pulumi
from e2e.session import poll
from e2e.stack import Stack

pytestmark = pytest.mark.usefixtures("images")


@engine_tests
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_an_interrupted_up_is_mended_by_the_next(stack: Stack, how: str) -> None:
    """`up` is stopped when half of the containers are there; running it again ends with a healthy stack."""
    log = stack.program / ".output-interrupted"
    process = stack.session.start(stack.command("up", "-s", stack.name), stack.program, stack.environment(), log)
    try:
        poll("half of the stack is there", lambda: len(stack.containers()) >= 4 or process.poll() is not None, 240, 0.1)
        assert process.poll() is None, log.read_text()
        if how == "SIGINT":
            os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C sends: to every process of the terminal
        else:
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait(120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        stack.session.ended(process)
    assert code != 0
    stack.up()
    assert stack.unhealthy() == []
    assert Pulumi(stack).preview().touched == {}
    stack.down()
    assert stack.containers() == {}
    assert stack.listed("volume") == []
    assert stack.listed("network") == []
