"""Pulumi's state that holds what is another clone's: copied along with the directory, or shared by a backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_stack.backends.identity import Identity
from airflow_stack.config import LocalConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations import ownership, recovery
from airflow_stack.operations.pulumi_cli import STATE

from .engine import Engine, put_up

DEV = LocalConfig.model_validate({"target": {"prefix": "dev"}})


class Pulumi:
    """Its command line, as far as recovery calls it, on a state that holds everything of the engine."""

    stack = "local"

    def __init__(self, program: Path, state: Path, keys: set[str]) -> None:
        self.program, self.state, self.keys = program, state, keys
        self.forgot = False

    def local_state(self) -> Path:
        return self.state

    def keeps_state_here(self) -> bool:
        return self.state.is_relative_to(self.program)

    def resource_ids(self) -> set[str]:
        return set() if self.forgot else self.keys

    def forget(self) -> None:
        self.forgot = True


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(ownership, "client", lambda: made)
    return made


def up_by_pulumi(engine: Engine, program: Path, prefix: str = "") -> set[str]:
    (program / STATE).mkdir(parents=True)
    names = put_up(engine, program, "local", prefix, Identity.settle(program, "local").id, "pulumi")
    return {f"id-of-{name}" for name in names} | {name for name in names if name.endswith("-data")}


def test_a_copied_state_forgets_what_is_the_original_s(engine: Engine, tmp_path: Path) -> None:
    """Rule: an `up` in a copy must not replace the original's containers by the ids that it has copied."""
    keys = up_by_pulumi(engine, tmp_path / "original")
    copy = tmp_path / "copy"
    (copy / STATE).mkdir(parents=True)
    before = engine.names()
    said: list[str] = []
    pulumi: Any = Pulumi(copy, copy / STATE, keys)
    recovery.recover(pulumi, DEV, said.append)
    assert pulumi.forgot
    assert said == [f"Pulumi's state is a copy: it forgets what is of stack 'local' in {tmp_path / 'original'}"]
    assert engine.names() == before


def test_a_state_that_clones_share_is_not_used(engine: Engine, tmp_path: Path) -> None:
    """Rule: one error that says whose it is and what helps; nothing is forgotten or removed."""
    keys = up_by_pulumi(engine, tmp_path / "one")
    before = engine.names()
    pulumi: Any = Pulumi(tmp_path / "two", tmp_path / "backend", keys)
    with pytest.raises(OperationError) as caught:
        recovery.recover(pulumi, DEV, print)
    text = str(caught.value)
    assert text.startswith("Pulumi's state of stack 'local' holds af-postgres, af-init, af-scheduler, …: that is")
    assert f"of stack 'local' in {tmp_path / 'one'}.\n" in text
    assert "mv Pulumi.local.yaml Pulumi.mine.yaml" in text
    assert f"make -C {tmp_path / 'one'} down STACK=local" in text
    assert not pulumi.forgot
    assert engine.names() == before


def test_a_state_below_one_clone_that_another_uses_too_is_not_forgotten(engine: Engine, tmp_path: Path) -> None:
    """Rule: only a copy forgets, of an original that has a state of its own."""
    one = tmp_path / "one"
    (one / STATE).mkdir(parents=True)
    keys = {f"id-of-{name}" for name in put_up(engine, tmp_path / "two", "local", "dev",
                                               Identity.settle(tmp_path / "two", "local").id, "pulumi")}  # fmt: skip
    pulumi: Any = Pulumi(one, one / STATE, keys)
    with pytest.raises(OperationError, match="Pulumi's state of stack 'local' holds dev-af-postgres"):
        recovery.recover(pulumi, LocalConfig(), print)
    assert not pulumi.forgot


def test_an_unfinished_update_is_finished_with_its_own_alone(engine: Engine, tmp_path: Path) -> None:
    """Rule: containers and networks of this stack that the state does not know go; the other clone's stay."""
    up_by_pulumi(engine, tmp_path / "one")
    theirs = engine.names()
    up_by_pulumi(engine, tmp_path / "two", "dev")
    said: list[str] = []
    pulumi: Any = Pulumi(tmp_path / "two", tmp_path / "two" / STATE, {"id-of-dev-af-init"})
    recovery.recover(pulumi, DEV, said.append)
    assert engine.names() == theirs | {"dev-af-init", "dev-af-postgres-data"}
    assert "removing dev-af-scheduler, which an earlier update has left unfinished" in said
