"""Tasks that the kernel has killed for memory, as the image's `task_runner.py` has recorded them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_stack.airflow.advice import Advice
from airflow_stack.operations.running.interface import Kill

WITHIN = timedelta(days=1)
"""For which a kill is told; as long as `facts` has it."""

MARKER = "killed for memory: "
"""Before the JSON of a kill in the log of a container."""


def of_facts(facts: Mapping[str, Any], limit: int, slots: int, advice: Advice) -> tuple[Kill, ...]:
    """Those that `facts` tells. ``limit``, in MiB, and ``slots`` are in force now: older ones are over."""
    now = datetime.fromtimestamp(facts["time"], UTC)
    return tuple(
        _kill(one, now - timedelta(seconds=one["age"]), advice)
        for one in facts.get("killed", ())
        if _counts(one, limit, slots)
    )


def of_line(text: str, when: datetime, limit: int, slots: int, advice: Advice) -> Iterable[Kill]:
    """The one that this line of a worker's log tells, if it does."""
    _, found, rest = text.partition(MARKER)
    try:
        one = json.loads(rest) if found else None
    except ValueError:
        return
    if isinstance(one, dict) and _counts(one, limit, slots):
        yield _kill(one, when, advice)


def _counts(one: Mapping[str, Any], limit: int, slots: int) -> bool:
    return (one.get("limit") or 0) >= limit and (one.get("slots") or 0) <= slots


def _kill(one: Mapping[str, Any], when: datetime, advice: Advice) -> Kill:
    used = f"{one['used']} of {one['limit']} MiB" if one.get("used") is not None else f"all of {one['limit']} MiB"
    return Kill(
        f"{one['dag']}.{one['task']}, run {one['run']}, try {one['try']}", str(one["host"]), when,
        f"used {used} with its neighbours, {one['task_mib']} MiB itself", advice,
    )  # fmt: skip
