"""One running stack a backend, shared by all tests of it: Compose first, then Pulumi in the same place, on its data."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from airflow_stack.errors import OperationError
from airflow_stack.operations.docker_setup import ensure_engine
from airflow_stack.operations.tools import apt_install, can_apt_install
from e2e.order import APART, ORDER
from e2e.secrets_in_logs import leaks
from e2e.session import ROOT, Session, free_port
from e2e.stack import Stack, docker

# What was lost with a killed container is found by the same means as by default, in less than two and three minutes.
SOONER = {
    "scheduler": {
        "scheduler_zombie_task_threshold": 40,
        "task_queued_timeout": 45,
        "task_queued_timeout_check_interval": 10,
    }
}
# Seconds; test_cut_off waits for it.
STOP_TIMEOUT = 16
# Whatever the tests start, from Debian; asked for at once, since only one process can install.
PACKAGES = ("chromium", "docker-registry")
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
engine_tests = pytest.mark.engine
BUILD = """
from pathlib import Path
from airflow_stack.airflow import describe
from airflow_stack.backends.containers import plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import read_stack_file
from airflow_stack.operations import image_build, origin
config = read_stack_file(Path(), "{stack}")[0]
origin.settle(config, Path(), print)
machine = Machine.of(config, Path(), "{stack}")
image_build.ensure(plan(config, describe(config), machine), machine, print)
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    ours = [item for item in items if item.path.is_relative_to(here)]
    for item in ours:
        item.add_marker(pytest.mark.docker)
    ordered = sorted(ours, key=lambda item: (_needs_pulumi_stack(item), (*ORDER, *APART).index(item.path.stem)))
    # The shared stack takes longest: where several processes run tests, one begins with it.
    apart = [item for item in ordered if item.path.stem in APART]
    items[:] = [item for item in ordered if item not in apart] + [item for item in items if item not in ours] + apart
    for item in ours:
        if item.get_closest_marker("engine") and shutil.which("pulumi") is None:
            item.add_marker(pytest.mark.skip(reason="the Pulumi CLI is not on PATH"))


def _needs_pulumi_stack(item: pytest.Item) -> bool:
    """Whether the shared stack has gone over to Pulumi when this test runs."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return "pulumied" in getattr(item, "fixturenames", ()) or parameters.get("running") == "pulumi"


@contextmanager
def one_process(factory: pytest.TempPathFactory, what: str) -> Iterator[None]:
    """Of all processes that run tests, one at a time."""
    with (factory.getbasetemp().parent / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A Docker daemon: `make test` starts one, as `make up` does."""
    with one_process(tmp_path_factory, "packages"):
        try:
            ensure_engine(print)
        except OperationError as error:
            pytest.skip(str(error))
        wanted = [package for package in PACKAGES if shutil.which(package) is None]
        if wanted and can_apt_install():
            apt_install(*wanted)


@pytest.fixture(scope="session")
def session(engine: None) -> Iterator[Session]:  # noqa: ARG001 - first the daemon
    """Whatever is started through it is gone when the tests are over."""
    started = Session()
    yield started
    started.close()


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where tests leave what a person may want to see."""
    folder = ROOT / "build" / "e2e"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser(engine: None) -> Iterator[Browser]:  # noqa: ARG001 - with it comes what tests need of Debian
    """Headless Chromium, Debian's."""
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: sudo apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@dataclass
class Shared:
    """The shared stack, and who runs it now."""

    stack: Stack
    tool: str = "none"
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Containers as each tool has made them: `docker inspect` by service, right after the first up."""
    refused: str = ""
    """What Pulumi has said about the containers of Compose."""


@pytest.fixture(scope="session")
def shared(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    flower = {"enabled": True, "port": free_port()}
    config = {"flower": flower, "airflow": {"options": SOONER}, "worker": {"stop_timeout": STOP_TIMEOUT}}
    stack = Stack(session, tmp_path_factory.mktemp("shared"), config)
    yield Shared(stack)
    stack.cli("down", "-s", stack.name)
    # After all that has been done to it, the faults among it.
    assert leaks(stack) == []


@pytest.fixture(scope="session")
def _composed(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> None:
    with one_process(tmp_path_factory, "images"):
        shared.stack.up(compose=True)
    shared.tool = "compose"
    shared.seen["compose"] = shared.stack.containers()


@pytest.fixture(scope="session")
def images(session: Session, tmp_path_factory: pytest.TempPathFactory) -> None:
    """All that a local stack is made of, built as `up` builds it; the shared stack's process may have done so."""
    build(Stack(session, tmp_path_factory.mktemp("images")), tmp_path_factory)


def build(place: Stack, factory: pytest.TempPathFactory) -> None:
    """The images of one stack."""
    with one_process(factory, "images"):
        place.run([place.command()[0], "-c", BUILD.format(stack=place.name)]).check()


@pytest.fixture
def composed(_composed: None, shared: Shared) -> Stack:
    """The shared stack, brought up by Compose."""
    assert shared.tool == "compose", "a test of the Compose stack came after one of the Pulumi stack: see ORDER"
    return shared.stack


@pytest.fixture(scope="session")
def _pulumied(_composed: None, shared: Shared) -> None:
    """Where Compose was: same names, ports and data."""
    stack = shared.stack
    stack.api().call("POST", "/variables", {"key": "by_compose", "value": "forty-two"})
    shared.refused = stack.cli("up", "-s", stack.name).output
    stack.down()
    stack.up()
    shared.tool = "pulumi"
    shared.seen["pulumi"] = stack.containers()


@pytest.fixture
def pulumied(_pulumied: None, shared: Shared) -> Stack:
    """The shared stack, brought up by Pulumi after Compose has brought it down."""
    assert shared.tool == "pulumi"
    return shared.stack


@pytest.fixture
def stack(session: Session, tmp_path: Path) -> Iterator[Stack]:
    """A stack of the test's own, of which nothing is left after it, and no secret is in any log."""
    own = Stack(session, tmp_path, {"target": {"throw_away": True}})
    yield own
    if docker("ps", "--all", "--quiet", "--filter", f"label=airflow-stack.stack={own.name}").strip():
        own.cli("down", "-s", own.name)
    if own.known:
        assert leaks(own) == []
