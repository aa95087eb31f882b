"""Who reaches whom, as rules of the whole plan."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from airflow_stack.backends.aws.plan.rules import ANYWHERE, BROKER, DATABASE, LOAD_BALANCER, Rule
from backends.aws.recorded import planned
from backends.aws.whole import CONFIGS, deploy, parsed

STACKS: dict[str, dict[str, Any]] = CONFIGS | {"cache": {"broker": {"kind": "elasticache"}}}
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


def admits(rules: tuple[Rule, ...], group: str) -> set[tuple[str, tuple[int, int] | None]]:
    return {(rule.peer, rule.ports) for rule in rules if rule.group == group and rule.direction == "in"}


@pytest.mark.parametrize("stack", STACKS)
def test_who_shows_logs_reaches_every_role_that_has_a_log_port(stack: str) -> None:
    """Rule: the log of what still runs is read at its port, by who serves the UI and by nobody else."""
    plan = planned(parsed(STACKS[stack])[0])
    shows = [service.role.name for service in plan.services if service.served]
    kept = [(family.role.name, port) for family in plan.families if (port := family.role.spec.log_port)]
    assert shows
    assert kept
    for role, port in kept:
        assert admits(plan.rules.rules, role) == {(one, (port, port)) for one in shows}


@pytest.mark.parametrize("stack", STACKS)
def test_a_port_that_is_let_in_is_one_that_a_task_listens_on(stack: str) -> None:
    """Rule: the definition of a task opens the ports that its group admits, and no other."""
    plan = planned(parsed(STACKS[stack])[0])
    for family in plan.families:
        admitted = {port for _, ports in admits(plan.rules.rules, family.role.name) for port in ports or ()}
        assert admitted == set(family.ports), family.role.name


@pytest.mark.parametrize("stack", STACKS)
def test_both_ends_are_open(stack: str) -> None:
    """Rule: whom a group admits may reach it; a rule at one end alone is a timeout at the other."""
    rules = planned(parsed(STACKS[stack])[0]).rules.rules
    out = {(rule.group, rule.peer, rule.ports) for rule in rules if rule.direction == "out"}
    everything = {group for group, peer, ports in out if peer == ANYWHERE and ports is None}
    for rule in rules:
        if rule.direction == "in" and not rule.is_cidr:
            assert rule.peer in everything or (rule.peer, rule.group, rule.ports) in out, rule


@pytest.mark.parametrize("stack", STACKS)
def test_addresses_enter_by_the_load_balancer_alone(stack: str) -> None:
    """Rule: no task, database or broker is reached by an address; they let out nothing of their own."""
    rules = planned(parsed(STACKS[stack])[0]).rules.rules
    assert {rule.group for rule in rules if rule.is_cidr and rule.direction == "in"} == {LOAD_BALANCER}
    assert not [rule for rule in rules if rule.group in (DATABASE, BROKER) and rule.direction == "out"]


@pytest.mark.parametrize("stack", STACKS)
def test_every_rule_of_the_plan_is_made_and_no_other(stack: str) -> None:
    """Rule: a rule that only one of plan and program has is one that nobody has read."""
    plan, recorded = planned(parsed(STACKS[stack])[0]), deploy(STACKS[stack])
    for direction, type_ in (("in", INGRESS), ("out", EGRESS)):
        wanted = {f"airflow-{one.group}-{one.purpose}" for one in plan.rules.rules if one.direction == direction}
        # That of the endpoints is the network's.
        assert set(recorded.of(type_)) - {"airflow-endpoints-from-vpc"} == wanted


@pytest.mark.parametrize("stack", STACKS)
def test_no_two_rules_have_one_name(stack: str) -> None:
    """Rule: Pulumi refuses a second resource of a name."""
    rules = planned(parsed(STACKS[stack])[0]).rules.rules
    for one, other in itertools.combinations(rules, 2):
        assert (one.group, one.purpose, one.direction) != (other.group, other.purpose, other.direction)
