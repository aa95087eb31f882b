"""`airflow-stack up` and `down`, interrupted."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from airflow_stack import cli
from airflow_stack.errors import Terminated
from airflow_stack.operations import lifecycle


@pytest.mark.parametrize("signal", [KeyboardInterrupt, Terminated])
@pytest.mark.parametrize("verb", ["up", "down"])
def test_an_interrupt_says_what_to_do_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str, signal: type[BaseException]
) -> None:
    """Rule: 130, and the command that finishes it; Compose says nothing of its own."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise signal

    monkeypatch.setattr(lifecycle, verb, interrupted)
    with mock.patch("sys.argv", ["airflow-stack", verb, "-s", "local"]), pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert "interrupted: run the same command again: it finishes what this one has begun." in capsys.readouterr().err
