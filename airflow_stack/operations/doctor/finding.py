"""What a look has found, and how looks are run: side by side, none of them longer than its time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from airflow_stack.errors import StackError

# Seconds that a look at this machine or its network may take.
LIMIT = 3.0
STEP = 1024


# Titles of groups, in the report's order.
MACHINE, DOCKER, NETWORK, AWS = "This machine", "Docker", "Network", "AWS"


class State(StrEnum):
    """How bad it is: a warning costs something, what is missing is required."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """One line of the report. Nothing in it is a secret."""

    what: str
    """What was looked at, by its usual name."""
    state: State
    seen: str
    """What is there: a version, a number, or what is wrong."""
    cost: str = ""
    """What it costs the user as it is; empty where all is well."""
    mend: str = ""
    """One command that mends it."""


@dataclass(frozen=True)
class Look:
    """One thing to look at; ``look`` may find several lines, or none where there is nothing to say."""

    group: str
    what: str
    look: Callable[[], Iterable[Finding]]
    seconds: float = LIMIT
    state: State = State.WARNING
    """Of a look that fails, or takes longer than ``seconds``."""


@dataclass(frozen=True)
class Group:
    """Findings that belong together."""

    title: str
    findings: tuple[Finding, ...]


def ok(what: str, seen: str) -> Finding:
    return Finding(what, State.OK, seen)


def warning(what: str, seen: str, cost: str, mend: str = "") -> Finding:
    return Finding(what, State.WARNING, seen, cost, mend)


def missing(what: str, seen: str, cost: str, mend: str = "") -> Finding:
    return Finding(what, State.MISSING, seen, cost, mend)


def run(looks: Sequence[Look]) -> list[Group]:
    """All looks side by side; groups and lines in the order in which they were asked for."""
    done: queue.SimpleQueue[tuple[int, tuple[Finding, ...]]] = queue.SimpleQueue()

    def look(number: int) -> None:
        done.put((number, _look(looks[number])))

    start = time.monotonic()
    for number in range(len(looks)):
        # Nobody waits for one that hangs, neither here nor at the end of the process.
        threading.Thread(target=look, args=(number,), daemon=True).start()
    found: dict[int, tuple[Finding, ...]] = {}
    while waiting := {number: one for number, one in enumerate(looks) if number not in found}:
        nearest = min(one.seconds for one in waiting.values()) - (time.monotonic() - start)
        try:
            number, findings = done.get(timeout=max(0.0, nearest))
            found[number] = findings
        except queue.Empty:
            for number, one in waiting.items():
                if time.monotonic() - start >= one.seconds:
                    found[number] = (_no_answer(one),)
    titles = dict.fromkeys(one.group for one in looks)
    groups = [
        Group(title, tuple(f for number, one in enumerate(looks) if one.group == title for f in found[number]))
        for title in titles
    ]
    return [group for group in groups if group.findings]


def _look(one: Look) -> tuple[Finding, ...]:
    try:
        return tuple(one.look())
    except StackError as error:
        wrong, _, rest = str(error).partition("\n")
        return (Finding(one.what, one.state, wrong.rstrip("."), mend=" ".join(rest.split())),)
    except Exception as error:  # the other lines of the report are as good as before
        return (Finding(one.what, one.state, f"could not be looked at ({type(error).__name__})"),)


def _no_answer(one: Look) -> Finding:
    return Finding(one.what, one.state, f"no answer within {one.seconds:.0f} s", "it is not known whether all is well")


def size(number: float) -> str:
    """Bytes for a person: ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB"):
        if number < STEP:
            return f"{number:.0f} {unit}"
        number /= STEP
    return f"{number:.1f} GiB"
