"""Whose containers, networks and volumes are: two clones of one stack name, moved, copied, deleted, of before ids."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from airflow_stack.airflow.secrets import fingerprint
from airflow_stack.backends.identity import Identity, is_at
from airflow_stack.backends.labels import DIRECTORY, ID, SECRETS, SERVICE, STACK
from airflow_stack.config import LocalConfig
from airflow_stack.errors import OperationError
from airflow_stack.operations import ownership
from airflow_stack.operations.ownership import Ownership

from .engine import Engine, put_up

DEV = LocalConfig.model_validate({"target": {"prefix": "dev"}})
PLAIN = LocalConfig()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(ownership, "client", lambda: made)
    return made


def clone(directory: Path, stack: str = "local", *, up: bool = True) -> Identity:
    """A directory in which the stack was brought up; or is new."""
    directory.mkdir(exist_ok=True)
    if not up:
        return Identity.read(directory, stack)
    keep_secrets(directory, stack)
    return Identity.settle(directory, stack)


def keep_secrets(directory: Path, stack: str = "local", **contents: str) -> None:
    """As `up` does, of any version."""
    secrets = directory / ".airflow-stack" / stack / "secrets"
    (secrets / "values").mkdir(parents=True, exist_ok=True)
    (secrets / "values" / "fernet_key").write_text("x")
    for name, content in ({"fernet_key": f"key of {directory.name}"} | contents).items():
        (secrets / name).write_text(content)


def ours(directory: Path, config: LocalConfig = PLAIN, state: set[str] | None = None) -> set[str]:
    found = look(directory, config, state)
    return {thing.name for kind in ("container", "network", "volume") for thing in found.ours(kind)}


def look(directory: Path, config: LocalConfig = PLAIN, state: set[str] | None = None) -> Ownership:
    return ownership.look(config, directory, "local", None if state is None else lambda: state)


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "before ids"])
def test_two_clones_of_one_stack_name(engine: Engine, tmp_path: Path, ids: bool) -> None:
    """Rule: each finds all of its own and nothing of the other's, who is named with its directory."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        keep_secrets(tmp_path / name)
    known = [Identity.settle(tmp_path / name, "local").id if ids else "" for name in ("one", "two")]
    first = put_up(engine, tmp_path / "one", "local", "", known[0])
    second = put_up(engine, tmp_path / "two", "local", "dev", known[1])
    assert ours(tmp_path / "one") == first
    assert ours(tmp_path / "two", DEV) == second
    (other,) = look(tmp_path / "two", DEV).namesakes()
    assert str(other) == f"of stack 'local' in {tmp_path / 'one'}"
    assert other.take_down == f"take it down: make -C {tmp_path / 'one'} down STACK=local"


def test_two_stacks_of_one_directory(engine: Engine, tmp_path: Path) -> None:
    """Rule: a directory may have many stacks."""
    mine, other = clone(tmp_path), clone(tmp_path, "other")
    first = put_up(engine, tmp_path, "local", "", mine.id)
    put_up(engine, tmp_path, "other", "dev", other.id)
    assert mine.id != other.id
    assert ours(tmp_path) == first


def test_a_stack_that_was_never_up_has_nothing(engine: Engine, tmp_path: Path) -> None:
    """Rule: to look makes nothing, and finds nothing of others."""
    put_up(engine, tmp_path / "one", "local", "", clone(tmp_path / "one").id)
    clone(tmp_path / "new", up=False)
    assert ours(tmp_path / "new") == set()
    assert list((tmp_path / "new").iterdir()) == []


