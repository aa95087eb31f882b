"""What all tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CONTAINERS = Path(__file__).parent / "e2e"

# A busy machine is slow, and no test here is about time.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where pytest runs several processes: one has the containers, for which it mostly waits, and begins at once.

    Every other file stays whole as well: what its tests share is made once.
    """
    items.sort(key=lambda item: not item.path.is_relative_to(CONTAINERS))
    for item in items:
        group = "containers" if item.path.is_relative_to(CONTAINERS) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True, scope="module")
def event_loop_for_pulumi() -> Iterator[None]:
    """Pulumi's mocks take the thread's event loop, which `asyncio.run` of an earlier test has taken away."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
