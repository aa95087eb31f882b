"""What `down` removes, what it keeps, and what it says of both; the engine is made up."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import models
import pytest
from docker.errors import APIError, NotFound

from airflow_stack.airflow import describe
from airflow_stack.backends.containers import plan
from airflow_stack.backends.identity import Identity
from airflow_stack.backends.labels import DIRECTORY, ID, MANAGED_BY, SERVICE, STACK
from airflow_stack.backends.machine import Machine
from airflow_stack.errors import OperationError
from airflow_stack.operations import engine_memory, image_build, lifecycle, origin, ownership, preflight
from airflow_stack.operations.running import docker_scale, find

from .engine import Engine, put_up

Down = Callable[[Path], list[str]]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    made = Engine()
    monkeypatch.setattr(ownership, "client", lambda: made)
    monkeypatch.setattr(lifecycle, "ensure_engine", lambda _: None)
    for name in ("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi-home"))
    return made


@pytest.fixture
def down() -> Down:
    """Take the stack ``local`` of a directory down; what was said."""

    def take(program: Path) -> list[str]:
        said: list[str] = []
        lifecycle.down(program, "local", said.append)
        return said

    return take


def project(directory: Path, prefix: str = "", *, throw_away: bool = False) -> Path:
    directory.mkdir()
    target = f"{{prefix: '{prefix}', throw_away: {str(throw_away).lower()}}}"
    (directory / "Pulumi.local.yaml").write_text(f"config:\n  airflow-stack:target: {target}\n")
    return directory


def was_up(program: Path) -> str:
    """As an `up` leaves a directory; the stack's id."""
    values = program / ".airflow-stack" / "local" / "secrets" / "values"
    values.mkdir(parents=True)
    (values / "fernet_key").write_text("x")
    return Identity.settle(program, "local").id


def test_a_stack_that_was_never_up(engine: Engine, tmp_path: Path, down: Down) -> None:
    """Rule: it says so, keeps nothing that is not there, makes nothing, and names whose the containers are."""
    other, mine = project(tmp_path / "other"), project(tmp_path / "mine")
    theirs = put_up(engine, other, "local", "", was_up(other))
    assert down(mine) == [
        "stack 'local' was not up: there is nothing to remove",
        f"left alone: what is of stack 'local' in {other}; to take it down: make -C {other} down STACK=local",
    ]
    assert engine.names() == theirs
    assert [path.name for path in mine.iterdir()] == ["Pulumi.local.yaml"]


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "before ids"])
def test_a_down_is_this_directory_s(engine: Engine, tmp_path: Path, down: Down, ids: bool) -> None:
    """Rule: all of this one, and nothing of the other clone's stack of the same name; the data that is kept is told."""
    other, mine = project(tmp_path / "other"), project(tmp_path / "mine", "dev")
    known = [was_up(program) for program in (other, mine)]
    theirs = put_up(engine, other, "local", "", known[0] if ids else "")
    put_up(engine, mine, "local", "dev", known[1] if ids else "")
    secrets = mine / ".airflow-stack" / "local" / "secrets"
    said = down(mine)
    assert f"stack 'local' is down. Kept: dev-af-postgres-data, and the secrets in {secrets}" in said
    assert engine.names() == theirs | {"dev-af-postgres-data"}
    assert down(mine)[0].startswith("stack 'local' was not up: there is nothing to remove. Kept: dev-af-postgres-data,")


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "before ids"])
def test_a_throw_away_stack_takes_its_own_data_alone(engine: Engine, tmp_path: Path, down: Down, ids: bool) -> None:
    """Rule: volumes and secrets go with this stack; the other clone's stay."""
    other, mine = project(tmp_path / "other", throw_away=True), project(tmp_path / "mine", "dev", throw_away=True)
    known = [was_up(program) for program in (other, mine)]
    theirs = put_up(engine, other, "local", "", known[0] if ids else "")
    put_up(engine, mine, "local", "dev", known[1] if ids else "")
    assert "stack 'local' is down, and its data deleted" in down(mine)
    assert engine.names() == theirs
    assert not (mine / ".airflow-stack" / "local" / "secrets").exists()
    assert (other / ".airflow-stack" / "local" / "secrets").exists()
    assert down(mine)[0] == "stack 'local' was not up: there is nothing to remove"


