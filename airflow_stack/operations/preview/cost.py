"""What a change costs a month: both stack files, one table of prices."""

from __future__ import annotations

from airflow_stack.config import StackConfig
from airflow_stack.cost import Estimate, Load, estimate
from airflow_stack.operations.preview.change import Cost, Line

# As `airflow-stack cost` assumes where nothing is said.
LOAD = Load(1000, 5)
CENT = 0.005


def difference(before: StackConfig | None, after: StackConfig) -> Cost | None:
    """The two bills; None for a stack of this machine. Raises PriceError for what the table lacks."""
    if not after.on_aws:
        return None
    old = before if before is not None and before.on_aws else None
    idle_before, idle_after = estimate(old) if old else None, estimate(after)
    return Cost(
        idle_before=idle_before.usd if idle_before else None,
        idle_after=idle_after.usd,
        load_before=estimate(old, LOAD).usd if old else None,
        load_after=estimate(after, LOAD).usd,
        load=f"{LOAD.tasks_per_day} tasks a day of {LOAD.minutes_per_task:g} minutes",
        lines=_lines(idle_before, idle_after) if idle_before else (),
    )


def _lines(before: Estimate, after: Estimate) -> tuple[Line, ...]:
    old, new = ({(item.service, item.what): item.usd for item in bill.items} for bill in (before, after))
    rows = [Line(*key, old.get(key, 0.0), new.get(key, 0.0)) for key in dict.fromkeys((*old, *new))]
    return tuple(row for row in rows if abs(row.after - row.before) >= CENT)
