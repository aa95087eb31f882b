"""A report as the comment of a pull request: GitHub's Markdown, which reads well in a terminal too. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from airflow_stack.operations.preview.change import Against, Change, Cost, Operation, Report, StackPreview

# GitHub takes 65,536 characters; the rest is for what the workflow that posts it adds.
LIMIT = 64_000
# Rows of a table, in the order in which they are tried until the comment fits.
ROWS = (1000, 200, 100, 50, 20, 5, 0)
FOLDED = 12
HALF_A_CENT = 0.005
TOLD = 20
NAMED = 8
"""A table with more rows is folded."""
LONGEST = 4000
"""Characters of one error."""
_CUT = "\n\n*This comment is cut here: GitHub takes no longer one. `airflow-stack preview` shows all of it.*\n"

_ALL = (Operation.CREATE, Operation.UPDATE, Operation.REPLACE, Operation.DELETE)
_COMPARED = (Operation.CREATE, Operation.CHANGE, Operation.DELETE)
_AGAINST = {
    Against.STATE: "Compared with the deployed stack.",
    Against.BASE: "Compared with the base: the stack's state is not reached from here, so whether a change replaces a"
    " resource is not known.",
    Against.NOTHING: "Compared with nothing: this is what a first deployment creates.",
}


def render(report: Report) -> str:
    """The comment, shortened until it fits, which it then says."""
    for rows in ROWS:
        text = "\n".join(_lines(report, rows)) + "\n"
        if len(text) <= LIMIT:
            return text
    return text[: LIMIT - len(_CUT)] + _CUT


def headline(report: Report) -> str:
    """One sentence a stack."""
    return " ".join(f"{stack.stack}: {_sentence(stack)}." for stack in report.stacks)


def _lines(report: Report, rows: int) -> Iterator[str]:
    yield f"## {'Preview: not ready to merge' if report.failed else 'Preview'}"
    yield ""
    yield f"**{_escaped(headline(report))}**"
    yield ""
    if report.base:
        yield f"Measured from {_code(report.base)}."
        yield ""
    for stack in report.stacks:
        yield f"### {_escaped(stack.stack)}"
        yield ""
        yield from _errors(stack) if stack.errors else _changes(stack, rows)
        yield from _cost(stack.cost, rows)
        yield from _findings(stack, rows)
        for note in stack.notes:
            yield f"- {_escaped(note)}"
        if stack.notes:
            yield ""


def _sentence(stack: StackPreview) -> str:
    mandatory = sum(finding.mandatory for finding in stack.findings)
    if stack.errors:
        return "the preview failed"
    counts = [f"{count} to {operation}" for operation in reversed(Operation) if (count := stack.count(operation))]
    said = ", ".join(counts) or "nothing changes"
    if stack.cost is not None:
        before, after = stack.cost.idle_before, stack.cost.idle_after
        if before is None:
            said += f"; {after:.2f} USD a month"
        elif abs(after - before) >= HALF_A_CENT:
            said += f"; {abs(after - before):.2f} USD a month {'more' if after > before else 'less'}"
    if mandatory:
        said += f"; {mandatory} mandatory finding{'s' if mandatory > 1 else ''} of the policies"
    return said


def _errors(stack: StackPreview) -> Iterator[str]:
    for error in stack.errors:
        text = error if len(error) <= LONGEST else f"{error[:LONGEST]}\n(cut)"
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
        yield "The preview failed:"
        yield ""
        yield from (f"{fence}text", text, fence, "")


def _changes(stack: StackPreview, rows: int) -> Iterator[str]:
    yield _AGAINST[stack.against]
    yield ""
    operations = _COMPARED if stack.against is Against.BASE else _ALL
    yield from _table(
        [*operations, "same"], [[*(str(stack.count(operation)) for operation in operations), str(stack.same)]], "r"
    )
    yield from _warnings(stack)
    if stack.against is Against.NOTHING:
        return  # all of it would be a list of the whole stack
    cells = [
        [str(one.operation), _code(one.name), _code(_kind(one.type)), _properties(one)] for one in stack.changes[:rows]
    ]
    if not cells:
        if stack.changes:
            yield from (_more(stack, len(stack.changes)), "")
        return
    folded = len(cells) > FOLDED
    if folded:
        yield from ("<details><summary>What changes</summary>", "")
    yield from _table(["", "resource", "type", "properties"], cells)
    if left := len(stack.changes) - len(cells):
        yield from (_more(stack, left), "")
    if folded:
        yield from ("</details>", "")


def _warnings(stack: StackPreview) -> Iterator[str]:
    at_risk = [change for change in stack.changes if change.loses]
    lost = [change for change in at_risk if change.operation is not Operation.CHANGE]
    unsure = [change for change in at_risk if change.operation is Operation.CHANGE]
    if lost:
        yield "> [!CAUTION]"
        yield "> Data is at stake. What is deleted or replaced takes along what it holds:"
        yield from (f"> - {change.operation} {_code(change.name)}: {change.loses}" for change in lost[:TOLD])
        yield from ([f"> - and {len(lost) - TOLD} more"] if len(lost) > TOLD else [])
        yield ""
    if unsure:
        yield "> [!WARNING]"
        yield "> These hold data. See against the deployed stack that none of them is replaced:"
        yield from (
            f"> - {_code(change.name)}: {change.loses} ({_properties(change)} changes)" for change in unsure[:TOLD]
        )
        yield from ([f"> - and {len(unsure) - TOLD} more"] if len(unsure) > TOLD else [])
        yield ""


def _cost(cost: Cost | None, rows: int) -> Iterator[str]:
    if cost is None:
        return
    yield (
        f"**Cost**, USD a month: {_amount(cost.idle_before, cost.idle_after)} idle;"
        f" {_amount(cost.load_before, cost.load_after)} with {cost.load}. List prices; see `airflow-stack cost`."
    )
    yield ""
    if cost.lines[:rows]:
        yield from _table(
            ["item, idle", "before", "after", "difference"],
            [
                [
                    _escaped(f"{line.service}: {line.what}"), f"{line.before:.2f}", f"{line.after:.2f}",
                    f"{line.after - line.before:+.2f}",
                ]
                for line in cost.lines[:rows]
            ],
            "lrrr",
        )  # fmt: skip


def _findings(stack: StackPreview, rows: int) -> Iterator[str]:
    if stack.findings:
        yield "**Policies**"
        yield ""
        cells = [
            [
                "mandatory" if finding.mandatory else "advisory", _code(finding.rule), _code(finding.resource),
                _escaped(finding.message.replace("\n", " ")[:500]),
            ]
            for finding in sorted(stack.findings, key=lambda finding: not finding.mandatory)[:rows]
        ]  # fmt: skip
        if cells:
            yield from _table(["", "rule", "resource", "finding"], cells)
        if left := len(stack.findings) - len(cells):
            yield from (_more(stack, left), "")
    elif stack.policies and not stack.errors:
        yield from ("**Policies**: no finding.", "")


def _table(heads: Iterable[str], rows: Iterable[list[str]], align: str = "l") -> Iterator[str]:
    heads = list(heads)
    align = align if len(align) == len(heads) else align[0] * len(heads)
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join('---:' if side == 'r' else '---' for side in align)}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _more(stack: StackPreview, count: int) -> str:
    return f"… and {count} more, left out for length: `airflow-stack preview --json -s {stack.stack}` shows all."


def _amount(before: float | None, after: float) -> str:
    if before is None:
        return f"{after:.2f}"
    if abs(after - before) < HALF_A_CENT:
        return f"{after:.2f} as before"
    return f"{before:.2f} → {after:.2f} ({after - before:+.2f})"


def _properties(change: Change) -> str:
    shown = ", ".join(_code(name) for name in change.properties[:NAMED])
    return f"{shown} and {len(change.properties) - NAMED} more" if len(change.properties) > NAMED else shown


def _kind(kind: str) -> str:
    """``aws:ecs/service:Service`` as ``aws:ecs/service``."""
    head, _, last = kind.rpartition(":")
    return head if head.rpartition("/")[2].lower() == last.lower() else kind


def _code(text: str) -> str:
    cleaned = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{cleaned}`" if cleaned else ""


def _escaped(text: str) -> str:
    """Plain words: no markup of a message's own."""
    return re.sub(r"([\\*_<>\[\]|#])", r"\\\1", " ".join(text.split()))
