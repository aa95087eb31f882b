"""What differs between two stacks, and whether it is meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from airflow_stack.config import StackConfig
from airflow_stack.operations.diff.facts import Area, Fact, set_keys
from airflow_stack.operations.diff.reasons import reason


class Verdict(StrEnum):
    """Whether a difference is to be there."""

    MEANT = "meant"
    """The targets differ here."""
    SET = "set"
    """A stack's file says so; whether both should, its owner knows."""
    FOLLOWS = "follows"
    """From what a file sets."""
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Side:
    """One of the two stacks."""

    name: str
    config: StackConfig
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Difference:
    """One difference, of all the roles that it is the same for."""

    area: Area
    name: str
    roles: tuple[str, ...]
    """Empty where it is not of single roles."""
    left: str | None
    """None where this stack does not have it."""
    right: str | None
    verdict: Verdict
    why: str

    @property
    def to_check(self) -> bool:
        """Whether somebody should look at it."""
        return self.verdict in (Verdict.SET, Verdict.UNEXPLAINED)


@dataclass(frozen=True)
class Comparison:
    """Two stacks by their names, Airflow's roles that both have, and all that differs."""

    left: str
    right: str
    roles: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def to_check(self) -> int:
        """How many differences somebody should look at."""
        return sum(one.to_check for one in self.differences)


def compare(left: Side, right: Side) -> Comparison:
    """All differences by area and name. A role that one of them lacks is one difference, not one of each option."""
    ours, theirs = _by_place(left.facts), _by_place(right.facts)
    others = _roles(right.facts)
    shared = [role for role in _roles(left.facts) if role in others]
    found: dict[tuple[Area, str, str | None, str | None, Verdict, str], list[str]] = {}
    for place in dict.fromkeys([*ours, *theirs]):
        area, name, role = place
        one, other = ours.get(place), theirs.get(place)
        if (role and role not in shared) or (one and one.value) == (other and other.value):
            continue
        verdict, why = _why((left, one), (right, other), area, name)
        key = (area, name, one.value if one else None, other.value if other else None, verdict, why)
        found.setdefault(key, []).append(role)
    differences = [
        Difference(area, name, tuple(role for role in shared if role in roles), before, after, verdict, why)
        for (area, name, before, after, verdict, why), roles in found.items()
    ]
    order = list(Area)
    named = (Area.SIZE, Area.OPTION, Area.SECRET)
    differences.sort(key=lambda one: (order.index(one.area), one.name.lower() if one.area in named else ""))
    airflow = [role for role in shared if (Area.OPTION, role) in {(fact.area, fact.role) for fact in left.facts}]
    return Comparison(left.name, right.name, tuple(airflow), tuple(differences))


def _why(left: tuple[Side, Fact | None], right: tuple[Side, Fact | None], area: Area, name: str) -> tuple[Verdict, str]:
    """What a user has set comes first: a reason of ours is for our own values alone.

    But for a part that one target does not have at all, whatever it is set to on the other.
    """
    (ours, one), (theirs, other) = left, right
    reasoned = reason(area, name) if ours.config.target.kind != theirs.config.target.kind else None
    if reasoned and None in (one, other) and area is not Area.OPTION:
        return Verdict.MEANT, reasoned
    # What a stack does not have, it has switched off by the key that the other one has it by.
    first, second = one or other, other or one
    if first is None or second is None:
        raise ValueError("a difference needs a fact")
    if found := _set(ours, first.keys, theirs, second.keys):
        return Verdict.SET, f"set: {found}"
    if reasoned:
        return Verdict.MEANT, reasoned
    if found := _set(ours, first.causes, theirs, second.causes):
        return Verdict.FOLLOWS, f"follows from {found}"
    return Verdict.UNEXPLAINED, "not explained: check whether it is meant"


def _set(left: Side, left_keys: Iterable[str], right: Side, right_keys: Iterable[str]) -> str:
    """Which of these keys the files set, as a sentence; empty where they set none."""
    found = []
    for side, other, keys in ((left, right, left_keys), (right, left, right_keys)):
        if there := set_keys(side.config, other.config, keys):
            found.append(f"{', '.join(there)} in Pulumi.{side.name}.yaml")
    return "; ".join(found)


def _by_place(facts: Iterable[Fact]) -> dict[tuple[Area, str, str], Fact]:
    return {(fact.area, fact.name, fact.role): fact for fact in facts}


def _roles(facts: Iterable[Fact]) -> list[str]:
    """In the order of the description."""
    return list(dict.fromkeys(fact.role for fact in facts if fact.role))
