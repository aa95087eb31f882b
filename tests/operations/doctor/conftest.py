"""A project of two stacks, and machines that have this or that tool."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_stack.operations import docker_engine
from airflow_stack.operations.doctor.finding import Finding

PROD = """config:
  airflow-stack:target:
    kind: aws
    region: eu-central-1
    load_balancer: {allowed_cidrs: [203.0.113.0/24], plain_http: true}
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A project: one stack of this machine, one on AWS."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "Pulumi.yaml").write_text("name: airflow-stack\nruntime: python\n")
    (directory / "Pulumi.local.yaml").write_text("config: {}\n")
    (directory / "Pulumi.prod.yaml").write_text(PROD)
    return directory


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``tools(git="git version 2.39")``: a machine whose only commands are these, and what they print."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi-home"))

    def have(**commands: str) -> None:
        for name, text in commands.items():
            path = directory / name.replace("_", "-")
            path.write_text(text if text.startswith("#!") else f"#!/bin/sh\necho '{text}'\n")
            path.chmod(0o755)

    return have


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """DOCKER_HOST leads to nobody."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    docker_engine.client.cache_clear()
    yield
    docker_engine.client.cache_clear()


def engine_of(**info: Any) -> Any:
    """A Docker client whose engine says this of itself."""
    known = {
        "ServerVersion": "27.1", "OperatingSystem": "Debian", "NCPU": 4, "Architecture": "x86_64",
        "MemTotal": 8 * 1024**3, "Driver": "overlay2", "DockerRootDir": "/nowhere", "MemoryLimit": True,
    }  # fmt: skip
    return SimpleNamespace(
        info=lambda: known | info, containers=SimpleNamespace(list=lambda **_: []), images=SimpleNamespace()
    )


def one(findings: Iterable[Finding], what: str) -> Finding:
    """The only finding of this name."""
    (found,) = [finding for finding in findings if finding.what == what]
    return found
