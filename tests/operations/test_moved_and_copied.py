"""Whose things are where directories were moved and copied: volumes and networks tell where they were made first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from airflow_stack.backends.identity import Identity
from airflow_stack.errors import OperationError
from airflow_stack.operations import ownership

from .engine import Engine, put_up
from .test_ownership import DEV, clone, look, ours


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(ownership, "client", lambda: made)
    return made


def up_again(engine: Engine, directory: Path, known: str) -> None:
    """As an `up` after a move: containers made anew; networks and volumes keep the labels that they have."""
    Identity.settle(directory, "local")
    kept = {kind: dict(engine.entries[kind]) for kind in ("network", "volume")}
    put_up(engine, directory, "local", "", known)
    engine.entries |= kept


def move(engine: Engine, tmp_path: Path, *places: str) -> tuple[Path, str]:
    """Up in the first, moved to each of the others and up there; the last, and the id."""
    directory = tmp_path / places[0]
    known = clone(directory).id
    put_up(engine, directory, "local", "", known)
    for place in places[1:]:
        directory = directory.rename(tmp_path / place)
        up_again(engine, directory, known)
    return directory, known


@pytest.mark.parametrize("is_up", [True, False], ids=["up", "down"])
def test_a_copy_of_what_was_moved_has_nothing_of_it(engine: Engine, tmp_path: Path, is_up: bool) -> None:
    """Rule: labels of a directory that is gone make nobody an owner while another one has the id."""
    moved, _ = move(engine, tmp_path, "first", "second", "third")
    shutil.copytree(moved, tmp_path / "copy")
    if not is_up:
        engine.entries["container"].clear()
        engine.entries["network"].clear()
    keys = {entry.get("Id", name) for kind in engine.entries.values() for name, entry in kind.items()}
    for state in (None, keys):
        assert ours(tmp_path / "copy", state=state) == ours(tmp_path / "copy", DEV, state) == set()
    found = look(tmp_path / "copy")
    assert {found.owner(thing).directory for thing in found.things} == {moved}
    assert found.moved_from is None
    assert ours(moved) == engine.names()


def test_a_copy_that_was_made_before_the_move(engine: Engine, tmp_path: Path) -> None:
    """Rule: its record does not know the new place, which the containers tell; an `up` gives it an id of its own."""
    first, known = move(engine, tmp_path, "first")
    shutil.copytree(first, tmp_path / "copy")
    moved = first.rename(tmp_path / "moved")
    up_again(engine, moved, known)
    assert ours(tmp_path / "copy") == set()
    assert ours(moved) == engine.names()
    assert ownership.settle(tmp_path / "copy", "local").id != known
    assert ours(tmp_path / "copy") == set()


def test_a_copy_that_was_put_at_the_old_place(engine: Engine, tmp_path: Path) -> None:
    """Rule: the id is that of the directory where it was up last, whatever volumes say."""
    moved, _ = move(engine, tmp_path, "first", "second")
    shutil.copytree(moved, tmp_path / "first")
    assert ours(tmp_path / "first") == set()
    assert ours(moved) == engine.names()


def test_what_was_moved_is_up_first(engine: Engine, tmp_path: Path) -> None:
    """Rule: no verb touches containers that mount paths of another place; it says where they were and what to run."""
    first, known = move(engine, tmp_path, "first")
    look(first).refuse_moved()
    moved = first.rename(tmp_path / "moved")
    with pytest.raises(OperationError, match=f"^this stack was moved from {first}: run `airflow-stack up -s local` fi"):
        look(moved).refuse_moved()
    Identity.settle(moved, "local")  # of an `up` that was interrupted here
    assert look(moved).moved_from == first
    up_again(engine, moved, known)
    look(moved).refuse_moved()


def test_what_was_moved_and_is_not_there_is_not_refused(engine: Engine, tmp_path: Path) -> None:  # noqa: ARG001
    """Rule: where nothing of it is left, nothing can break."""
    clone(tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "moved")
    look(tmp_path / "moved").refuse_moved()
