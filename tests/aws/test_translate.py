"""The translation itself, without an engine."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from aws.translate import KINDS


@pytest.mark.parametrize("type_", sorted(KINDS))
def test_kind_is_of_the_provider(type_: str) -> None:
    """Names that a kind lists are properties that pulumi-aws has; what the SDK can tag is tagged, and nothing else."""
    module, name = re.fullmatch(r"aws:([a-z0-9]+)/\w+:(\w+)", type_).groups()  # type: ignore[union-attr]
    resource = getattr(importlib.import_module(f"pulumi_aws.{module}"), name)
    known = {_camel(parameter) for parameter in inspect.signature(resource._internal_init).parameters}
    kind = KINDS[type_]
    listed = {*kind.replaces, *kind.aside, *kind.unread, *kind.secret, kind.named[0]} - {"*", ""}
    assert listed - known == set()
    assert kind.tagged == ("tags" in known)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
