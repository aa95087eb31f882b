"""Tools: there, and not there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from airflow_stack.operations.doctor import machine, packages
from airflow_stack.operations.doctor.finding import State
from airflow_stack.operations.pulumi_cli import INSTALL_ROOT, VERSION

from .conftest import one

Tools = Callable[..., None]
COMPOSE_PLUGIN = '#!/bin/sh\n[ "$1" = compose ] && echo 2.29.1\n'
NO_PLUGIN = "#!/bin/sh\nexit 1\n"


def test_python_of_this_test_is_good() -> None:
    """Rule: an interpreter of the right age with venv is one line."""
    (found,) = machine.python()
    assert (found.state, found.seen) == (State.OK, ".".join(map(str, sys.version_info[:3])))


def test_python_without_venv(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: Debian splits venv off, and the command that brings it is told."""
    tools(apt_get="")
    monkeypatch.setattr(machine, "find_spec", lambda name: None if name == "ensurepip" else name)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = one(machine.python(), "Python's venv")
    assert (found.state, found.mend) == (State.MISSING, "sudo apt-get install -y python3-venv")


def test_python_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: an older interpreter is no interpreter."""
    monkeypatch.setattr(machine, "PYTHON", (99, 0))
    found = one(machine.python(), "Python")
    assert found.state is State.MISSING
    assert "99.0 or later" in found.cost


@pytest.mark.parametrize("name", ["make", "git"])
def test_small_tools(tools: Tools, name: str) -> None:
    """Rule: what nothing hangs on is a warning that says what it costs, and how it comes."""
    (gone,) = getattr(machine, name)()
    assert gone.state is State.WARNING
    assert gone.cost
    assert gone.mend.startswith("https://")
    tools(brew="")
    (gone,) = getattr(machine, name)()
    assert gone.mend == f"brew install {name}"
    tools(**{name: f"{name} version 4.3.1 (Debian)"})
    (there,) = getattr(machine, name)()
    assert (there.state, there.seen) == (State.OK, "4.3.1")


@pytest.mark.parametrize("tool", sorted(packages.PACKAGES))
@pytest.mark.parametrize("manager", ["none", "apt-get", "dnf", "brew"])
def test_every_tool_can_be_had_everywhere(tools: Tools, tool: str, manager: str) -> None:
    """Rule: there is one command, or one page, for each tool on each system."""
    tools(**{manager.replace("-", "_"): ""})
    command = packages.install(tool)
    assert "\n" not in command
    expected = manager if manager in packages.PACKAGES[tool] else ""
    assert expected in command
    assert command.startswith(("https://", "curl ", "sudo ", manager))


def test_neither_pulumi_nor_compose(tools: Tools, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: one of the two is required; without Pulumi it is said what goes on and what does not."""
    tools(docker=NO_PLUGIN)
    monkeypatch.setattr(machine, "can_apt_install", lambda: False)
    found = list(machine.creators(program, by_pulumi_alone=False))
    pulumi, compose = one(found, "Pulumi"), one(found, "Docker Compose")
    assert pulumi.state is State.WARNING
    assert "the same stack comes up by Docker Compose" in pulumi.cost
    assert "preview" in pulumi.cost
    assert VERSION in pulumi.mend
    assert compose.state is State.MISSING
    monkeypatch.setattr(machine, "can_apt_install", lambda: True)
    assert one(machine.creators(program, by_pulumi_alone=False), "Docker Compose").state is State.OK


@pytest.mark.parametrize("with_", [{"docker": COMPOSE_PLUGIN}, {"docker_compose": "1.29.2"}])
def test_compose_in_either_form(tools: Tools, program: Path, with_: dict[str, str]) -> None:
    """Rule: the plugin and the old program are as good."""
    tools(**with_)
    found = one(machine.creators(program, by_pulumi_alone=False), "Docker Compose")
    assert found.state is State.OK
    assert found.seen in ("2.29.1", "docker-compose")


def test_a_stack_on_aws_needs_pulumi(tools: Tools, program: Path) -> None:
    """Rule: Compose is no way out there, and is not spoken of."""
    tools(docker=COMPOSE_PLUGIN)
    (found,) = machine.creators(program, by_pulumi_alone=True)
    assert (found.what, found.state) == ("Pulumi", State.MISSING)


@pytest.mark.parametrize(
    ("version", "state"), [(VERSION, State.OK), ("99.1.0", State.OK), ("3.9.0", State.WARNING), ("", State.OK)]
)
def test_pulumi_by_age(tools: Tools, program: Path, version: str, state: State) -> None:
    """Rule: an engine that is older than the SDK is a warning. 3.9 is older than 3.259, as numbers go."""
    tools(pulumi=f"v{version}" if version else "")
    assert one(machine.creators(program, by_pulumi_alone=True), "Pulumi").state is state


def test_pulumi_that_an_up_has_fetched(tools: Tools, program: Path) -> None:
    """Rule: it is found where `up` puts it, and nothing is created by looking."""
    tools()
    assert one(machine.creators(program, by_pulumi_alone=False), "Pulumi").state is State.WARNING
    assert not (program / ".airflow-stack").exists()
    fetched = program / INSTALL_ROOT / "bin" / "pulumi"
    fetched.parent.mkdir(parents=True)
    fetched.write_text(f"#!/bin/sh\necho v{VERSION}\n")
    fetched.chmod(0o755)
    assert one(machine.creators(program, by_pulumi_alone=False), "Pulumi").seen == VERSION


def test_providers(tools: Tools, program: Path, tmp_path: Path) -> None:
    """Rule: each that Pulumi would fetch is named with its command; that of AWS where a stack is there alone."""
    assert list(machine.providers(program, aws=True)) == []  # without Pulumi there is nobody to have them
    tools(pulumi=f"v{VERSION}", pulumi_resource_docker="")
    version = metadata.version("pulumi-aws")
    (tmp_path / "pulumi-home" / "plugins" / f"resource-aws-v{version}").mkdir(parents=True)
    found = list(machine.providers(program, aws=True))
    assert one(found, "Pulumi providers").seen.startswith("docker ")
    assert f"aws {version}" in one(found, "Pulumi providers").seen
    gone = one(found, "Pulumi provider random")
    assert gone.state is State.WARNING
    assert gone.mend == f"pulumi plugin install resource random {metadata.version('pulumi-random')}"
    assert "aws" not in one(machine.providers(program, aws=False), "Pulumi providers").seen


def test_a_command_that_takes_too_long_is_there(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: installed and slow is not the same as not installed."""
    tools(git="#!/bin/sh\nexec /bin/sleep 60\n")
    monkeypatch.setattr(machine, "LIMIT", 0.6)
    (found,) = machine.git()
    assert found.state is State.OK
    assert "installed" in found.seen
