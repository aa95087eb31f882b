"""What stands in the way is said before anything is created."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import tarfile
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker as docker_sdk
import pytest

from airflow_stack import cli
from e2e.conftest import engine_tests
from e2e.session import Finished
from e2e.stack import Stack, docker

Usage = namedtuple("Usage", "total used free")
TOOLS = [["--compose"], pytest.param([], marks=engine_tests, id="pulumi")]


def refuses(stack: Stack, result: Finished, *words: str) -> None:
    """The command has failed with a text that holds these words, and has created nothing."""
    assert result.code == 1, result.output
    for word in words:
        assert word in result.output, result.output
    assert "Traceback" not in result.output
    assert stack.containers() == {}
    assert stack.listed("network") == []
    assert stack.listed("volume") == []


@pytest.mark.parametrize("options", TOOLS)
def test_port_in_use(stack: Stack, options: list[str]) -> None:
    """A port that another program has is named, with the key to change and a command that says whose it is."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", stack.port))
        other.listen()
        result = stack.cli("up", "-s", stack.name, *options)
    refuses(stack, result, f"port {stack.port} of 127.0.0.1 is in use", "airflow-stack:proxy.port", "ss -ltnp")


def test_docker_stopped(stack: Stack) -> None:
    """Without an engine that answers the error says so, and how to start one."""
    environment = stack.environment() | {"DOCKER_HOST": f"unix://{stack.program}/nobody.sock"}
    result = stack.run(stack.command("up", "-s", stack.name, "--compose"), environment)
    refuses(stack, result, "Docker does not answer", "systemctl start docker")


def test_project_directory_without_permission(stack: Stack, tmp_path: Path) -> None:
    """A project directory that may not be written to is named, with the command that mends it."""
    project = tmp_path / "others"
    project.mkdir()
    stack.write({"target": {"project_dir": str(project)}})
    drop: list[str] = []
    if os.geteuid() == 0:  # root as everyone else is: without the right to write where it has no permission
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is missing")
        os.chown(project, 65534, 65534)
        drop = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    project.chmod(0o555)
    try:
        result = stack.run([*drop, *stack.command("up", "-s", stack.name, "--compose")])
    finally:
        project.chmod(0o755)
    refuses(stack, result, str(project), "permission denied", "chown")


@pytest.fixture
def foreign_container(stack: Stack) -> Iterator[str]:
    """A container of somebody else's with a name that the stack wants."""
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    image = subprocess.run(
        ["docker", "import", "-"], input=empty.getvalue(), capture_output=True, check=True
    ).stdout.decode()
    name = stack.container("redis")
    owner = stack.session.new_name()  # not the stack's own, and known to the reaper
    docker("create", "--name", name, "--label", f"airflow-stack.stack={owner}", image.strip(), "sleep")
    yield name
    docker("rm", name)
    docker("rmi", image.strip())


@pytest.mark.parametrize("options", TOOLS)
def test_container_name_taken(stack: Stack, foreign_container: str, options: list[str]) -> None:
    """A container that the stack did not make is left alone, and the error says how to step aside."""
    result = stack.cli("up", "-s", stack.name, *options)
    refuses(stack, result, f"a container named {foreign_container} is there already", "target.prefix")
    assert docker("inspect", "--format", "{{.State.Status}}", foreign_container).strip() == "created"


@contextmanager
def volume_of(stack: Stack, directory: str) -> Iterator[tuple[str, str]]:
    """A database volume of the stack's name, that another stack has made; and that one's name."""
    name = stack.container("postgres-data")
    owner = stack.session.new_name()  # not the stack's own, and known to the reaper
    labels = [f"--label=airflow-stack.stack={owner}", f"--label=airflow-stack.directory={directory}"]
    docker("volume", "create", *labels, name)
    yield name, owner
    docker("volume", "rm", name)


def keep_secrets(directory: Path, owner: str) -> Path:
    """What opens the data of a stack of that directory."""
    secrets = directory / ".airflow-stack" / owner / "secrets"
    (secrets / "values").mkdir(parents=True)
    (secrets / "values/airflow_database_password").write_text("of-the-other-stack")
    return secrets


