"""The report: groups, one line a finding, what to do below it, and the sum of it all at the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from airflow_stack.operations.doctor.finding import Finding, Group, State

MARKS = {State.OK: "ok", State.WARNING: "warning", State.MISSING: "missing"}
SIGNS = {State.OK: "✓", State.WARNING: "!", State.MISSING: "✗"}
COLOURS = {State.OK: "32", State.WARNING: "33", State.MISSING: "31"}
# Commands that the last lines repeat; all of them stand above.
NEXT = 5


@dataclass(frozen=True)
class Report:
    """What was found."""

    groups: tuple[Group, ...]

    @property
    def exit_code(self) -> int:
        """0 where nothing is missing that is required."""
        return int(any(finding.state is State.MISSING for finding in self._all()))

    def text(self, *, terminal: bool) -> str:
        """For a person; with signs and colours on a terminal, in words elsewhere."""
        width = max((len(finding.what) for finding in self._all()), default=0)
        lines = []
        for group in self.groups:
            lines.append(group.title)
            for finding in group.findings:
                lines += _lines(finding, width, terminal=terminal)
            lines.append("")
        return "\n".join([*lines, *self._summary()])

    def json(self) -> str:
        """For a script: the same findings, and how many there are of each state."""
        groups = [{"title": group.title, "findings": [asdict(one) for one in group.findings]} for group in self.groups]
        counts = {state.value: sum(one.state is state for one in self._all()) for state in State}
        return json.dumps({"counts": counts, "groups": groups}, indent=2)

    def _all(self) -> list[Finding]:
        return [finding for group in self.groups for finding in group.findings]

    def _summary(self) -> list[str]:
        lacks = [one for one in self._all() if one.state is State.MISSING]
        warnings = [one for one in self._all() if one.state is State.WARNING]
        if not lacks and not warnings:
            return ["all is well"]
        lines = [f"{_count(len(lacks), 'thing')} to mend, {_count(len(warnings), 'warning')}"]
        commands = list(dict.fromkeys(one.mend for one in (*lacks, *warnings) if one.mend))
        lines += [f"  next: {command}" for command in commands[:NEXT]]
        return lines


def _lines(finding: Finding, width: int, *, terminal: bool) -> list[str]:
    mark = f"\x1b[{COLOURS[finding.state]}m{SIGNS[finding.state]}\x1b[0m" if terminal else f"{MARKS[finding.state]:7}"
    indent = " " * (width + (6 if terminal else 12))
    lines = [f"  {mark} {_printable(finding.what):{width}}  {_printable(finding.seen)}"]
    if finding.state is not State.OK:
        lines += [f"{indent}{label}: {_printable(text)}" for label, text in _rest(finding) if text]
    return lines


def _rest(finding: Finding) -> Sequence[tuple[str, str]]:
    return (("cost", finding.cost), ("mend", finding.mend))


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _printable(text: str) -> str:
    """An error of somebody's DAG may hold anything; a terminal should not."""
    return "".join(char if char.isprintable() else "?" for char in text)
