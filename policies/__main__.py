"""The rules as a policy pack: pulumi preview -s prod --policy-pack policies."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_stack_policies import RULES, STACK_RULES, Rule, StackRule
from airflow_stack_policies.rule import UNKNOWN, Seen
from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError


def plain(value: Any) -> Any:
    """A resource's inputs without the SDK's proxies, which raise where a preview does not know a value yet."""
    if isinstance(value, Mapping):
        return {key: _read(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_read(value, number) for number in range(len(value))]
    return value


def _read(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def resource_policy(rule: Rule) -> ResourceValidationPolicy:
    """The rule, asked for each resource."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for message in rule.check(args.resource_type, plain(args.props)):
            report(message)

    return ResourceValidationPolicy(rule.name, rule.description, validate)


def stack_policy(rule: StackRule) -> StackValidationPolicy:
    """The rule, asked once when all resources are there."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = [
            Seen(
                one.resource_type,
                one.name,
                plain(one.props),
                {key: [other.urn for other in others] for key, others in one.property_dependencies.items()},
                one.urn,
            )
            for one in args.resources
        ]
        for resource, message in rule.check(resources):
            report(message, resource.urn)

    return StackValidationPolicy(rule.name, rule.description, validate)


PolicyPack(
    "airflow-stack",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[*map(resource_policy, RULES), *map(stack_policy, STACK_RULES)],
)
