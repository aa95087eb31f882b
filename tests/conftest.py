"""What all tests share."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.order import APART
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

CONTAINERS = "tests/e2e/"

# A busy machine is slow, and no test here is about time.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


class OneForContainers(LoadFileScheduling):
    """Where several processes run tests: one has the shared stack, for which it mostly waits, and begins at once.

    Every other file stays whole as well: what its tests share is made once.
    """

    def _split_scope(self, nodeid: str) -> str:
        shares = nodeid.startswith(CONTAINERS) and Path(nodeid.partition("::")[0]).stem not in APART
        return CONTAINERS if shares else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneForContainers:
    return OneForContainers(config, log)


@pytest.fixture(autouse=True, scope="module")
def no_session_of_another_file() -> None:
    """boto3's default session keeps the credentials that it has found."""
    if boto3 := sys.modules.get("boto3"):
        boto3.DEFAULT_SESSION = None  # type: ignore[attr-defined]


@pytest.fixture(autouse=True, scope="module")
def event_loop_for_pulumi() -> Iterator[None]:
    """Pulumi's mocks take the thread's event loop, which `asyncio.run` of an earlier test has taken away."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
