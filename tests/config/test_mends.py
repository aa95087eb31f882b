"""What an error tells a user to do, done: it is gone."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_stack.config import ConfigError, parse
from airflow_stack.config.errors import Problem
from airflow_stack.config.load import raw_from_yaml

GOLDEN = Path(__file__).parent / "golden"

# Their mend is right for many and can't be for all: the example's value is taken on this very stack, or another key is
# missing beside it.
NOT_AT_ONCE = {
    "prod.error.http-without-asking",  # a domain needs its zone too
    "prod.error.oidc-without-domain",
    "prod.error.zone-without-domain",
    "prod.error.certificate-is-no-arn",  # the example's is of another region
}


def problems(raw: dict[str, Any], secret_keys: set[str], stack: str) -> list[Problem]:
    try:
        parse(raw, secret_keys, stack)
    except ConfigError as error:
        return error.problems
    return []


def apply(raw: dict[str, Any], secret_keys: set[str], command: str) -> None:
    """What `pulumi config set` and `rm` do to a stack's config."""
    _, _, verb, *words = shlex.split(command)
    words = [word for word in words if not word.startswith("--")][1:]  # the first one is the stack
    key = words[0].removeprefix("airflow-stack:")
    *way, last = [int(part) if part.isdigit() else part for part in re.split(r"[.\[\]]+", key) if part]
    node: Any = raw
    for part in way:
        node = node[part] if isinstance(part, int) else node.setdefault(part, {})
    if verb == "rm":
        node.pop(last)
        secret_keys.discard(str(last))
    else:
        node[last] = yaml.safe_load(words[1])


def mendable() -> list[Any]:
    """Golden stack files with a problem that a command mends."""
    return [
        pytest.param(file, id=file.stem)
        for file in sorted(GOLDEN.glob("*.error.*.yaml"))
        if "mend:    pulumi config" in file.with_suffix(".expected.txt").read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("file", mendable())
def test_the_command_that_is_told_mends(file: Path) -> None:
    """After the command, the problem it was told for is gone, and no other one stands at its key."""
    stack = file.name.partition(".")[0]
    for number, problem in enumerate(problems(*raw_from_yaml(file.read_text(encoding="utf-8"), file.name), stack)):
        if not problem.mend.startswith("pulumi config") or "--secret" in problem.mend:  # which asks for the secret
            continue
        raw, secret_keys = raw_from_yaml(file.read_text(encoding="utf-8"), file.name)
        apply(raw, secret_keys, problem.mend)
        left = problems(raw, secret_keys, stack)
        assert problem not in left, number
        if file.stem not in NOT_AT_ONCE:
            assert problem.key not in {other.key for other in left}, left
