"""memory.py: what a cgroup of either version says, and who is killed first."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow_stack_runtime import memory
from airflow_stack_runtime.memory import Memory

MIB = 1024**2


def written(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"memory.{name}").write_text(text)
    return folder


def test_version_2(tmp_path: Path) -> None:
    """Rule: limit, most ever used and kills, as the kernel writes them."""
    written(
        tmp_path, events="low 0\noom 3\noom_kill 2\noom_group_kill 0\n", max=f"{640 * MIB}\n", peak=f"{600 * MIB}\n"
    )
    assert memory.read(tmp_path) == Memory(640, 600, 2)


def test_version_1(tmp_path: Path) -> None:
    """Rule: the same from the other files."""
    written(
        tmp_path / "memory",
        oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        limit_in_bytes=f"{640 * MIB}",
        max_usage_in_bytes=f"{640 * MIB}",
    )
    assert memory.read(tmp_path) == Memory(640, 640, 1)


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)])
def test_no_limit_is_none(tmp_path: Path, limit: str) -> None:
    """Rule: neither version's way to say that there is no limit is taken for a number."""
    written(tmp_path, events="oom_kill 0\n", max=limit)
    assert memory.read(tmp_path) == Memory(None, None, 0)


def test_nothing_can_be_read(tmp_path: Path) -> None:
    """Rule: an unknown machine is no error."""
    assert memory.read(tmp_path) == Memory(None, None, None)


def test_who_is_started_is_killed_first_and_the_starter_is_as_before(tmp_path: Path) -> None:
    """Rule: the score is raised for what is started meanwhile alone, and never lowered."""
    score = tmp_path / "oom_score_adj"
    score.write_text("0\n")
    with memory.expendable(tmp_path):
        assert score.read_text() == "500"
    assert score.read_text() == "0"
    score.write_text("900")
    with memory.expendable(tmp_path):
        assert score.read_text() == "900"


def test_a_score_that_cant_be_changed_stops_nothing(tmp_path: Path) -> None:
    """Rule: the task runs all the same."""
    with memory.expendable(tmp_path / "nowhere"):
        pass
