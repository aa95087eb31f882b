"""Names, data and ports that are somebody else's: whose, and the command that helps."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.airflow import describe
from airflow_stack.backends.containers import plan
from airflow_stack.backends.identity import Identity
from airflow_stack.backends.labels import DIRECTORY, IMAGE_VERSION, STACK
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig
from airflow_stack.operations import ownership, preflight

from .engine import Engine, put_up


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    for module in (ownership, preflight):
        monkeypatch.setattr(module, "client", lambda: made)
    return made


def up(engine: Engine, program: Path, prefix: str = "", tool: str = "compose") -> set[str]:
    values = program / ".airflow-stack" / "local" / "secrets" / "values"
    values.mkdir(parents=True)
    (values / preflight.PASSWORD).write_text("x")
    return put_up(engine, program, "local", prefix, Identity.settle(program, "local").id, tool)


def names(program: Path, tool: str = "compose") -> list[str]:
    planned, found, _ = asked(program)
    return preflight.name_problems(planned, found, "local", tool)


def volumes(program: Path, pulumi: Any = None, given: set[str] | None = None) -> list[str]:
    planned, found, machine = asked(program)
    return preflight.volume_problems(planned, found, machine, "local", given or set(), pulumi)


def asked(program: Path, config: LocalConfig | None = None) -> Any:
    config = config or LocalConfig()
    program.mkdir(exist_ok=True)
    machine = Machine.of(config, program, "local")
    return plan(config, describe(config), machine), ownership.look(config, program, "local"), machine


def test_names_of_another_clone(engine: Engine, tmp_path: Path) -> None:
    """Rule: one problem for each owner, with its directory, and the two ways out."""
    up(engine, tmp_path / "one")
    (problem,) = names(tmp_path / "two")
    assert problem == (
        f"a container named af-postgres is there already (and 4 more): of stack 'local' in {tmp_path / 'one'}.\n"
        "  mend: give this stack a prefix: airflow-stack init -s local --set target.prefix=mine;"
        f" or take it down: make -C {tmp_path / 'one'} down STACK=local"
    )
    assert names(tmp_path / "one") == []


def test_names_of_another_program(engine: Engine, tmp_path: Path) -> None:
    """Rule: a network counts too: a stack that used it would be in the same network as strangers."""
    engine.network("airflow", {})
    (problem,) = names(tmp_path / "two")
    assert problem.startswith("a network named airflow is there already: no stack's.\n  mend: give this stack a prefix")


def test_the_other_tool_s_containers_of_this_stack(engine: Engine, tmp_path: Path) -> None:
    """Rule: a stack belongs to the tool that made it."""
    up(engine, tmp_path / "one", tool="pulumi")
    (problem,) = names(tmp_path / "one", "compose")
    assert problem.startswith(
        "the containers of stack 'local' are there, made by Pulumi.\n  mend: make down STACK=local"
    )
    assert names(tmp_path / "one", "pulumi") == []


def test_data_of_a_clone_that_is_there(engine: Engine, tmp_path: Path) -> None:
    """Rule: a stack that is down keeps its data: a copy, which has its password, does not take it."""
    up(engine, tmp_path / "one")
    engine.entries["container"].clear()
    engine.entries["network"].clear()
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    Identity.settle(tmp_path / "copy", "local")
    for program in (tmp_path / "copy", tmp_path / "two"):
        (problem,) = volumes(program)
        assert problem.startswith(
            f"the volume af-postgres-data holds the data of stack local in {tmp_path / 'one'}, and is not this one's.\n"
        )
        place = tmp_path / "one" / ".airflow-stack" / "local"
        assert f"mv {place}/secrets {place}/identity.json {program}/.airflow-stack/local/" in problem
    assert volumes(tmp_path / "one") == []


def test_the_advice_brings_the_data_here(engine: Engine, tmp_path: Path) -> None:
    """Rule: what the message says helps: after it the data is this directory's, and no more the other's."""
    up(engine, tmp_path / "one")
    engine.entries["container"].clear()
    (tmp_path / "two" / ".airflow-stack" / "local" / "secrets").mkdir(parents=True)
    assert len(volumes(tmp_path / "two")) == 1
    here, there = (tmp_path / name / ".airflow-stack" / "local" for name in ("two", "one"))
    (here / "secrets").rmdir()  # as mv puts a directory in the place of an empty one
    for name in ("secrets", "identity.json"):
        (there / name).rename(here / name)
    Identity.settle(tmp_path / "two", "local")
    assert volumes(tmp_path / "two") == []
    assert [thing.name for thing in asked(tmp_path / "two")[1].ours("volume")] == ["af-postgres-data"]
    assert asked(tmp_path / "one")[1].ours("volume") == []


def test_data_whose_secrets_are_lost(engine: Engine, tmp_path: Path) -> None:
    """Rule: a database whose password nobody here has is not started on."""
    up(engine, tmp_path / "one")
    shutil.rmtree(tmp_path / "one" / ".airflow-stack")
    (problem,) = volumes(tmp_path / "one")
    assert "holds the data of a stack local of this directory, and the secrets that open it are not in" in problem
    assert volumes(tmp_path / "one", given={preflight.PASSWORD}) == []


@pytest.mark.parametrize("skeleton", [True, False])
def test_the_advice_names_no_directory_that_has_nothing_to_give(engine: Engine, tmp_path: Path, skeleton: bool) -> None:
    """Rule: where the secrets are gone, or are empty directories that Docker has made, nothing is to be moved."""
    up(engine, tmp_path / "one")
    shutil.rmtree(tmp_path / "one")
    if skeleton:
        (tmp_path / "one" / ".airflow-stack" / "local" / "secrets" / "fernet_key").mkdir(parents=True)
    (problem,) = volumes(tmp_path / "two")
    assert f"holds the data of stack local in {tmp_path / 'one'}, whose secrets are neither there nor in" in problem
    assert f"mend: bring {tmp_path / 'two' / '.airflow-stack' / 'local'} back from where the stack was" in problem
    assert "mv " not in problem


def test_data_that_pulumi_s_state_holds(engine: Engine, tmp_path: Path) -> None:
    """Rule: a state in a backend of the user's has the password too."""
    up(engine, tmp_path / "one")
    shutil.rmtree(tmp_path / "one")

    class Pulumi:
        def resource_ids(self) -> set[str]:
            return {"af-postgres-data"}

    assert volumes(tmp_path / "two", Pulumi()) == []
    assert len(volumes(tmp_path / "two")) == 1


