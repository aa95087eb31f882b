"""Two clones of the project on one machine, each with a stack of the same name: what is done in the one, the other
never feels.

Whatever changes something is done in the one while a DAG runs in the other: not one container, network or volume of
that one changes, and its run ends well. Then the other way round.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import engine_tests
from e2e.session import Session, poll
from e2e.stack import Stack, docker

pytestmark = pytest.mark.usefixtures("images")

DAG = """
import time
from pathlib import Path

import pendulum
from airflow.decorators import dag, task

@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1), is_paused_upon_creation=False)
def waits():
    @task
    def wait():
        while not Path("/opt/airflow/plugins/go-on").exists():
            time.sleep(0.5)
    wait()

waits()
"""
SMALL = {"docker_socket_proxy": {"enabled": False}, "airflow": {"executor": "LocalExecutor"}}
ONE_WORKER = {"docker_socket_proxy": {"enabled": False}, "worker": {"count": 1, "concurrency": 2}}
PASSPHRASE = "correct horse battery staple"


def things(stack: Stack) -> dict[str, Any]:
    """All that an engine has of a stack, and what tells each from another that would stand in its place."""
    found: dict[str, Any] = {
        service: (entry["Id"], entry["State"]["StartedAt"], entry["State"]["Status"], entry["RestartCount"])
        for service, entry in stack.containers().items()
    }
    found |= {name: docker("network", "inspect", "--format", "{{.Id}}", name) for name in stack.listed("network")}
    for name in stack.listed("volume"):
        found[name] = docker("volume", "inspect", "--format", "{{.CreatedAt}} {{json .Labels}}", name)
    return found


def start(stack: Stack, run: str) -> None:
    """A run of the DAG that waits; returns when its task is at work."""
    (stack.program / "plugins" / "go-on").unlink(missing_ok=True)
    api = stack.api()
    api.trigger("waits", run)
    poll("the task runs", lambda: [one["state"] for one in api.tasks("waits", run)] == ["running"], 120)


def end(stack: Stack, run: str) -> None:
    """The run was not disturbed: its one task ends well, at its first try."""
    api = stack.api()
    (task,) = api.tasks("waits", run)
    assert (task["state"], task["try_number"]) == ("running", 1)
    (stack.program / "plugins" / "go-on").touch()
    assert api.wait("waits", run) == "success"
    (task,) = api.tasks("waits", run)
    assert task["try_number"] == 1


@pytest.fixture(scope="module")
def clones(images: None, session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Stack]]:  # noqa: ARG001
    """Both up."""
    name = session.new_name()
    first = Stack(session, tmp_path_factory.mktemp("first"), SMALL, name=name)
    second = Stack(session, tmp_path_factory.mktemp("second"), ONE_WORKER, name=name)
    for stack in (first, second):
        (stack.program / "dags" / "waits.py").write_text(DAG)
        (stack.program / "plugins").mkdir(exist_ok=True)
        stack.up(compose=True)
    yield first, second
    for stack in (first, second):
        stack.write({"target": {"throw_away": True}})
        stack.cli("down", "-s", name)


def test_the_second_does_not_feel_the_first(clones: tuple[Stack, Stack]) -> None:
    """Rule: here the first restarts, goes and comes back, while a DAG runs in the second."""
    first, second = clones
    start(second, "first-changes")
    before = things(second)
    first.cli("restart", "-s", first.name, "webserver").check()
    first.down()
    assert first.containers() == {}
    assert things(second) == before
    first.up(compose=True)
    assert things(second) == before
    end(second, "first-changes")


@pytest.fixture(scope="module")
def running(clones: tuple[Stack, Stack]) -> Stack:
    """The first clone, in which a DAG runs from here on."""
    start(clones[0], "second-changes")
    return clones[0]


@pytest.fixture
def first(running: Stack) -> Iterator[Stack]:
    """The clone in which a DAG runs; not one of its things is another one after the test."""
    before = things(running)
    assert len(before) == 6 + 1 + 1
    yield running
    assert things(running) == before
    assert running.unhealthy() == []


@pytest.fixture
def second(clones: tuple[Stack, Stack]) -> Stack:
    return clones[1]


VERBS = (
    ("scale", "worker=2", "triggerer=0"),
    ("scale", "worker=1", "triggerer=1"),
    ("restart", "scheduler"),
    ("run", "--", "true"),
    ("airflow", "variables", "set", "of_the_second", "1"),
    ("shell", "scheduler", "true"),
    ("logs", "--tail", "1"),
    ("status",),
)


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_verb_means_this_directory_s_stack(first: Stack, second: Stack, words: tuple[str, ...]) -> None:
    """Rule: it works, on its own containers alone."""
    said = second.cli(words[0], "-s", second.name, *words[1:]).check().output
    assert first.prefix not in said


def test_a_backup_and_a_restore_are_this_directory_s(first: Stack, second: Stack, tmp_path: Path) -> None:
    """Rule: what is restored is the one's database; a variable of the other's stays."""
    passphrase, file = tmp_path / "passphrase", tmp_path / "second.tar.gz"
    passphrase.write_text(PASSPHRASE)
    first.api().call("POST", "/variables", {"key": "of_the_first", "value": "1"})
    options = ["--passphrase-file", str(passphrase)]
    second.cli("backup", "-s", second.name, "--to", str(file), *options).check()
    second.cli("restore", "-s", second.name, "--from", str(file), "--replace", *options).check()
    variables = [
        {one["key"] for one in stack.api().call("GET", "/variables")["variables"]} for stack in (first, second)
    ]
    assert "of_the_first" in variables[0] - variables[1]


def test_doctor_finds_nothing_of_the_other_in_the_way(first: Stack, second: Stack) -> None:
    """Rule: names, ports and volumes are judged as this directory's."""
    said = second.cli("doctor", "-s", second.name).output
    assert f"free, or this stack's own: {second.port}" in said
    assert "is not up" not in said
    assert first.prefix not in said


