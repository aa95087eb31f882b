"""One running stack a backend, shared by all tests of it: Compose first, then Pulumi in the same place, on its data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from airflow_stack.errors import OperationError
from airflow_stack.operations.docker_setup import ensure_engine
from airflow_stack.operations.tools import apt_install, can_apt_install
from e2e.session import ROOT, Session, free_port
from e2e.stack import Stack, docker

# Whatever uses a running stack comes in the order of that stack's life.
ORDER = (
    "test_bad_config",
    "test_preflight",
    "test_compose",
    "test_dags",
    "test_operate",
    "test_docs_commands",
    "test_entries",
    "test_doctor",
    "test_backup",
    "test_ui",
    "test_faults",
    "test_secrets",
    "test_registry",
    "test_choices",
    "test_pulumi",
    "test_config_changes",
    "test_pulumi_life",
)
# It has no part in that life, and comes last of all tests.
APART = "test_rehearsal"
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    ours = [item for item in items if item.path.is_relative_to(here)]
    for item in ours:
        item.add_marker(pytest.mark.docker)
    ordered = sorted(ours, key=lambda item: (_needs_pulumi_stack(item), (*ORDER, APART).index(item.path.stem)))
    # They take longest: where several processes run tests, one begins with them.
    apart = [item for item in ordered if item.path.stem == APART]
    items[:] = [item for item in ordered if item not in apart] + [item for item in items if item not in ours] + apart
    for item in ours:
        if item.get_closest_marker("engine") and shutil.which("pulumi") is None:
            item.add_marker(pytest.mark.skip(reason="the Pulumi CLI is not on PATH"))


def _needs_pulumi_stack(item: pytest.Item) -> bool:
    """Whether the shared stack has gone over to Pulumi when this test runs."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return "pulumied" in getattr(item, "fixturenames", ()) or parameters.get("running") == "pulumi"


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker daemon: `make test` starts one, as `make up` does."""
    try:
        ensure_engine(print)
    except OperationError as error:
        pytest.skip(str(error))


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
def browser() -> Iterator[Browser]:
    """Headless Chromium, Debian's."""
    if not CHROMIUM.exists():
        if not can_apt_install():
            pytest.skip(f"no {CHROMIUM}: sudo apt-get install chromium")
        apt_install("chromium")
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
    stack = Stack(session, tmp_path_factory.mktemp("shared"), {"flower": flower})
    yield Shared(stack)
    stack.cli("down", "-s", stack.name)


@pytest.fixture(scope="session")
def _composed(shared: Shared) -> None:
    shared.stack.up(compose=True)
    shared.tool = "compose"
    shared.seen["compose"] = shared.stack.containers()


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
    """A stack of the test's own, of which nothing is left after it."""
    own = Stack(session, tmp_path, {"target": {"throw_away": True}})
    yield own
    if docker("ps", "--all", "--quiet", "--filter", f"label=airflow-stack.stack={own.name}").strip():
        own.cli("down", "-s", own.name)
