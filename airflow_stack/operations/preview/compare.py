"""What the program asks for, at two commits: the changes of a pull request where no state is. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from airflow_stack.operations.preview.change import Change, Operation
from airflow_stack.operations.preview.events import Planned, name

# What the program is, not what it asks for: dynamic providers carry their own code along.
_CODE = "__provider"
# Properties that a provider has filled in. Names that it makes up are among them, new ones in each preview.
_DEFAULTS = "__defaults"


def compare(before: Iterable[Planned], after: Iterable[Planned]) -> tuple[tuple[Change, ...], int]:
    """The changes from one plan to another, and how many resources stay as they are.

    Values that a preview does not know are one constant, and secrets are masked, on both sides: a change of those
    alone is not seen.
    """
    old, new = ({one.urn: one for one in plan} for plan in (before, after))
    changes = [Change(Operation.DELETE, one.type, name(urn)) for urn, one in old.items() if urn not in new]
    same = 0
    for urn, one in new.items():
        if urn not in old:
            changes.append(Change(Operation.CREATE, one.type, name(urn)))
        elif differing := _differing(old[urn], one):
            changes.append(Change(Operation.CHANGE, one.type, name(urn), differing))
        else:
            same += 1
    return tuple(sorted(changes)), same


def _differing(before: Planned, after: Planned) -> tuple[str, ...]:
    old, new = _asked(before.inputs), _asked(after.inputs)
    keys = (old.keys() | new.keys()) - {_CODE}
    return tuple(sorted(key for key in keys if _text(old.get(key)) != _text(new.get(key))))


def _asked(value: Any) -> Any:
    """What the program itself asks for."""
    if isinstance(value, dict):
        left_out = {_DEFAULTS, *(value.get(_DEFAULTS) or ())}
        return {key: _asked(inner) for key, inner in value.items() if key not in left_out}
    return [_asked(inner) for inner in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
