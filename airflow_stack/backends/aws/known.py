"""Outputs in place of a plan's references."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from airflow_stack.backends.aws.plan.refs import Ref, fill, refs

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