def test_what_the_stack_file_no_longer_asks_for_goes_at_an_up(engine: Engine, tmp_path: Path) -> None:
    """Rule: by whose it is, not by Compose's project, whose name another project may have."""
    mine = project(tmp_path / "mine")
    labels = {STACK: "local", DIRECTORY: str(mine), MANAGED_BY: "compose", SERVICE: "worker-9"}
    engine.container("af-worker-9", labels)
    engine.container("af-init", labels | {SERVICE: "init"})
    theirs = {"com.docker.compose.project": "airflow"}
    engine.container("airflow-webserver-1", theirs)
    engine.container("dev-af-worker-9", labels | {DIRECTORY: "/elsewhere"})
    config = models.local_file(mine)
    planned = plan(config, describe(config), Machine.of(config, mine, "local"))
    lifecycle._remove_orphans(config, planned, mine, "local", print)
    assert engine.names() == {"af-init", "airflow-webserver-1", "dev-af-worker-9"}


def test_a_container_that_docker_does_not_remove_is_one_error() -> None:
    """Rule: with Docker's words, and no traceback; one that is gone meanwhile is removed."""
    refusal = APIError("409", explanation="driver failed to remove root filesystem: device is busy")
    gone = NotFound("404")
    for error in (refusal, gone):
        container = SimpleNamespace(name="af-worker-1", attrs={"Config": {}}, stop=Mock())
        container.remove = Mock(side_effect=error)
        if error is gone:
            assert lifecycle._remove(container) == "af-worker-1"  # type: ignore[arg-type]
            continue
        with pytest.raises(OperationError, match="container af-worker-1 could not be removed: driver failed"):
            lifecycle._remove(container)  # type: ignore[arg-type]


def test_networks_and_volumes_keep_their_labels(engine: Engine, tmp_path: Path) -> None:
    """Rule: Docker can't change them, and Compose would make a network anew or ask whether to delete the data."""
    mine = project(tmp_path / "mine")
    engine.network("airflow", {STACK: "local", "com.docker.compose.network": "airflow"})
    engine.volume("af-postgres-data", {STACK: "local", "com.docker.compose.version": "1"})
    config = models.local_file(mine)
    planned = plan(config, describe(config), Machine.of(config, mine, "local"))
    assert lifecycle._labels_that_are_there(planned) == {
        "airflow": {STACK: "local"},
        "af-postgres-data": {STACK: "local"},
    }


@pytest.mark.parametrize("throw_away", [False, True])
def test_data_that_was_taken_over(engine: Engine, tmp_path: Path, down: Down, throw_away: bool) -> None:
    """Rule: a volume that this stack uses is its own, though its labels tell of a clone that is gone."""
    mine = project(tmp_path / "mine", throw_away=throw_away)
    put_up(engine, mine, "local", "", was_up(mine))
    labels = {STACK: "older", DIRECTORY: str(tmp_path / "gone"), ID: "0123456789abcdef"}
    engine.volume("af-postgres-data", labels)
    said = down(mine)
    assert ("af-postgres-data" in engine.names()) != throw_away
    assert any("Kept: af-postgres-data" in line for line in said) != throw_away


