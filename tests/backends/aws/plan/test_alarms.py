"""The plan's alarms are those that are made, paid for and shown, and what they look at is there."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_stack.backends.aws.plan import AwsPlan
from airflow_stack.backends.aws.plan.alarms import Formula
from airflow_stack.cost import estimate
from backends.aws.recorded import planned
from backends.aws.whole import CONFIGS, SCHEDULE, deploy, parsed

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
SCHEDULED = {"scheduler": {"schedule": SCHEDULE}, "worker": {"schedule": SCHEDULE}}
STACKS = CONFIGS | {"scheduled": {"target": SCHEDULED}, "cache": {"broker": {"kind": "elasticache"}}}


def plan(raw: dict[str, Any]) -> AwsPlan:
    return planned(parsed(raw)[0])


@pytest.mark.parametrize("stack", STACKS)
def test_the_alarms_of_the_plan_are_made_and_no_other(stack: str) -> None:
    """Rule: who reads the plan, a cost or a doctor, knows each alarm that AWS has."""
    watching, recorded = plan(STACKS[stack]).watching, deploy(STACKS[stack])
    made = {one.inputs["name"]: one.inputs for one in recorded.of(ALARM).values()}
    assert {f"airflow-{one.purpose}" for one in watching.alarms} == set(made)
    assert [f"airflow-{one.purpose}" for one in watching.composites] == [
        one.inputs["alarmName"] for one in recorded.of(COMPOSITE).values()
    ]
    for alarm in watching.alarms:
        inputs = made[f"airflow-{alarm.purpose}"]
        seen = [query["metric"] for query in inputs.get("metricQueries", ()) if "metric" in query] or [inputs]
        assert [one.name for one in alarm.metrics] == [one["metricName"] for one in seen]
        assert alarm.threshold == inputs["threshold"]


@pytest.mark.parametrize("stack", STACKS)
def test_every_metric_of_an_alarm_is_paid(stack: str) -> None:
    """Rule: CloudWatch charges by the metric that an alarm looks at, not by the alarm."""
    lines = {item.what: item.quantity for item in estimate(planned(parsed(STACKS[stack])[0])).items}
    looked_at = sum(
        max(1, sum("metric" in query for query in alarm.inputs.get("metricQueries", ())))
        for alarm in deploy(STACKS[stack]).of(ALARM).values()
    )
    assert lines["alarms, by metric"] == looked_at


@pytest.mark.parametrize("stack", STACKS)
def test_an_alarm_tells_or_another_one_tells_in_its_stead(stack: str) -> None:
    """Rule: what is a fault is told by somebody, and what is none tells nobody."""
    watching = plan(STACKS[stack]).watching
    told_for = {one.of for one in watching.composites}
    for alarm in watching.alarms:
        assert alarm.is_fault == (alarm.tells or alarm.purpose in told_for), alarm.purpose


def test_a_formula_computes_with_its_own_metrics() -> None:
    """Rule: CloudWatch refuses an expression with an id that no query has."""
    formulas = [one.watches for one in plan({}).watching.alarms if isinstance(one.watches, Formula)]
    assert formulas
    for formula in formulas:
        assert all(id_ in formula.expression for id_ in formula.metrics)
        assert formula.id not in formula.metrics
