"""What is made of the engine's events."""

from __future__ import annotations

import json
from pathlib import Path

from airflow_stack.operations.preview.change import Change, Operation
from airflow_stack.operations.preview.compare import compare
from airflow_stack.operations.preview.events import Plan, Planned, parse

RECORDED = Path(__file__).parent / "recorded"
TASK = "aws:ecs/taskDefinition:TaskDefinition"


def recorded(name: str) -> Plan:
    return parse((RECORDED / f"{name}.jsonl").read_text(encoding="utf-8"))


def test_a_replacement_is_one_change_with_what_forces_it() -> None:
    """Rule: the engine's three steps are one to a reader."""
    replaced = [one for one in recorded("changed").changes if one.operation is Operation.REPLACE]
    assert replaced == [Change(Operation.REPLACE, TASK, "airflow-webserver", ("cpu", "memory"))]


def test_components_and_providers_are_not_counted() -> None:
    """Rule: what AWS never hears of is no resource to a reader."""
    kinds = {one.type for one in recorded("created").resources}
    assert not [kind for kind in kinds if kind.startswith(("airflow-stack:", "pulumi:"))]
    assert recorded("same").changes == ()
    assert recorded("same").same == len(recorded("created").changes) > 100


def test_a_finding_has_its_rule_and_its_resource() -> None:
    """Rule: and is no error besides: the engine's `preview failed` says nothing more."""
    found = recorded("violation")
    assert [(one.rule, one.mandatory, one.resource) for one in found.findings] == [
        ("encrypted", True, "airflow-dead-letters"),
        ("encrypted", True, "airflow-queue"),
    ]
    assert found.errors == ()


def test_the_programs_own_error_is_the_error() -> None:
    """Rule: its whole text, without the engine's words about exit codes."""
    (error,) = recorded("config-error").errors
    assert error.startswith("bad config in Pulumi.prod.yaml")
    assert "airflow-stack:worker.count" in error


def test_an_error_without_a_reason_is_kept() -> None:
    """Rule: a failed preview never looks like one without changes."""
    event = {"diagnosticEvent": {"severity": "error", "message": "<{%fg 9%}>preview failed<{%reset%}>\n"}}
    assert parse(json.dumps(event)).errors == ("preview failed",)


def test_lines_that_are_no_events_are_skipped() -> None:
    """Rule: plugins print what they like."""
    assert parse('hello\n{"sequence": \n{"resourcePreEvent": 3}\n') == Plan((), 0, (), (), ())


def planned(urn: str, **inputs: object) -> Planned:
    return Planned(f"urn:pulumi:prod::p::t::{urn}", "t", inputs)


def test_two_commits_are_compared_by_what_the_program_asks_for() -> None:
    """Rule: new ones, missing ones, and those with other inputs; a dynamic provider's code is none."""
    before = [planned("a", x=1), planned("b", x={"k": [1]}), planned("c", __provider="old"), planned("gone")]
    after = [planned("a", x=1), planned("b", x={"k": [2]}, y=1), planned("c", __provider="new"), planned("new")]
    changes, same = compare(before, after)
    assert changes == (
        Change(Operation.DELETE, "t", "gone"),
        Change(Operation.CHANGE, "t", "b", ("x", "y")),
        Change(Operation.CREATE, "t", "new"),
    )
    assert same == 2


def test_a_name_that_the_provider_makes_up_is_no_change() -> None:
    """Rule: it is new in each preview; what the program names itself counts."""
    made_up = [planned("a", name=f"a-{n}", x=[{"y": n, "__defaults": ["y"]}], __defaults=["name"]) for n in (1, 2)]
    assert compare(made_up[:1], made_up[1:]) == ((), 1)
    named, _ = compare(made_up[:1], [planned("a", name="own", x=[{}])])
    assert [one.properties for one in named] == [("name",)]


def test_the_recorded_commits_differ_by_what_was_changed() -> None:
    """Rule: another worker is created; the database's container has another limit."""
    changes, _ = compare(recorded("local-base").resources, recorded("local-head").resources)
    found = {(str(one.operation), one.name) for one in changes}
    assert ("create", "airflow-worker-3") in found
    assert ("update or replace", "airflow-postgres") in found
    assert Operation.DELETE not in {one.operation for one in changes}