@pytest.mark.parametrize("options", TOOLS)
def test_data_of_another_clone(stack: Stack, options: list[str], tmp_path: Path) -> None:
    """Data whose secrets are in another directory is left alone, and the error names that directory."""
    other = tmp_path / "other"
    with volume_of(stack, str(other)) as (volume, owner):
        secrets = keep_secrets(other, owner)
        result = stack.cli("up", "-s", stack.name, *options)
        refuses(stack, result, f"the volume {volume} holds the data of stack {owner} in {other}",
                f"cp -r {secrets}", "target.prefix")  # fmt: skip


def test_data_whose_secrets_are_gone(stack: Stack) -> None:
    """Rule: an error names no directory that has not what is to be had there."""
    with volume_of(stack, "/home/ada/airflow") as (volume, owner):
        result = stack.cli("up", "-s", stack.name, "--compose")
        refuses(stack, result, f"the volume {volume} holds the data of stack {owner} in /home/ada/airflow",
                "whose secrets are neither there nor in", "target.prefix")  # fmt: skip
        assert "/home/ada/airflow/.airflow-stack" not in result.output


def test_data_of_another_stack(stack: Stack) -> None:
    """Rule: two stacks of one directory that were not given different prefixes do not take each other's data."""
    with volume_of(stack, str(stack.program)) as (volume, owner):
        keep_secrets(stack.program, owner)
        result = stack.cli("up", "-s", stack.name, "--compose")
        refuses(stack, result, f"the volume {volume} holds the data of stack {owner}, and", "target.prefix")


@engine_tests
def test_without_a_provider_of_pulumi_compose_takes_over(stack: Stack, tmp_path: Path) -> None:
    """A Pulumi whose providers can't be had is no Pulumi: the stack comes up by Compose, and that is said."""
    if shutil.which("pulumi-resource-docker"):
        pytest.skip("the provider is on PATH")
    offline = {"PULUMI_HOME": str(tmp_path / "empty"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    result = stack.run(stack.command("up", "-s", stack.name), stack.environment() | offline).check()
    assert "Pulumi's provider docker" in result.output
    assert "comes up by Docker Compose" in result.output
    assert stack.unhealthy() == []


def in_process(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Finished:
    """`up --compose` in this process, where the machine can be made up."""
    arguments = ["up", "--cwd", str(stack.program), "-s", stack.name, "--compose"]
    monkeypatch.setattr("sys.argv", ["airflow-stack", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return Finished(" ".join(arguments), int(ended.value.code or 0), printed.out + printed.err)


def test_too_little_memory(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine that can't hold the containers is told in numbers, with the keys that lower them."""
    info = docker_sdk.DockerClient.info
    small = 1024**3
    monkeypatch.setattr(docker_sdk.DockerClient, "info", lambda self: {**info(self), "MemTotal": small})
    result = in_process(stack, monkeypatch, capsys)
    refuses(stack, result, "Docker has 1024 MiB of memory", "airflow-stack:worker.memory")


def test_disk_full(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A disk without room is named, with how much it has and needs."""
    free = 50 * 1024**2
    monkeypatch.setattr("airflow_stack.operations.preflight.shutil.disk_usage", lambda _: Usage(free, 0, free))
    result = in_process(stack, monkeypatch, capsys)
    refuses(stack, result, "has 50 MiB free", "docker image prune")
    assert "system prune" not in result.output, "it removes whatever is stopped, of every stack"


def test_everything_at_once(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """All that is in the way is told in one go, not one thing a try."""
    free = 50 * 1024**2
    monkeypatch.setattr("airflow_stack.operations.preflight.shutil.disk_usage", lambda _: Usage(free, 0, free))
    with socket.socket() as other:
        other.bind(("127.0.0.1", stack.port))
        other.listen()
        result = in_process(stack, monkeypatch, capsys)
    refuses(stack, result, f"port {stack.port}", "MiB free")