def test_an_up_that_is_refused_makes_no_id(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: who has brought nothing up has no claim on what is there: not at the second try either."""
    moved, mine = project(tmp_path / "mine"), tmp_path / "mine"
    put_up(engine, moved, "local")
    (mine / ".airflow-stack").mkdir()
    monkeypatch.setattr(preflight, "client", lambda: engine)
    monkeypatch.setattr(image_build, "missing", lambda _: [])
    before = engine.names()
    for _ in range(2):
        with pytest.raises(OperationError, match="no container, network or volume was created:\na container named af-"):
            lifecycle._compose_up(models.local_file(mine), set(), mine, "local", print)
    assert engine.names() == before
    assert Identity.read(mine, "local").id == ""


def test_the_down_of_a_copy_keeps_the_data_of_what_was_moved(engine: Engine, tmp_path: Path, down: Down) -> None:
    """Rule: throw_away in a copy that was never up deletes nothing of the original, which is down."""
    mine = project(tmp_path / "mine", throw_away=True)
    known = was_up(mine)
    put_up(engine, mine, "local", "", known)
    moved = mine.rename(tmp_path / "moved")
    Identity.settle(moved, "local")
    engine.entries["container"].clear()
    engine.entries["network"].clear()
    shutil.copytree(moved, tmp_path / "copy")
    assert down(tmp_path / "copy") == [
        "stack 'local' was not up here: its secrets are deleted",
        f"left alone: what is of stack 'local' in {moved}; to take it down: make -C {moved} down STACK=local",
    ]
    assert engine.names() == {"af-postgres-data"}
    assert "stack 'local' is down, and its data deleted" in down(moved)
    assert engine.names() == set()


def test_the_first_down_after_a_move_keeps_the_data(engine: Engine, tmp_path: Path, down: Down) -> None:
    """Rule: that a directory is gone proves no right to delete; what can be made anew goes. The next one deletes."""
    mine = project(tmp_path / "mine", throw_away=True)
    put_up(engine, mine, "local", "", was_up(mine))
    moved = mine.rename(tmp_path / "moved")
    said = down(moved)
    assert said[0] == f"this stack was moved from {mine}: what it left there is taken down"
    assert "its data is kept this once; to delete it: airflow-stack down -s local" in said
    assert engine.names() == {"af-postgres-data"}
    assert (moved / ".airflow-stack" / "local" / "secrets" / "values" / "fernet_key").exists()
    assert "stack 'local' is down, and its data deleted" in down(moved)
    assert engine.names() == set()


def test_a_verb_on_what_was_moved_touches_nothing(engine: Engine, tmp_path: Path) -> None:
    """Rule: it is refused before a container is stopped, and an `up` starts none that mounts the old place."""
    mine = project(tmp_path / "mine")
    put_up(engine, mine, "local", "", was_up(mine))
    moved = mine.rename(tmp_path / "moved")
    with pytest.raises(OperationError, match="was moved from"):
        find(moved, "local")
    config = models.local_file(moved)
    engine.entries["container"]["af-scheduler"]["State"]["Status"] = "exited"
    docker_scale._write(moved, "local", {"scheduler": 0})
    docker_scale.settle(config, moved, "local", print)  # the engine's containers have no start()
    assert docker_scale.scaled(moved, "local") == {}


def test_a_refused_up_leaves_no_records(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a directory in which nothing was brought up looks as before, so that nothing takes it for a stack's."""
    other, mine = project(tmp_path / "other"), project(tmp_path / "mine")
    put_up(engine, other, "local", "", was_up(other))
    for module in (preflight, engine_memory):
        monkeypatch.setattr(module, "client", lambda: engine)
    monkeypatch.setattr(image_build, "missing", lambda _: [])
    monkeypatch.setattr(origin, "reaches_registry", lambda _: True)
    with pytest.raises(OperationError, match="no container, network or volume was created"):
        lifecycle.up(mine, "local", print, use_compose=True)
    assert not (mine / ".airflow-stack").exists()
    (mine / ".airflow-stack").mkdir()
    (mine / ".airflow-stack" / "passphrase").write_text("x")
    with pytest.raises(OperationError, match="no container, network or volume was created"):
        lifecycle.up(mine, "local", print, use_compose=True)
    assert [path.name for path in (mine / ".airflow-stack").iterdir()] == ["passphrase"]
