"""What all tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

CONTAINERS = "tests/e2e/"
# It has no part in the shared stack, and comes last: then the engine is there, and the images.
APART = "tests/e2e/test_rehearsal.py"

# A busy machine is slow, and no test here is about time.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


class OneForContainers(LoadFileScheduling):
    """Where several processes run tests: one has the containers, for which it mostly waits, and begins at once.

    Every other file stays whole as well: what its tests share is made once.
    """

    def _split_scope(self, nodeid: str) -> str:
        with_the_others = nodeid.startswith(CONTAINERS) and not nodeid.startswith(APART)
        return CONTAINERS if with_the_others else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneForContainers:
    return OneForContainers(config, log)


@pytest.fixture(autouse=True, scope="module")
def event_loop_for_pulumi() -> Iterator[None]:
    """Pulumi's mocks take the thread's event loop, which `asyncio.run` of an earlier test has taken away."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