@pytest.mark.parametrize("labels", [None, {}, {"com.docker.compose.project": "x"}])
def test_a_volume_that_was_made_by_hand(engine: Engine, tmp_path: Path, labels: dict[str, str] | None) -> None:
    """Rule: who has made a volume of this name, with a driver of its own, wants it used."""
    engine.volume("af-postgres-data", labels)
    assert volumes(tmp_path / "one") == []


def test_data_that_was_brought_here_before_there_were_ids(engine: Engine, tmp_path: Path) -> None:
    """Rule: who has followed the older advice, to copy the secrets, goes on with that data."""
    up(engine, tmp_path / "one")
    up(engine, tmp_path / "two")
    engine.volume("af-postgres-data", {STACK: "local", DIRECTORY: str(tmp_path / "one")})
    assert volumes(tmp_path / "two") == []


def test_a_port_of_another_clone(engine: Engine, tmp_path: Path) -> None:
    """Rule: whose it is, where a container has it; one's own is no problem."""
    up(engine, tmp_path / "one")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        bindings = {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
        engine.entries["container"]["af-proxy"]["HostConfig"]["PortBindings"] = bindings
        config = LocalConfig.model_validate({"proxy": {"port": port}})
        problems = []
        for name in ("one", "two"):
            planned, found, _ = asked(tmp_path / name, config)
            problems.append(preflight.port_problems(config, planned, found, "local"))
    assert problems[0] == []
    (problem,) = problems[1]
    whose = f"which is of stack 'local' in {tmp_path / 'one'}"
    assert f"port {port} of 127.0.0.1 is in use by container af-proxy, {whose}.\n" in problem


@pytest.mark.parametrize(
    ("running", "airflow", "words"),
    [
        ("2.11.2", {"version": "2.11.2"}, ()),
        ("2.10.2", {"version": "2.11.2", "upgrade_from": "2.10.2"}, ()),
        (
            "2.10.2",
            {"version": "2.11.2"},
            (
                "the stack runs Airflow 2.10.2, and airflow-stack:airflow.version is 2.11.2: it is upgraded only when",
                "to stay, pulumi config set --stack local --path airflow-stack:airflow.version 2.10.2;",
                "airflow-stack backup -s local, then pulumi config set --stack local --path"
                " airflow-stack:airflow.upgrade_from 2.10.2",
            ),
        ),
        (
            "2.11.2",
            {"version": "2.10.2"},
            ("which can't use its database", "--path airflow-stack:airflow.version 2.11.2; or restore a backup"),
        ),
    ],
)
def test_what_runs_is_upgraded_only_where_its_version_is_named(
    engine: Engine, tmp_path: Path, running: str, airflow: dict[str, str], words: tuple[str, ...]
) -> None:
    """Rule: a changed default takes no stack down; what runs goes on, and both ways on are told."""
    up(engine, tmp_path / "one")
    for entry in engine.entries["container"].values():
        entry["Labels"][IMAGE_VERSION] = entry["Config"]["Labels"][IMAGE_VERSION] = running
    config = LocalConfig.model_validate({"airflow": airflow})
    _, found, _ = asked(tmp_path / "one", config)
    problems = preflight.line_problems(config, found, "local")
    assert len(problems) == bool(words)
    for word in words:
        assert word in problems[0]
    # Another clone's are that one's.
    assert preflight.line_problems(config, asked(tmp_path / "two", config)[1], "local") == []