def test_another_prefix_in_the_stack_file_changes_nothing_of_what_is_up(engine: Engine, tmp_path: Path) -> None:
    """Rule: what the stack has made stays its own, whatever its file says now."""
    made = put_up(engine, tmp_path / "one", "local", "", clone(tmp_path / "one").id)
    assert ours(tmp_path / "one", DEV) == made


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "before ids"])
def test_a_clone_that_was_moved_finds_its_stack(engine: Engine, tmp_path: Path, ids: bool) -> None:
    """Rule: by its id; before there were ids, by the secrets that its containers were made with."""
    (tmp_path / "old").mkdir()
    keep_secrets(tmp_path / "old")
    made = put_up(engine, tmp_path / "old", "local", "", Identity.settle(tmp_path / "old", "local").id if ids else "")
    if not ids:
        mark = fingerprint(("fernet_key",), {"fernet_key": "key of old"})
        for name in ("af-postgres", "af-init", "af-scheduler"):
            engine.entries["container"][name]["Labels"][SECRETS] = mark
    (tmp_path / "old").rename(tmp_path / "new")
    assert ours(tmp_path / "new") == made


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "before ids"])
def test_a_new_clone_at_the_place_of_a_moved_one(engine: Engine, tmp_path: Path, ids: bool) -> None:
    """Rule: it has nothing of the moved one's, before its first `up` and after it; the moved one keeps it all."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    keep_secrets(old)
    made = put_up(engine, old, "local", "", Identity.settle(old, "local").id if ids else "")
    old.rename(new)
    clone(old, up=False)
    assert ours(old) == ours(old, DEV) == set()
    own = put_up(engine, old, "local", "dev", clone(old).id)
    assert ours(old, DEV) == own
    assert ours(new) == (made if ids else set())  # before ids, nothing tells the two apart: then it is nobody's


def test_a_copy_has_nothing_of_the_original(engine: Engine, tmp_path: Path) -> None:
    """Rule: `cp -r` copies the id too; whoever is where the labels say has it. `up` gives the copy one of its own."""
    original, copy = tmp_path / "original", tmp_path / "copy"
    made = put_up(engine, original, "local", "", clone(original).id)
    shutil.copytree(original, copy)
    assert ours(copy) == ours(copy, DEV) == set()
    own = put_up(engine, copy, "local", "dev", Identity.settle(copy, "local").id)
    assert ours(copy, DEV) == own
    assert ours(original) == made
    shutil.rmtree(copy)
    assert ours(original) == made, "a deleted copy's are not the original's"


def test_a_copy_of_before_ids_has_nothing_of_the_original(engine: Engine, tmp_path: Path) -> None:
    """Rule: the same secrets make it the same stack only where the original is gone."""
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.mkdir()
    keep_secrets(original)
    made = put_up(engine, original, "local")
    mark = fingerprint(("fernet_key",), {"fernet_key": "key of original"})
    engine.entries["container"]["af-init"]["Labels"][SECRETS] = mark
    shutil.copytree(original, copy)
    assert ours(copy) == set()
    assert ours(original) == made


def test_a_directory_by_two_paths_is_one(engine: Engine, tmp_path: Path) -> None:
    """Rule: a link to a project is the project."""
    made = put_up(engine, tmp_path / "real", "local", "", clone(tmp_path / "real").id)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert ours(tmp_path / "link") == made
    assert Identity.settle(tmp_path / "link", "local") == Identity.read(tmp_path / "real", "local")


def test_a_clone_without_its_records(engine: Engine, tmp_path: Path) -> None:
    """Rule: after `git clean -fdx` nothing tells it from a new clone: the containers are said to be that one's."""
    known = clone(tmp_path / "one").id
    put_up(engine, tmp_path / "one", "local", "", known)
    shutil.rmtree(tmp_path / "one" / ".airflow-stack")
    assert ours(tmp_path / "one") == set()
    (owner,) = look(tmp_path / "one").namesakes()
    assert "was moved or deleted, or has lost its .airflow-stack" in str(owner)
    assert f"docker rm --force $(docker ps --all --quiet --filter label={ID}={known})" in owner.take_down


def test_a_clone_that_is_gone_is_named(engine: Engine, tmp_path: Path) -> None:
    """Rule: nobody takes what a deleted clone has left; what it was and how it is removed is said."""
    put_up(engine, tmp_path / "gone", "local", "", clone(tmp_path / "gone").id)
    shutil.rmtree(tmp_path / "gone")
    clone(tmp_path / "two")
    assert ours(tmp_path / "two") == set()
    (owner,) = look(tmp_path / "two").namesakes()
    assert str(tmp_path / "gone") in str(owner)
    assert owner.take_down.startswith("where it is nobody's any more, remove it: docker rm --force")


