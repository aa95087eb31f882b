"""What a change costs a month: both stack files, one table of prices."""

from __future__ import annotations

from typing import Any

from airflow_stack.cost import Estimate, Load
from airflow_stack.operations.preview.change import Cost, Line
from airflow_stack.operations.target import Target

# As `airflow-stack cost` assumes where nothing is said.
LOAD = Load(1000, 5)
CENT = 0.005


def difference(before: Target[Any, Any] | None, after: Target[Any, Any]) -> Cost | None:
    """The two bills; None for a stack that costs nothing. Raises PriceError for what the table lacks."""
    idle_after, load_after = after.bill(), after.bill(LOAD)
    if idle_after is None or load_after is None:
        return None
    idle_before, load_before = (before.bill(), before.bill(LOAD)) if before else (None, None)
    return Cost(
        idle_before=idle_before.usd if idle_before else None,
        idle_after=idle_after.usd,
        load_before=load_before.usd if load_before else None,
        load_after=load_after.usd,
        load=f"{LOAD.tasks_per_day} tasks a day of {LOAD.minutes_per_task:g} minutes",
        lines=_lines(idle_before, idle_after) if idle_before else (),
    )


def _lines(before: Estimate, after: Estimate) -> tuple[Line, ...]:
    old, new = ({(item.service, item.what): item.usd for item in bill.items} for bill in (before, after))
    rows = [Line(*key, old.get(key, 0.0), new.get(key, 0.0)) for key in dict.fromkeys((*old, *new))]
    return tuple(row for row in rows if abs(row.after - row.before) >= CENT)
