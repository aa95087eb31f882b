"""slots.py, stuck.py and unstarted.py: a slot is one task's while it is at work; what has not begun costs no try."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow_stack_runtime.patches import slots, unstarted


class Key(tuple[str, int]):
    """As Airflow's: the name of one try of a task."""

    __slots__ = ()

    @property
    def primary(self) -> str:
        """Without the try."""
        return self[0]

    @property
    def try_number(self) -> int:
        """The try."""
        return self[1]


FIRST, SECOND = Key(("task", 1)), Key(("task", 2))


@pytest.mark.parametrize(
    ("state", "number", "expected"),
    [
        ("running", 1, {FIRST}),
        ("queued", 1, {FIRST}),
        ("restarting", 1, {FIRST}),
        ("failed", 1, set()),
        ("success", 1, set()),
        ("up_for_retry", 1, set()),
        ("removed", 1, set()),
        (None, 1, set()),
        ("running", 2, {SECOND}),
    ],
)
def test_a_slot_is_that_of_the_try_at_work(state: str | None, number: int, expected: set[Key]) -> None:
    """Rule: a task that is over, or at work in a later try, has no slot for the earlier one."""
    assert slots.living([FIRST, SECOND], {"task": (state, number)}) == expected


def test_a_task_that_is_gone_has_no_slot() -> None:
    """Rule: one whose run was deleted, for example."""
    assert slots.living([FIRST], {}) == set()


def test_a_slot_comes_back_after_the_grace() -> None:
    """Rule: not while a worker may yet say so itself; then at the next look."""
    now = [0.0]
    books = slots.Books(lambda: now[0])
    alive: set[Any] = {FIRST}
    free: list[tuple[float, list[Any]]] = []
    for second in range(100):
        now[0] = float(second)
        if second == 20:
            alive.clear()
        if found := books.dead([FIRST, SECOND] if second < 10 else [FIRST], lambda _: alive):
            free.append((now[0], found))
    assert free[0] == (20 + slots.GRACE, [FIRST])


def test_a_task_that_is_back_at_work_starts_anew() -> None:
    """Rule: one that was deferred keeps its key; what was over before does not count."""
    now = [0.0]
    books = slots.Books(lambda: now[0])
    for second, alive in ((0, set()), (25, {FIRST}), (40, set()), (60, set())):
        now[0] = float(second)
        assert books.dead([FIRST], lambda _, alive=alive: alive) == []  # type: ignore[misc]
    now[0] = 40 + slots.GRACE
    assert books.dead([FIRST], lambda _: set()) == [FIRST]


def test_the_database_is_asked_seldom() -> None:
    """Rule: the loop of the scheduler turns often; and an executor without tasks asks nothing."""
    now, asked = [0.0], []
    books = slots.Books(lambda: now[0])
    for tenth in range(200):
        now[0] = tenth / 10
        books.dead([FIRST], lambda keys: asked.append(keys) or set(keys))  # type: ignore[func-returns-value]
    assert len(asked) == 20 / slots.LOOK
    now[0] = 100.0
    books.dead([], lambda _: pytest.fail("there is nothing to ask"))


def test_only_what_nobody_has_judged_is_sent_again() -> None:
    """Rule: an event with a reason is a judgement, as of a queue that no worker serves."""
    events = {
        FIRST: ("failed", None),
        SECOND: ("failed", "no worker serves queue 'gpu'"),
        Key(("done", 1)): ("success", None),
        Key(("sent", 1)): ("queued", "id"),
        Key(("raised", 1)): ("failed", SimpleNamespace()),
    }
    assert unstarted.over(events.items()) == [FIRST, Key(("done", 1)), Key(("raised", 1))]
