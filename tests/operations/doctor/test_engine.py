"""Docker's engine: there, stopped, absent; and whether a stack finds room on it."""

from __future__ import annotations

import os
import shutil
import time
from collections import namedtuple
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import models
import pytest

from airflow_stack.backends.machine import ORIGIN_FILE, memory_file
from airflow_stack.config import LocalConfig, read_stack_file
from airflow_stack.errors import OperationError
from airflow_stack.operations import image_build, origin, ownership, preflight
from airflow_stack.operations.doctor import engine
from airflow_stack.operations.doctor.finding import State
from airflow_stack.operations.target import target_of
from operations.engine import Engine, put_up

from .conftest import engine_of, one

Tools = Callable[..., None]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def has(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``has(NCPU=8)``: an engine answers, and says this of itself."""

    def answer(**info: Any) -> None:
        for module in (engine, preflight):
            monkeypatch.setattr(module, "client", lambda: engine_of(**info))
        monkeypatch.setattr(ownership, "client", Engine)
        monkeypatch.setattr(image_build, "missing", lambda _: [])

    return answer


def test_a_stopped_engine(no_docker: None, tools: Tools) -> None:  # noqa: ARG001 - DOCKER_HOST
    """Rule: it is required, and what starts it is told in the words of who needs it."""
    tools(docker="Docker version 27.1.0, build x", dockerd="")
    found = one(engine.docker(), "Docker engine")
    assert found.state is State.MISSING
    assert "does not answer" in found.seen
    assert "systemctl start docker" in found.mend
    assert "no stack of this machine comes up" in found.cost


def test_no_docker_at_all(no_docker: None, tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Rule: what is not installed can't be started: it is installed."""
    tools(apt_get="")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(engine, "find", lambda _: None)
    found = list(engine.docker())
    assert one(found, "Docker client").state is State.WARNING
    assert one(found, "Docker engine").seen == "not installed"
    assert one(found, "Docker engine").mend == "sudo apt-get install -y docker.io"


def test_nothing_else_is_said_of_an_engine_that_is_silent(no_docker: None, program: Path) -> None:  # noqa: ARG001
    """Rule: one fault is one line."""
    found, given = read_stack_file(program, "local")
    config = models.local(found)
    assert list(engine.room(config, program, "local")) == []
    assert list(engine.free(config, given, program, "local")) == []
    assert list(engine.registry(target_of(config, program, "local"))) == []


def test_no_permission(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a user who may not talk to Docker is told how to be allowed."""
    tools(docker="Docker version 27.1.0")

    def refuse() -> Any:
        raise OperationError("this user may not talk to Docker: permission denied on its socket.\nJoin the group")

    monkeypatch.setattr(engine, "client", refuse)
    found = one(engine.docker(), "Docker engine")
    assert (found.state, found.mend) == (State.MISSING, "Join the group")
    assert "permission denied" in found.seen


def test_what_an_engine_is(tools: Tools, has: Callable[..., None]) -> None:
    """Rule: version, processors, memory, storage and clock are told; a good one is all ok."""
    tools(docker="Docker version 27.1.0, build x")
    has(SystemTime=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z"))
    found = list(engine.docker())
    assert {finding.state for finding in found} == {State.OK}
    assert one(found, "Docker engine").seen == "27.1 on Debian: 4 CPUs (x86_64), 8.0 GiB of memory"
    assert one(found, "Docker storage").seen == "overlay2"
    assert "right" in one(found, "Docker's clock").seen


@pytest.mark.parametrize(("behind", "state"), [(60, State.WARNING), (600, State.MISSING)])
def test_the_clock_of_a_virtual_machine_that_slept(
    tools: Tools, has: Callable[..., None], behind: int, state: State
) -> None:
    """Rule: an engine whose clock is off is told by how much; minutes are a lack."""
    tools()
    moment = datetime.fromtimestamp(time.time() - behind, UTC)
    has(SystemTime=moment.strftime("%Y-%m-%dT%H:%M:%S.000000000Z"))
    found = one(engine.docker(), "Docker's clock")
    assert found.state is state
    assert "behind" in found.seen


def test_slow_storage_and_no_limits(tools: Tools, has: Callable[..., None]) -> None:
    """Rule: what makes builds slow, or limits void, is a warning."""
    tools()
    has(Driver="vfs", MemoryLimit=False)
    found = list(engine.docker())
    assert one(found, "Docker storage").state is State.WARNING
    assert one(found, "Memory limits").state is State.WARNING


def test_room(program: Path, has: Callable[..., None]) -> None:
    """Rule: what `up` would refuse is told before: too little memory."""
    config = models.local_file(program)
    has()
    assert one(engine.room(config, program, "local"), "Room for local").state is State.OK
    has(MemTotal=1024**3)
    found = one(engine.room(config, program, "local"), "Room for local")
    assert found.state is State.MISSING
    assert "1024 MiB of memory" in found.seen
    assert "worker.memory" in found.mend


def test_full_disk(program: Path, has: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rule: a full disk is told with where."""
    config = models.local_file(program)
    has(DockerRootDir=str(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 10, 1024**2))
    found = list(engine.room(config, program, "local"))
    assert {finding.state for finding in found} == {State.MISSING}
    assert any(str(tmp_path) in finding.seen for finding in found)


def test_stacks_that_may_take_more_than_the_engine_has_are_told(
    program: Path, has: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rule: limits are made for one stack on an engine; with two the key is named that shares it, and a value."""
    config = models.local_file(program)
    made_up = Engine()
    has(MemTotal=6 * 1024**3)
    monkeypatch.setattr(ownership, "client", lambda: made_up)
    put_up(made_up, tmp_path / "one", "local", known="1")
    assert not [found for found in engine.room(config, program, "local") if found.what == "Memory of all stacks"]
    put_up(made_up, tmp_path / "two", "local", prefix="two", known="2")
    told = one(engine.room(config, program, "local"), "Memory of all stacks")
    assert "2 stacks are up" in told.seen
    assert told.mend == "airflow-stack init -s local --set target.memory=3072"


def test_limits_made_for_another_engine_are_told(program: Path, has: Callable[..., None]) -> None:
    """Rule: what `up` has recorded no longer fits, and `up` makes it fit; a boot's wobble is no other engine."""
    config = models.local_file(program)
    file = memory_file(program, "local")
    file.parent.mkdir(parents=True, exist_ok=True)
    has(MemTotal=16 * 1024**3)
    file.write_text("16128\n")
    assert not [found for found in engine.room(config, program, "local") if found.what == "Memory for local"]
    file.write_text("8192\n")
    told = one(engine.room(config, program, "local"), "Memory for local")
    assert (told.cost, told.mend) == ("tasks have less room than there is", "airflow-stack up -s local")


@pytest.mark.parametrize(("reached", "state"), [(True, State.OK), (False, State.WARNING)])
def test_registry(
    program: Path, has: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tools: Tools, reached: bool, state: State
) -> None:
    """Rule: without a registry images come from packages, which is a warning; the engine is who asks."""
    has()
    tools(mmdebstrap="")
    monkeypatch.setattr(origin, "reaches_registry", lambda _: reached)
    (found,) = engine.registry(target_of(LocalConfig(), program, "local"))
    assert found.state is state
    assert "apache/airflow" in found.seen


def test_registry_and_what_was_settled(
    program: Path, has: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tools: Tools
) -> None:
    """Rule: what was found at the first start is told where it holds no more, with the command that looks again."""
    has()
    tools(mmdebstrap="")
    record = program / ORIGIN_FILE
    record.parent.mkdir()
    record.write_text("registry\n")
    monkeypatch.setattr(origin, "reaches_registry", lambda _: False)
    (found,) = engine.registry(target_of(LocalConfig(), program, "local"))
    assert found.mend == f"rm {ORIGIN_FILE}"
    record.write_text("debian\n")
    monkeypatch.setattr(origin, "reaches_registry", lambda _: True)
    (found,) = engine.registry(target_of(LocalConfig(), program, "local"))
    assert found.state is State.OK
    assert str(ORIGIN_FILE) in found.seen


def test_neither_registry_nor_packages(
    program: Path, has: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tools: Tools
) -> None:
    """Rule: with no way to build an image something is missing."""
    has()
    tools()
    monkeypatch.setattr(engine, "can_apt_install", lambda: False)
    monkeypatch.setattr(origin, "reaches_registry", lambda _: False)
    (found,) = engine.registry(target_of(LocalConfig(), program, "local"))
    assert found.state is State.MISSING
    assert "mmdebstrap" in found.cost