def test_docker_shows_what_a_directory_has(first: Stack) -> None:
    """Rule: who doesn't trust us asks Docker."""
    label = f"label=airflow-stack.directory={first.program.resolve()}"
    shown = docker("ps", "--all", "--filter", label, "--format", "{{.Names}}").split()
    assert sorted(shown) == sorted(first.container(service) for service in first.containers())


def test_an_up_that_wants_what_the_other_has_changes_nothing(first: Stack, second: Stack) -> None:
    """Rule: names, port and data of the other one are named with its directory and the commands that help."""
    own = things(second)
    second.write({"target": {"prefix": first.prefix}, "proxy": {"port": first.port}})
    try:
        refused = second.cli("up", "-s", second.name, "--compose")
    finally:
        second.write()
    assert refused.code == 1
    whose = f"of stack '{first.name}' in {first.program}"
    assert f"a container named {first.container('postgres')} is there already (and " in refused.output
    assert f"{whose}.\n" in refused.output
    assert f"make -C {first.program} down STACK={first.name}" in refused.output
    assert f"is in use by container {first.container('proxy')}, which is {whose}" in refused.output
    assert f"the volume {first.container('postgres-data')} holds the data of stack {first.name} in" in refused.output
    assert things(second) == own


def test_a_copy_of_the_directory_has_nothing_of_the_original(first: Stack, tmp_path: Path) -> None:
    """Rule: `cp -r` copies secrets, records and Pulumi's state; the containers are the original's."""
    copy = Stack(first.session, tmp_path, SMALL | {"target": {"throw_away": True}}, name=first.name)
    shutil.copytree(first.state.parent, copy.state.parent)
    shown = copy.cli("status", "-s", copy.name).output
    assert "is not up here: the containers of a stack of that name are those in " in shown
    assert f"those in {first.program}" in shown
    said = copy.cli("down", "-s", copy.name).check().output
    assert f"left alone: what is of stack '{first.name}' in {first.program}" in said


