"""Images of origin ``registry``: the same Dockerfiles on bases that a registry serves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from airflow_stack.backends.images import UPSTREAM
from airflow_stack.releases import DEFAULT, RELEASES
from e2e.secrets_in_logs import leaks
from e2e.session import Session, free_port, poll
from e2e.stack import Stack, docker

UPSTREAM_BASES = {**UPSTREAM, "airflow": RELEASES[DEFAULT].upstream_image}


@pytest.fixture(scope="module")
def registry(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a registry on loopback, empty. Docker needs no certificate for one there."""
    if shutil.which("docker-registry") is None:
        pytest.skip("no docker-registry: sudo apt-get install docker-registry")
    directory = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": address},
    }
    (directory / "config.yml").write_text(yaml.safe_dump(settings))
    command = ["docker-registry", "serve", str(directory / "config.yml")]
    process = session.start(command, directory, {"PATH": "/usr/bin:/bin"}, directory / "log")
    poll("the registry answers", lambda: _answers(address), timeout=30)
    yield address
    process.terminate()
    process.wait(timeout=30)
    session.ended(process)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/v2/", timeout=2).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def served(registry: str, images: None) -> Iterator[str]:  # noqa: ARG001 - they are what it serves
    """The registry, serving a base under each upstream image's name, and nothing of them left in the engine."""
    names = [f"{registry}/{image}" for image in UPSTREAM_BASES.values()]
    for short, name in zip(UPSTREAM_BASES, names, strict=True):
        base = docker("images", "--quiet", "--filter", f"reference=airflow-stack/debian-{short}").split()[0]
        docker("tag", base, name)
        docker("push", "--quiet", name)
        docker("rmi", name)
    yield registry
    for name in names:
        subprocess.run(["docker", "rmi", "--force", name], check=False, capture_output=True)


def test_the_stack_comes_up_on_images_from_a_registry(served: str, session: Session, tmp_path: Path) -> None:
    """Rule: the Dockerfiles build on whatever has the upstream images' layout, and the engine pulls it."""
    stack = Stack(session, tmp_path, {"target": {"throw_away": True, "registry": served, "image_origin": "registry"}})
    images: set[str] = set()
    try:
        stack.up(compose=True)
        assert stack.unhealthy() == []
        for service, entry in stack.containers().items():
            labels = entry["Config"]["Labels"]
            assert labels["org.opencontainers.image.base.name"].startswith(f"{served}/"), service
            images.add(entry["Config"]["Image"])
        api = stack.api()
        api.trigger("example_connection", "registry")
        assert api.wait("example_connection", "registry") == "success"
        assert not (stack.program / ".airflow-stack" / "image-origin").exists(), "nothing to decide, nothing recorded"
    finally:
        stack.down()
        for image in images:
            docker("rmi", "--force", image, check=False)
    assert leaks(stack) == []


def test_a_registry_that_is_reached_is_chosen(served: str, session: Session, tmp_path: Path) -> None:
    """Rule: auto means the upstream images where the engine reaches them."""
    stack = Stack(session, tmp_path, {"target": {"throw_away": True, "registry": served}})
    code = (
        "import sys; from pathlib import Path; from airflow_stack.config import read_stack_file;"
        "from airflow_stack.operations.origin import settle;"
        f"settle(read_stack_file(Path(), '{stack.name}')[0], Path(), print)"
    )
    stack.run([stack.command()[0], "-c", code]).check()
    assert (stack.program / ".airflow-stack" / "image-origin").read_text() == "registry\n"
