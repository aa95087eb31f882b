"""No secret of a stack shows where it has no business: in listings, logs, states and outputs, with either tool."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Shared, engine_tests
from e2e.pulumi import Pulumi
from e2e.secrets_in_logs import found_in
from e2e.stack import Stack, docker

# Prints the command line of every process that a container can see, and of every one the environment.
PROCESSES = "for file in /proc/[0-9]*/{}; do tr '\\0' '\\n' <$file 2>/dev/null; done; true"


@pytest.fixture(params=["compose", pytest.param("pulumi", marks=engine_tests)])
def running(request: pytest.FixtureRequest) -> Stack:
    """The shared stack, by each tool."""
    fixture = {"compose": "composed", "pulumi": "pulumied"}[request.param]
    found = request.getfixturevalue(fixture)
    assert isinstance(found, Stack)
    return found


def leaks(stack: Stack, places: Mapping[str, str]) -> list[str]:
    """Which secret shows where, without the secret."""
    secrets = stack.secrets()
    assert len(secrets) >= 10, "the stack's secrets were not found, and nothing would be"
    return found_in(secrets, places)


def test_a_leak_would_be_found(running: Stack) -> None:
    """The search itself works: a text that holds one of the secrets is reported, and the secret is not repeated."""
    secret = running.secrets()["values/fernet_key"]
    found = leaks(running, {"somewhere": f"key={secret}"})
    assert "fernet_key shows in somewhere" in found
    assert secret not in "".join(found)


def test_docker_inspect_shows_no_secret(running: Stack) -> None:
    """`docker inspect` of every container, image, network and volume of the stack."""
    containers = running.containers()
    places = {f"container {service}": json.dumps(entry) for service, entry in containers.items()}
    for image in {entry["Config"]["Image"] for entry in containers.values()}:
        places[f"image {image}"] = docker("image", "inspect", image) + docker("history", "--no-trunc", image)
    for kind in ("network", "volume"):
        for name in running.listed(kind):
            places[f"{kind} {name}"] = docker(kind, "inspect", name)
    assert len(places) > len(containers) + 4
    assert leaks(running, places) == []


def test_process_lists_show_no_secret(running: Stack) -> None:
    """Command lines as the host lists them, and as any process inside a container reads them."""
    places = {}
    for service in running.containers().keys() - {"init"}:
        places[f"docker top {service}"] = docker("top", running.container(service), "-eww", "-o", "pid,args")
        places[f"/proc in {service}"] = running.exec(service, "sh", "-c", PROCESSES.format("cmdline"))
    assert all(places.values())
    assert leaks(running, places) == []


def test_no_process_has_a_secret_in_its_environment(running: Stack) -> None:
    """Stricter than a listing: not even the environments that root alone can read hold one."""
    places = {}
    for service in running.containers().keys() - {"init"}:
        places[service] = running.exec(service, "sh", "-c", PROCESSES.format("environ"), user="0")
    assert all(places.values())
    assert leaks(running, places) == []


def test_logs_show_no_secret(running: Stack) -> None:
    """What containers print, and the task logs on disk."""
    places = {f"docker logs {service}": docker("logs", running.container(service)) for service in running.containers()}
    for path in (running.program / "logs").rglob("*.log"):
        places[str(path)] = path.read_text(errors="replace")
    assert leaks(running, places) == []


def test_output_of_the_commands_shows_no_secret(running: Stack) -> None:
    """`up`, `down`, and the Compose file that `compose` prints and that `up` writes."""
    exported = running.cli("compose", "-s", running.name).check().output
    places = {f"output {number}": text for number, text in enumerate(running.outputs)}
    places |= {"compose": exported, "config": running.cli("config", "-s", running.name).check().output}
    places |= {str(path): path.read_text() for path in running.state.glob("*.yaml")}
    assert leaks(running, places) == []


def test_secret_files_are_their_owners_alone(running: Stack) -> None:
    """No other user of the machine can enter the directory of the secrets, and no secret lies outside of it."""
    folder = running.state / "secrets"
    for path in (folder, *folder.iterdir()):
        if path.is_dir():
            assert path.stat().st_mode & 0o777 == 0o700, path
    places = dict(texts(running.program, folder))
    assert leaks(running, places) == []


def texts(program: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Every file of the project but the secrets themselves."""
    for path in program.rglob("*"):
        outside = not path.is_relative_to(folder) and path.name != "passphrase"
        if outside and ".venv" not in path.parts and ".pulumi-home" not in path.parts and path.is_file():
            yield str(path), path.read_text(errors="replace")


@engine_tests
def test_the_exported_state_shows_no_secret(pulumied: Stack, shared: Shared) -> None:
    """`pulumi stack export` without --show-secrets, and the outputs as `pulumi stack output` prints them."""
    pulumi = Pulumi(shared.stack)
    places: dict[str, Any] = {
        "stack export": pulumi.run("stack", "export").check().output,
        "stack output": pulumi.run("stack", "output", "--json").check().output,
    }
    assert "airflow-stack:local:LocalStack" in places["stack export"]
    assert leaks(pulumied, places) == []
