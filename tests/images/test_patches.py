"""All that replaces a part of Airflow: declared in one place, applied by one loader, and held to what was read."""

from __future__ import annotations

import importlib.util
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from airflow_stack_runtime.patches import guard, loader
from airflow_stack_runtime.patches.registry import EXTENSIONS, PATCHES, Patch

from airflow_stack.config.airflow import PatchName
from images.conftest import RUNTIME

ROOT = Path(__file__).parents[2]
ROOM = Path(guard.__file__).parent
every_patch = pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.name)


def row(patch: Patch) -> str:
    """Of the table in docs/performance.md."""
    threads = ", ".join(f"[#{thread.rpartition('/')[2]}]({thread})" for thread in patch.threads)
    return f"| `{patch.name}` | {patch.without} | {', '.join(patch.lines)} | {threads} |"


@every_patch
def test_a_patch_names_its_thread_its_versions_and_what_it_replaces(patch: Patch) -> None:
    """Rule: whoever meets it finds out why it is there, and when it may go."""
    assert patch.threads
    assert all(re.fullmatch(r"https://github\.com/apache/airflow/(issues|pull)/\d+", one) for one in patch.threads)
    assert patch.lines
    assert all(re.fullmatch(r"[\w.]+:[\w.]+", one) for one in (*patch.replaces, *patch.reads))
    assert patch.replaces or patch.reads
    assert "def apply() -> None:" in (ROOM / f"{patch.name}.py").read_text(encoding="utf-8")


def test_every_module_that_is_applied_is_declared() -> None:
    """Rule: none is applied by another way, and none is forgotten in the room."""
    applied = {file.stem for file in ROOM.glob("*.py") if "\ndef apply() -> None:" in file.read_text(encoding="utf-8")}
    assert applied == {patch.name for patch in PATCHES}
    places = {patch.where for patch in PATCHES}
    texts = "".join(file.read_text(encoding="utf-8") for file in ROOM.parent.rglob("*.py"))
    assert set(re.findall(r'loader\.apply\("([\w-]+)"\)', texts)) == places


def test_a_user_can_switch_off_each_of_them() -> None:
    """Rule: the config has the names of the image."""
    assert sorted(get_args(PatchName)) == sorted(patch.name for patch in PATCHES)


def test_the_docs_list_all_of_them() -> None:
    """Rule: docs/performance.md has a row of each, and of no other."""
    text = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    table = text.partition("## What replaces Airflow's own behaviour")[2].partition("\n| `")[2].partition("\n\n")[0]
    assert f"| `{table}".splitlines() == [row(patch) for patch in PATCHES]
    for extension in EXTENSIONS:
        assert f"`{extension.option}`" in text


@every_patch
def test_a_patch_is_left_out_by_its_switch_and_by_another_version(patch: Patch) -> None:
    """Rule: the reason is told; a version that merely begins alike is another one."""
    for line in patch.lines:
        assert loader.left_out(patch, f"{line}.2", {}) == ""
        assert loader.left_out(patch, f"{line}.2", {loader.OFF: "another"}) == ""
        assert f"patches.{patch.name} is false" in loader.left_out(patch, f"{line}.2", {loader.OFF: f"a,{patch.name}"})
        assert "left out of" in loader.left_out(patch, f"{line}0.2", {})
    assert "left out of 3.0.1" in loader.left_out(patch, "3.0.1", {})


def test_a_process_applies_its_own_in_their_order(
    stand_in: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Rule: in the scheduler all of the scheduler's, but for those that are left out, which the log says."""
    applied: list[str] = []
    monkeypatch.setattr(loader, "install", lambda patch: applied.append(patch.name))
    monkeypatch.setenv(loader.OFF, "slots,forks")
    stand_in("airflow", __version__="2.11.0")
    with caplog.at_level(logging.INFO):
        loader.apply("scheduler")
    left = {"slots", "stuck"}
    assert applied == [patch.name for patch in PATCHES if patch.where == "scheduler" and patch.name not in left]
    assert [line for line in caplog.messages if "slots" in line and "false" in line]
    assert [line for line in caplog.messages if "stuck" in line and "2.11.0" in line]


def test_what_is_read_is_recorded_for_each_release() -> None:
    """Rule: a release that has a lock file has a record of all that its patches stand on, and of nothing else."""
    recorded = json.loads(guard.AS_READ.read_text(encoding="utf-8"))
    locks = {file.stem for file in (RUNTIME.parent / "requirements").glob("[0-9]*.txt")}
    assert recorded.keys() == locks
    for release, read in recorded.items():
        assert sorted(read) == guard.names(release)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of a made-up Airflow."""
    package = tmp_path / "made_up"
    (package / "jobs").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('nothing is imported')\n")
    (package / "jobs" / "runner.py").write_text(
        "class Runner:\n    @staticmethod\n    def run():\n        return 1\n\n    def stop(self):\n        return 2\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    patch = Patch(
        "quick", "scheduler", "", (), ("made_up.jobs.runner:Runner.run",), ("made_up.jobs.runner:Runner.age",)
    )
    monkeypatch.setattr(guard, "PATCHES", (patch,))
    monkeypatch.setattr(guard, "EXTENSIONS", ())
    return package / "jobs" / "runner.py"


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("return 1", "return 3", "Runner.run"),
        ("@staticmethod", "@classmethod", "Runner.run"),
        ("def run", "def go", "Runner.run"),
        ("class Runner", "class Other", "Runner.run"),
        ("    def stop", "    def age", "Runner.age"),
        ("return 2", "return 4", ""),
    ],
)
def test_the_guard_sees_a_change_of_what_was_read(installed: Path, old: str, new: str, changed: str) -> None:
    """Rule: a body, a decorator, a name, and what was not there; not the code beside it. Nothing is imported."""
    read = {"2.10.2": {name: guard.digest(name) for name in guard.names("2.10.2")}}
    assert guard.changed("2.10.2", read) == {}
    installed.write_text(installed.read_text().replace(old, new))
    expected = {"quick": [f"made_up.jobs.runner:{changed}"]} if changed else {}
    assert guard.changed("2.10.2", read) == expected


@pytest.mark.usefixtures("installed")
def test_the_guard_refuses_a_release_that_nobody_has_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule: the image's build fails, and says what to do."""
    monkeypatch.setattr(guard, "version", lambda _: "2.10.9")
    with pytest.raises(SystemExit, match=r"Airflow 2\.10\.9 differs .*guard record"):
        guard.main([])
    assert "quick: not what was read: made_up.jobs.runner:Runner.run" in capsys.readouterr().err


def test_the_image_is_built_with_the_guard() -> None:
    """Rule: no image exists in which a patch meets code that nobody has read."""
    assert "python3 -m airflow_stack_runtime.patches.guard" in (ROOT / "images/airflow/Dockerfile").read_text("utf-8")
