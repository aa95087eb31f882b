"""The command that sets keys, and what to set where something was killed for memory."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_stack.config.errors import NAMESPACE


def setting(stack: str, values: Mapping[str, object]) -> str:
    """The command that puts keys into the stack file: with Pulumi, without it, and where nobody has logged in to it."""
    sets = (f" --set {shlex.quote(f'{key}={value}')}" for key, value in values.items())
    return f"airflow-stack init -s {shlex.quote(stack)}{''.join(sets)}"


@dataclass(frozen=True)
class Advice:
    """What to set where a part was killed for memory. ``then`` is empty where there is no more to have."""

    now: Mapping[str, int]
    """What is in force, by config key."""
    then: Mapping[str, int]
    """What to set instead."""
    instead: str = ""
    """A way without more memory, or what to do where ``then`` is empty."""

    def __str__(self) -> str:
        """For a log: ``raise airflow-stack:worker.memory to 1536 (now 768)``."""
        verb = {True: "raise", False: "lower"}
        changes = " and ".join(
            f"{verb[value > self.now[key]]} {NAMESPACE}:{key} to {value} (now {self.now[key]})"
            for key, value in self.then.items()
        )
        return ", or ".join(filter(None, (changes, self.instead)))

    def command(self, stack: str) -> str:
        """What sets it, for a shell; what to do by hand where nothing is to be set."""
        return setting(stack, self.then) if self.then else self.instead