def test_what_pulumi_s_state_holds_of_a_clone_that_is_gone_is_ours(engine: Engine, tmp_path: Path) -> None:
    """Rule: a state in a backend of the user's outlives its directory, and the next checkout goes on with it."""
    made = put_up(engine, tmp_path / "gone", "local", "", clone(tmp_path / "gone").id)
    state = {f"id-of-{name}" for name in made} | {"af-postgres-data"}
    assert ours(tmp_path / "gone", state=state) == made
    shutil.rmtree(tmp_path / "gone")
    clone(tmp_path / "next", up=False)
    assert ours(tmp_path / "next", state=state) == made
    assert look(tmp_path / "next", state=state).misplaced() == []


def test_what_pulumi_s_state_holds_of_a_clone_that_is_there_is_not_ours(engine: Engine, tmp_path: Path) -> None:
    """Rule: two clones that share a state, or a copied one, are found out before anything is replaced."""
    made = put_up(engine, tmp_path / "one", "local", "", clone(tmp_path / "one").id)
    clone(tmp_path / "two")
    state = {f"id-of-{name}" for name in made} | {"af-postgres-data"}
    assert ours(tmp_path / "two", DEV, state=state) == set()
    assert {thing.name for thing in look(tmp_path / "two", DEV, state=state).misplaced()} == made


def test_pulumi_s_state_is_asked_only_where_somebody_else_has_something(engine: Engine, tmp_path: Path) -> None:
    """Rule: no verb waits a second for Pulumi's command line without need."""
    put_up(engine, tmp_path / "one", "local", "", clone(tmp_path / "one").id)

    def asked() -> set[str]:
        raise AssertionError

    ownership.look(PLAIN, tmp_path / "one", "local", asked)


def test_what_an_exported_compose_file_has_made(engine: Engine, tmp_path: Path) -> None:
    """Rule: made by hand in a clone that was never up, it is the clone's, that `down` removes it."""
    clone(tmp_path, up=False)
    labels = {STACK: "local", DIRECTORY: str(tmp_path)}
    engine.container("af-proxy", labels | {SERVICE: "proxy"})
    engine.network("airflow", labels)
    engine.container("af-webserver", labels | {SERVICE: "webserver", DIRECTORY: "/elsewhere"})
    assert ours(tmp_path) == {"af-proxy", "airflow"}


def test_a_lone_rest_of_before_ids_is_ours_by_its_name(engine: Engine, tmp_path: Path) -> None:
    """Rule: what no other container explains was left by whoever had its name: this stack."""
    clone(tmp_path)
    engine.container("af-proxy", {STACK: "local", SERVICE: "proxy"})
    engine.container("dev-af-proxy", {STACK: "local", SERVICE: "proxy"})
    engine.network("airflow", {STACK: "local"})
    engine.network("dev-airflow", {STACK: "local"})
    assert ours(tmp_path) == {"af-proxy", "airflow"}


def test_what_carries_no_label_of_ours_is_nobody_s(engine: Engine, tmp_path: Path) -> None:
    """Rule: another program's container, network or volume of a name that the stack wants is left alone."""
    clone(tmp_path)
    engine.container("af-proxy", {})
    engine.network("airflow", {})
    engine.network("airflow-of-another", {})
    engine.volume("af-postgres-data", None)
    assert ours(tmp_path) == set()
    for kind, name in (("container", "af-proxy"), ("network", "airflow"), ("volume", "af-postgres-data")):
        thing = ownership.named(kind, name)  # type: ignore[arg-type]
        assert thing is not None
        assert look(tmp_path).owner(thing) == ownership.NOBODY
        assert not look(tmp_path).is_ours(thing)
    assert ownership.named("network", "flow") is None


