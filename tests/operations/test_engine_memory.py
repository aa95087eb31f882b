"""What an `up` records of the engine's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_stack.backends.machine import memory_file, recorded_memory
from airflow_stack.backends.memory import rounded
from airflow_stack.config import LocalConfig
from airflow_stack.operations import engine_memory


@pytest.fixture
def said() -> list[str]:
    return []


def settle(program: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, mib: int, **target: int) -> None:
    monkeypatch.setattr(engine_memory, "total", lambda: mib)
    config = LocalConfig.model_validate({"target": target} if target else {})
    engine_memory.settle(config, program, "local", said.append)


def test_the_first_up_records_what_the_engine_has(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: once, rounded down, without a word: the limits of this and each later run follow from it."""
    settle(tmp_path, said, monkeypatch, 16_000)
    recorded = recorded_memory(tmp_path, "local")
    assert recorded is not None
    assert 15_000 < recorded <= 16_000
    assert said == []


def test_a_boot_that_finds_a_little_less_changes_nothing(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: a second up changes no container for a kernel that keeps a few MiB more to itself."""
    settle(tmp_path, said, monkeypatch, 16_000)
    before = memory_file(tmp_path, "local").read_text()
    settle(tmp_path, said, monkeypatch, 15_600)
    assert memory_file(tmp_path, "local").read_text() == before
    assert said == []


def test_another_engine_is_recorded_and_told(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: limits follow the engine, and who runs `up` reads that they do."""
    settle(tmp_path, said, monkeypatch, 16_000)
    settle(tmp_path, said, monkeypatch, 8_000)
    assert recorded_memory(tmp_path, "local") == rounded(8_000)
    assert len(said) == 1
    assert "8000 MiB" in said[0]


def test_what_config_says_is_not_looked_up(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: with target.memory nothing is recorded: the key decides."""
    settle(tmp_path, said, monkeypatch, 16_000, memory=8192)
    assert recorded_memory(tmp_path, "local") is None
