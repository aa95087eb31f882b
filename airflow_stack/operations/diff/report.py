"""A comparison as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from airflow_stack.operations.diff.compare import Comparison, Difference
from airflow_stack.operations.diff.facts import Area

TITLES = {
    Area.PLACE: "Where",
    Area.ROLE: "Roles",
    Area.SIZE: "Sizes",
    Area.IMAGE: "Image",
    Area.OPTION: "Airflow options and variables",
    Area.SECRET: "Secrets that a role reads",
}
ABSENT = "-"
LONGEST = 60
"""Characters of a value; --json has all of them."""


def text(comparison: Comparison) -> str:
    """One line a difference, with its reason below. What somebody should look at has a ! before it."""
    left, right, found = comparison.left, comparison.right, comparison.differences
    if not found:
        return f"{left} and {right}: no difference\n"
    count = f"{len(found)} difference{'s' if len(found) != 1 else ''}"
    to_check = f"{comparison.to_check} to check, marked by !" if comparison.to_check else "none to check"
    lines = [f"{left} and {right}: {count}, {to_check}"]
    for area, title in TITLES.items():
        of_area = [one for one in found if one.area is area]
        if of_area:
            lines += ["", f"{title}: {left} | {right}"]
        for one in of_area:
            name = f"{'!' if one.to_check else ' '} {one.name}{_roles(one, comparison)}"
            lines += [f"{name}: {_value(one.left)} | {_value(one.right)}", f"      {one.why}"]
    return "\n".join([*lines, ""])


def as_json(comparison: Comparison) -> str:
    """All of it; ``left`` and ``right`` of a difference are null where a stack has no such thing."""
    return json.dumps(asdict(comparison), indent=2, ensure_ascii=False) + "\n"


def _roles(one: Difference, comparison: Comparison) -> str:
    if not one.roles or one.roles == comparison.roles:
        return ""
    return f" ({', '.join(one.roles)})"


def _value(value: str | None) -> str:
    if value is None:
        return ABSENT
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"