def test_a_folder_of_another_user(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: who may not read a stack's folder sees its containers, brings up nothing, and takes nobody's for gone."""
    made = put_up(engine, tmp_path / "one", "local", "", clone(tmp_path / "one").id)
    real = Path.read_text

    def read_text(path: Path, *given: object, **named: object) -> str:
        if path.name == "identity.json":
            raise PermissionError(path)
        return real(path, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "read_text", read_text)
    assert is_at(tmp_path / "one", "local", "another")
    assert ours(tmp_path / "one") == made
    with pytest.raises(OperationError, match=r"is another user's\.\nRun this as that user"):
        Identity.settle(tmp_path / "one", "local")


def test_an_id_is_made_once_and_goes_along(tmp_path: Path) -> None:
    """Rule: a second `up` changes nothing; a moved clone keeps its id and knows where it was."""
    first = clone(tmp_path / "old")
    file = tmp_path / "old" / ".airflow-stack" / "local" / "identity.json"
    written = file.stat().st_mtime_ns
    assert clone(tmp_path / "old") == first
    assert file.stat().st_mtime_ns == written
    assert json.loads(file.read_text()) == {"id": first.id, "directories": [str(tmp_path / "old")]}
    (tmp_path / "old").rename(tmp_path / "new")
    moved = Identity.settle(tmp_path / "new", "local")
    assert moved.id == first.id
    assert moved.directories == (tmp_path / "old", tmp_path / "new")
    assert [path.name for path in (tmp_path / "new" / ".airflow-stack" / "local").iterdir()].count("identity.json") == 1


def test_volumes_of_before_ids_go_along(engine: Engine, tmp_path: Path) -> None:
    """Rule: Docker can't change a volume's labels: the record knows in which directories they were made."""
    clone(tmp_path / "old")
    engine.volume("af-postgres-data", {STACK: "local", DIRECTORY: str(tmp_path / "old")})
    (tmp_path / "old").rename(tmp_path / "new")
    Identity.settle(tmp_path / "new", "local")
    assert ours(tmp_path / "new") == {"af-postgres-data"}


def test_a_volume_without_a_directory_is_that_of_who_mounts_it(engine: Engine, tmp_path: Path) -> None:
    """Rule: of two stacks of one name, the containers tell whose it is."""
    clone(tmp_path / "one")
    clone(tmp_path / "two")
    engine.volume("data", {STACK: "local"})
    for place in ("one", "two"):
        labels = {STACK: "local", SERVICE: "postgres", DIRECTORY: str(tmp_path / place)}
        engine.container(
            f"{place}-af-postgres", labels, {"/var/lib/postgresql/data": "data" if place == "two" else "x"}, "n"
        )
    found = look(tmp_path / "two")
    (volume,) = (thing for thing in found.things if thing.kind == "volume")
    assert found.owner(volume).directory == tmp_path / "two"


def test_compose_s_own_label_tells_a_directory_of_before_ids(engine: Engine, tmp_path: Path) -> None:
    """Rule: the one container that mounts no secret is found by where its Compose file was."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        keep_secrets(tmp_path / name)
    place = tmp_path / "one" / ".airflow-stack" / "local"
    labels = {STACK: "local", SERVICE: "proxy", "com.docker.compose.project.working_dir": str(place)}
    engine.container("af-proxy", labels)
    assert ours(tmp_path / "one") == {"af-proxy"}
    assert ours(tmp_path / "two") == set()
    (owner,) = look(tmp_path / "two").namesakes()
    assert owner.directory == tmp_path / "one"


def test_a_path_that_looks_like_another_s(engine: Engine, tmp_path: Path) -> None:
    """Rule: a clone within a clone, or a stack whose name begins like another one's, is told apart."""
    outer, inner = tmp_path / "outer", tmp_path / "outer" / ".airflow-stack" / "local" / "inner"
    for program in (outer, inner):
        program.mkdir(parents=True)
        keep_secrets(program)
    made = put_up(engine, inner, "local", "dev")
    other = put_up(engine, outer, "local-2", "x")
    own = put_up(engine, outer, "local", "")
    assert ours(outer) == own
    assert ours(inner, DEV) == made
    assert ours(outer).isdisjoint(other)
