"""Credentials, a way into containers, and the tasks' processor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import boto3
import models
import pytest
from moto import mock_aws

from airflow_stack.backends.images import Image
from airflow_stack.config import AwsConfig
from airflow_stack.operations import registry_push
from airflow_stack.operations.doctor import aws_account
from airflow_stack.operations.doctor.finding import State

from .conftest import engine_of


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither in the environment, nor in a file, nor of a machine at AWS."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # which keeps the credentials that it has found
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.mark.parametrize(("required", "state"), [(True, State.MISSING), (False, State.WARNING)])
def test_no_credentials(no_credentials: None, required: bool, state: State) -> None:  # noqa: ARG001 - environment
    """Rule: they are required where a stack on AWS is asked for; a preview works without, and that is said."""
    (found,) = aws_account.credentials("eu-central-1", required=required)
    assert found.state is state
    assert "no AWS credentials" in found.seen
    assert "pulumi preview" in found.cost


def test_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: whose they are is told, and where; the keys are not."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASHOWNNOWHERE1234")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with mock_aws():
        (found,) = aws_account.credentials("eu-central-1", required=True)
    assert found.state is State.OK
    assert "123456789012" in found.seen
    assert "eu-central-1" in found.seen
    assert "AKIASHOWN" not in str(found)
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("allowed", "installed", "state"),
    [(True, True, State.OK), (True, False, State.WARNING), (False, False, State.OK)],
)
def test_session_plugin(
    program: Path, tools: Callable[..., None], allowed: bool, installed: bool, state: State
) -> None:
    """Rule: it is missed only where shells are allowed."""
    text = (program / "Pulumi.prod.yaml").read_text()
    (program / "Pulumi.prod.yaml").write_text(text + f"    exec: {str(allowed).lower()}\n")
    tools(**({"session_manager_plugin": ""} if installed else {}))
    (found,) = aws_account.session_plugin(models.aws_file(program))
    assert found.state is state


@pytest.fixture
def prod(program: Path, monkeypatch: pytest.MonkeyPatch) -> AwsConfig:
    """A stack for ARM64; the image is not looked at."""
    monkeypatch.setattr(aws_account, "project_image", lambda *_: Image("project", program, "t", {}))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return models.aws_file(program)


@pytest.mark.parametrize(
    ("machine", "registered", "state", "word"),
    [("aarch64", False, State.OK, "own processor"), ("x86_64", True, State.OK, "emulated"),
     ("x86_64", False, State.WARNING, "can't emulate")],
)  # fmt: skip
def test_emulation(
    prod: AwsConfig, program: Path, monkeypatch: pytest.MonkeyPatch, machine: str, registered: bool, state: State,
    word: str,
) -> None:  # fmt: skip
    """Rule: an engine of another processor needs qemu, which one command registers."""
    handlers = program / "binfmt"
    handlers.mkdir()
    if registered:
        (handlers / "qemu-aarch64").touch()
    monkeypatch.setattr(registry_push, "BINFMT", handlers)
    for where in ("docker_engine.client", "registry_push.client"):
        monkeypatch.setattr(f"airflow_stack.operations.{where}", lambda: engine_of(Architecture=machine))
    (found,) = aws_account.emulation(prod, program)
    assert found.state is state
    assert word in found.seen
    if state is State.WARNING:
        assert found.mend == "docker run --privileged --rm tonistiigi/binfmt --install arm64"
