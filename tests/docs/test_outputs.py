"""What the pages have their reader ask of a stack on AWS: `pulumi stack output NAME`."""

from __future__ import annotations

import re
from typing import Any

import pulumi
from backends.aws.recorded import resolved
from backends.aws.whole import PROGRAM, STACK, parsed

from airflow_stack.operations.target import target_of
from docs.markdown import PAGES, commands

GITHUB = {
    "repository": "example/airflow-stack",
    "state_bucket": "example-pulumi-state",
    "state_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
}


def test_every_output_that_is_asked_for_is_there() -> None:
    """Rule: by that name, and with something in it, where the page's own config is switched on."""
    asked = {
        found.group(1)
        for page in PAGES
        for one in commands(page)
        if (found := re.match(r"pulumi stack output (\w+)", one.text))
    }
    config, given = parsed({"target": {"github": GITHUB}})

    def exports() -> pulumi.Output[Any]:
        return pulumi.Output.from_input(target_of(config, PROGRAM, STACK).deploy(given).exports())

    found = resolved(exports)
    assert asked
    assert {name for name in asked if not found.get(name)} == set()
    assert found["github_roles"].keys() == {"preview", "deploy"}
    assert "worker" in found["task_roles"]
