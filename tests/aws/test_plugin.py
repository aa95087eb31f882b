"""Which plugin plays AWS's provider in the tests of the engine."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

import pytest

from aws.engine import REAL, STAND_IN, Engine, has_real_plugin

NAME = "pulumi-resource-aws"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pulumi's own folder of that plugin, not there yet."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "plugins" / f"resource-aws-v{metadata.version('pulumi-aws')}"


def test_the_real_plugin_is_found_in_the_version_of_the_sdk(folder: Path) -> None:
    """Rule: another version is none, since Pulumi would not start it for this program."""
    other = folder.with_name("resource-aws-v0.0.1")
    other.mkdir(parents=True)
    (other / NAME).touch()
    assert not has_real_plugin()
    folder.mkdir()
    (folder / NAME).touch()
    assert has_real_plugin()


def test_the_stand_in_is_not_in_the_way_of_the_real_one(folder: Path, tmp_path: Path) -> None:
    """Rule: what stands on PATH goes before Pulumi's own folder; with the real plugin, nothing of ours does."""
    folder.mkdir(parents=True)
    (folder / NAME).touch(mode=0o755)
    for plugin in (STAND_IN, REAL):
        engine = Engine(tmp_path / plugin, "prod", None, plugin=plugin)
        environment = engine.environment()
        on_path = shutil.which(NAME, path=environment["PATH"].split(":")[0])
        assert (on_path is not None) is (plugin == STAND_IN)
        assert (Path(environment["PULUMI_HOME"]) / "plugins" / folder.name / NAME).exists()
