"""The one error of a bad config: where, what, an example, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_stack.errors import StackError

NAMESPACE = "airflow-stack"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one config key.

    ``key`` is the path under the namespace (``worker.count``; empty for the file as a whole). No field ever
    holds the value that was found: it may be a secret in the wrong place.
    """

    key: str
    message: str
    example: str = ""
    mend: str = ""
    joins: bool = False
    """Of a rule that joins sections: another key than this one may be what is wrong."""

    def __str__(self) -> str:
        where = f"{NAMESPACE}:{self.key}: " if self.key else ""
        lines = [f"{where}{self.message}"]
        if self.example:
            lines.append(f"  example: {self.example}")
        if self.mend:
            lines.append(f"  mend:    {self.mend}")
        return "\n".join(map(_printable, lines))


class RuleError(ValueError):
    """A rule that joins keys is broken: which key is to blame, and what mends it.

    Pydantic knows the section alone. All keys are paths below that section; ``put`` is a key with a value that is right
    for it, ``remove`` a key that has to go, ``rewrite`` the release whose names the stack file is to have.
    """

    def __init__(
        self, key: str, message: str, *, put: tuple[str, Any] | None = None, remove: str = "", rewrite: str = ""
    ) -> None:
        super().__init__(message)
        self.key = key
        self.put = put
        self.remove = remove
        self.rewrite = rewrite


class BrokenRulesError(ValueError):
    """Several rules are broken, or one at several keys."""

    def __init__(self, rules: list[RuleError]) -> None:
        super().__init__("; ".join(map(str, rules)))
        self.rules = rules


def either(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _printable(text: str) -> str:
    """A key of the file may hold anything; a terminal should not."""
    return "".join(char if char.isprintable() else "?" for char in text)


class ConfigError(StackError):
    """A config that can't be used. ``str()`` is the whole text for the user."""

    exit_code = 2

    def __init__(self, problems: list[Problem], source: str = "") -> None:
        self.problems = problems
        self.source = source
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        head = f"bad config{f' in {source}' if source else ''}: {count}; nothing was changed"
        super().__init__("\n".join([head, *map(str, problems)]))
