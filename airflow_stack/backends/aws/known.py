"""Outputs in place of a plan's references."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from airflow_stack.backends.aws.plan.policy_document import document
from airflow_stack.backends.aws.plan.refs import Ref, fill, refs
from airflow_stack.backends.aws.plan.rights import Statement

Known = Mapping[Ref, pulumi.Output[str]]
"""What AWS knows of the resources, by the plan's name of it."""


def filled(text: str, known: Known) -> pulumi.Input[str]:
    """A text of the plan as Pulumi takes it. Raises KeyError for a reference that nobody has given."""
    found = refs(text)
    if not found:
        return text
    if text == str(found[0]):
        return known[found[0]]
    return pulumi.Output.all(*(known[ref] for ref in found)).apply(
        lambda values: fill(text, dict(zip(found, values, strict=True)))
    )


def policy(statements: Sequence[Statement], known: Known) -> pulumi.Output[str]:
    """The policy of these statements, once what they refer to is there. Raises KeyError as `filled` does."""
    found = refs(json.dumps(statements))
    return pulumi.Output.all(*(known[ref] for ref in found)).apply(
        lambda values: document(*(_filled(one, dict(zip(found, values, strict=True))) for one in statements))
    )


def _filled(statement: Statement, values: Mapping[Ref, str]) -> Statement:
    """Resources are sorted by what they are in AWS, so that the same rights are the same text."""
    found: Statement = _each(statement, values)
    return found | ({"Resource": sorted(found["Resource"])} if "Resource" in found else {})


def _each(part: Any, values: Mapping[Ref, str]) -> Any:
    if isinstance(part, str):
        return fill(part, values)
    if isinstance(part, list):
        return [_each(one, values) for one in part]
    return {key: _each(one, values) for key, one in part.items()}
