"""The comment of a pull request, from what the engine has said in earnest: `record.py` records it anew."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_stack.operations.preview.change import (
    Against,
    Change,
    Cost,
    Finding,
    Line,
    Operation,
    Report,
    StackPreview,
)
from airflow_stack.operations.preview.compare import compare
from airflow_stack.operations.preview.events import parse
from airflow_stack.operations.preview.markdown import LIMIT, render

HERE = Path(__file__).parent
LOAD = "1000 tasks a day of 5 minutes"
COST = Cost(
    79.82, 94.72, 148.1, 163.0, LOAD,
    (Line("Fargate", "webserver: 1 GB", 2.6, 5.2), Line("Fargate", "webserver: 0.5 vCPU", 0.0, 12.3)),
)  # fmt: skip
UNCHANGED = Cost(79.82, 79.82, 148.1, 148.1, LOAD)
FIRST = Cost(None, 79.82, None, 148.1, LOAD)


def recorded(name: str, against: Against = Against.STATE, cost: Cost | None = UNCHANGED) -> StackPreview:
    """What the preview of prod makes of a recording."""
    plan = parse((HERE / "recorded" / f"{name}.jsonl").read_text(encoding="utf-8"))
    return StackPreview("prod", against, plan.changes, plan.same, plan.findings, True, plan.errors, cost)


def local() -> StackPreview:
    """Another worker and another limit of the database's memory, against the base."""
    before, after = (
        parse((HERE / "recorded" / f"local-{side}.jsonl").read_text(encoding="utf-8")) for side in ("base", "head")
    )
    changes, same = compare(before.resources, after.resources)
    return StackPreview("local", Against.BASE, changes, same)


def advisory() -> StackPreview:
    """The pack's findings are all mandatory; a team that softens one sees this."""
    found = recorded("violation", Against.NOTHING, FIRST)
    return replace(found, findings=(found.findings[0], replace(found.findings[1], mandatory=False)))


REPORTS = {
    "changed": Report("0a1b2c3", (local(), recorded("changed", cost=COST))),
    "same": Report("0a1b2c3", (recorded("same"),)),
    "created": Report("", (recorded("created", Against.NOTHING, FIRST),)),
    "broker": Report("0a1b2c3", (recorded("broker"),)),
    "violation": Report("0a1b2c3", (advisory(),)),
    "config-error": Report("0a1b2c3", (recorded("config-error", cost=None),)),
}


@pytest.mark.parametrize("name", REPORTS)
def test_the_comment_is_that_of_the_file(name: str) -> None:
    """Rule: every change of the text is seen in a review. UPDATE_GOLDEN=1 writes the files."""
    golden = HERE / "golden" / f"{name}.md"
    text = render(REPORTS[name])
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_no_expectation_is_left_over() -> None:
    """Rule: each text belongs to a report."""
    assert {file.stem for file in (HERE / "golden").glob("*.md")} == REPORTS.keys()


def test_lost_data_is_said_before_the_list() -> None:
    """Rule: a deleted queue stands in a box of its own; a deleted alarm does not."""
    text = render(REPORTS["broker"])
    box = text[text.index("[!CAUTION]") : text.index("<details>")]
    assert "delete `airflow-queue`: queued tasks" in box
    assert "alarm" not in box


def test_a_comment_that_is_too_long_is_shortened_and_says_so() -> None:
    """Rule: GitHub refuses a comment of more than 65,536 characters; nobody takes a shortened one for a whole one."""
    many = tuple(Change(Operation.UPDATE, "aws:ecs/service:Service", f"service-{n}", ("a",) * 3) for n in range(3000))
    text = render(Report("", (StackPreview("prod", Against.STATE, many),)))
    assert len(text) <= LIMIT < 65_536
    assert "and 2000 more, left out for length" in text
    assert "3000 to update" in text, "the sum is still whole"


def test_not_even_many_errors_are_too_long() -> None:
    """Rule: what no table can shorten is cut, with a word about it."""
    text = render(Report("", (StackPreview("prod", Against.STATE, errors=("x" * 3000,) * 40),)))
    assert len(text) <= LIMIT
    assert text.rstrip().endswith("shows all of it.*")


def test_names_and_messages_are_no_markup() -> None:
    """Rule: what a program calls things does not become a link, a mention, HTML or another column."""
    change = Change(Operation.DELETE, "aws:x/y:Y", "a`|b\n# c", ("p|q",))
    finding = Finding("rule", True, "r", "see [this](https://example.com) <b>now</b>\n| x |")
    text = render(Report("", (StackPreview("prod", Against.STATE, (change,), findings=(finding,)),)))
    assert "| delete | `a'\\|b # c` | `aws:x/y` | `p\\|q` |" in text
    assert "\\[this\\](https://example.com) \\<b\\>now\\</b\\> \\| x \\|" in text


def test_an_error_does_not_end_its_own_block() -> None:
    """Rule: backticks in a message stay in it."""
    text = render(Report("", (StackPreview("prod", Against.STATE, errors=("a\n```\n# b",)),)))
    assert "````text\na\n```\n# b\n````" in text


def test_what_costs_less_is_said_so() -> None:
    """Rule: the headline has the difference of the idle stack, in its direction."""
    less = replace(COST, idle_after=70.0)
    assert "9.82 USD a month less" in render(Report("", (StackPreview("prod", Against.STATE, cost=less),)))
