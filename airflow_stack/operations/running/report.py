"""What is known of a running stack, as text and as JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_stack.errors import OperationError
from airflow_stack.operations.running.interface import LogLine, RoleStatus, Work

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
HEAD = ("ROLE", "HEALTHY", "SINCE", "VERSION", "")
COLORS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")


def table(roles: Sequence[RoleStatus], work: Work | None, urls: dict[str, str], now: datetime) -> str:
    """For a person: one line a role, then the tasks and the addresses."""
    rows = [HEAD]
    for role in roles:
        count = f"{role.healthy}/{role.desired}"
        if role.running > role.desired:
            count += f", {role.running} run"
        rows.append((role.role, count, age(now - role.since) if role.since else "-", role.version, role.detail))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += ["", f"tasks:    {f'{work.running} running, {work.queued} queued' if work else 'unknown'}"]
    lines += work.cut_off if work else ()
    lines += [f"trouble:  {trouble}" for trouble in (work.troubles if work else ())]
    lines += [f"{f'{name}:':<10}{url}" for name, url in urls.items()]
    for kill in work.kills if work else ():
        lines += ["", f"killed for memory, {age(now - kill.time)} ago in {kill.where}: {kill.what}",
                  f"  {kill.seen}; {kill.advice}"]  # fmt: skip
    return "\n".join(lines)


def document(
    stack: str, roles: Sequence[RoleStatus], work: Work | None, urls: dict[str, str]
) -> dict[str, Any]:  # fmt: skip
    """For a script: times in ISO 8601."""
    return {
        "stack": stack,
        "healthy": all(role.good for role in roles),
        "roles": [
            asdict(role) | {"since": role.since.isoformat() if role.since else None, "good": role.good}
            for role in roles
        ],
        "tasks": {
            "running": work.running, "queued": work.queued, "cut_off": list(work.cut_off),
            "troubles": list(work.troubles),
        } if work else None,
        "killed": [
            {"what": one.what, "where": one.where, "time": one.time.isoformat(), "seen": one.seen,
             "advice": str(one.advice)}
            for one in (work.kills if work else ())
        ],
        "urls": urls,
    }  # fmt: skip


def age(passed: timedelta) -> str:
    """In its largest unit: ``3 min``."""
    seconds = max(0, int(passed.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def since(text: str, now: datetime) -> datetime:
    """The moment that ``10m``, ``2h``, ``1d`` or an ISO date means. Raises OperationError for anything else."""
    if found := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return now - timedelta(**{UNITS[found[2]]: int(found[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise OperationError(
            f"--since {text}: neither a time back, like 10m, 2h or 1d, nor a moment, like 2024-05-01T12:00."
        ) from None
    return moment.astimezone(UTC)


def prefix(line: LogLine, width: int) -> str:
    """What stands before a line of the log, in columns."""
    return f"{line.instance:<{width}} | "


def color(instance: str, known: dict[str, str]) -> str:
    """The instance's own, as far as there are enough; ``known`` keeps them."""
    return known.setdefault(instance, COLORS[len(known) % len(COLORS)])


def counts(words: Sequence[str]) -> dict[str, int]:
    """Roles and numbers of ``worker=4``. Raises OperationError for anything else, before anything is changed."""
    found: dict[str, int] = {}
    for word in words:
        role, _, number = word.partition("=")
        if not role or not re.fullmatch(r"\d{1,4}", number):
            raise OperationError(f"{word}: neither a role nor its number, like worker=4.\nNothing was changed.")
        if role in found:
            raise OperationError(f"{role} is there twice.\nNothing was changed.")
        found[role] = int(number)
    return found