def test_an_up_and_a_down_are_this_directory_s(first: Stack, second: Stack) -> None:
    """Rule: a changed stack file replaces the one's container; `down` removes all of the one, its data kept."""
    before = things(second)
    second.config["proxy"] = {**second.config["proxy"], "memory": 96}
    second.write()
    second.up(compose=True)
    after = things(second)
    # Compose runs init, which has ended, at each `up`.
    assert {name for name in before if after.get(name) != before[name]} == {"init", "proxy"}
    said = second.down().output
    assert second.containers() == {}
    assert second.listed("network") == []
    kept = [second.container("postgres-data"), second.container("redis-data")]
    assert second.listed("volume") == kept
    assert f"Kept: {', '.join(kept)}, and the secrets in {second.state / 'secrets'}" in said
    assert f"left alone: what is of stack '{first.name}' in {first.program}" in said


def test_a_throw_away_stack_takes_its_own_data_alone(first: Stack, second: Stack) -> None:  # noqa: ARG001
    """Rule: with throw_away, `down` removes the one's volumes and secrets, also where nothing else is there."""
    second.write({"target": {"throw_away": True}})
    second.down()
    assert second.listed("volume") == []
    assert not (second.state / "secrets").exists()
    again = second.down().output
    assert f"stack '{second.name}' was not up: there is nothing to remove" in again
    assert "Kept" not in again


def test_a_copy_of_what_was_moved_deletes_nothing_of_it(session: Session, tmp_path: Path) -> None:
    """Rule: no verb but up and down acts on what was moved, and a down keeps its data; a copy takes none of it."""
    own = Stack(session, tmp_path, SMALL)
    own.up(compose=True)
    before, place = things(own), own.program
    own.program = place.rename(place.with_name("moved"))
    for words in (("status",), ("restart", "scheduler"), ("scale", "scheduler=0")):
        refused = own.cli(words[0], "-s", own.name, *words[1:])
        assert refused.code == 1
        assert f"this stack was moved from {place}: run `airflow-stack up -s {own.name}` first" in refused.output
        assert "Traceback" not in refused.output
    assert things(own) == before
    assert not place.exists()
    assert f"this stack was moved from {place}: what it left there is taken down" in own.down().output
    assert (own.containers(), own.listed("volume")) == ({}, [own.container("postgres-data")])
    own.up(compose=True)
    assert own.unhealthy() == []
    copy = Stack(session, tmp_path, SMALL | {"target": {"throw_away": True}}, name=own.name)
    shutil.copytree(own.state.parent, copy.state.parent)
    own.down()
    kept = own.listed("volume")
    assert kept == [own.container("postgres-data")]
    said = copy.cli("down", "-s", copy.name).check().output
    assert f"left alone: what is of stack '{own.name}' in {own.program}" in said
    assert own.listed("volume") == kept
    own.write({"target": {"throw_away": True}})
    own.down()
    assert own.listed("volume") == []


@engine_tests
def test_pulumi_in_the_one_leaves_the_other_alone(first: Stack, session: Session, tmp_path: Path) -> None:
    """Rule: the same with Pulumi: up, a changed up, and a copy of the directory with Pulumi's state in it."""
    own = Stack(session, tmp_path, SMALL | {"target": {"throw_away": True}}, name=first.name)
    own.up()
    assert own.unhealthy() == []
    before = things(own)
    copy = Stack(session, tmp_path, SMALL | {"target": {"throw_away": True}}, name=first.name)
    shutil.copytree(own.state.parent, copy.state.parent)
    copy.down()
    assert things(own) == before
    shutil.copytree(own.state.parent, copy.state.parent, dirs_exist_ok=True)
    copied = copy.up().output
    assert "Pulumi's state is a copy: it forgets what is of stack" in copied
    assert things(own) == before
    copy.down()
    assert copy.containers() == {}
    assert things(own) == before
    own.program.rename(own.program.with_name("moved"))
    own.program = own.program.with_name("moved")
    assert own.cli("status", "-s", own.name).code == 1
    own.up()
    moved = things(own)
    assert {name for name in before if moved[name] == before[name]} == {*own.listed("network"), *own.listed("volume")}
    own.down()
    assert (own.containers(), own.listed("network"), own.listed("volume")) == ({}, [], [])


def test_the_run_of_the_first_ends_well(first: Stack) -> None:
    """Rule: nothing of all that has reached the DAG that ran meanwhile."""
    end(first, "second-changes")
