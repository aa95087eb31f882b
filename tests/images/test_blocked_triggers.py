"""blocked_triggers.py: a trigger that blocks the event loop of all of them is named while it does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime.patches import blocked_triggers
from airflow_stack_runtime.probes import alive

NAME = "orders/manual__2024-01-01T00:00:00/wait/-1/1 (ID 7)"


class Runner:
    """As Airflow's: runs triggers in one loop beside its watchdog, until it is to stop."""

    def __init__(self) -> None:
        self.stop = False
        self.triggers: dict[int, dict[str, Any]] = {}

    async def block_watchdog(self) -> None:
        while not self.stop:
            await asyncio.sleep(0.01)

    async def run(self, trigger: Callable[[], Any]) -> None:
        watchdog = asyncio.create_task(blocked_triggers.watched(Runner.block_watchdog)(self))
        self.triggers[7] = {"name": NAME, "task": asyncio.create_task(trigger())}
        self.triggers[8] = {"name": "other/r/t/-1/1 (ID 8)", "task": asyncio.create_task(asyncio.sleep(0))}
        await self.triggers[7]["task"]
        self.stop = True
        await watchdog


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is told, and soon."""
    found: list[str] = []
    monkeypatch.setattr(blocked_triggers, "BLOCKED", 2.0)
    monkeypatch.setattr(blocked_triggers, "tell", lambda name, _: found.append(name))
    monkeypatch.setattr(alive, "beat", lambda _: None)
    monkeypatch.setattr(alive, "PATH", tmp_path / "alive")
    return found


def test_a_trigger_that_blocks_is_named_once(told: list[str]) -> None:
    """Rule: from another thread, while the loop stands still."""

    async def blocks() -> None:
        end = time.monotonic() + 20
        while not told and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(1.5)

    asyncio.run(Runner().run(blocks))
    assert told == [NAME]


def test_a_trigger_that_waits_is_not(told: list[str]) -> None:
    """Rule: as long as the loop goes on nobody is blamed."""

    async def waits() -> None:
        await asyncio.sleep(4)

    asyncio.run(Runner().run(waits))
    assert told == []


def test_what_is_told(stand_in: Callable[..., ModuleType]) -> None:
    """Rule: DAG, run and task in the audit log, where `facts` finds it, with what to do."""
    added: list[Any] = []
    stand_in("airflow.models.log", Log=lambda **fields: SimpleNamespace(**fields))
    session = SimpleNamespace(add=added.append)
    stand_in("airflow.utils.session", create_session=lambda: contextlib.nullcontext(session))
    blocked_triggers.tell(NAME, 12)
    [row] = added
    assert (row.event, row.dag_id, row.task_id) == (blocked_triggers.EVENT, "orders", "wait")
    assert row.run_id == "manual__2024-01-01T00:00:00"
    assert "for 12 s" in row.extra
    assert "asyncio.sleep" in row.extra
