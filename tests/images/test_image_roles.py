"""The image is told by its command which role it is: Airflow's own commands are the names in it."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

import pytest
from airflow_stack_runtime.patches.registry import PATCHES
from airflow_stack_runtime.probes.probe import PROBES

from airflow_stack.releases import RELEASES, RoleSpec

LINES = (Path(__file__).parents[2] / "airflow_stack/releases").glob("line_*.py")
ENTRYPOINT = Path(__file__).parents[2] / "images/airflow/runtime/bin/entrypoint"
ROLES = {(release.version, role.name): role for release in RELEASES.values() for role in release.roles}


@pytest.mark.parametrize("role", ROLES.values(), ids=map("-".join, ROLES))
def test_the_image_knows_each_role_by_its_command(role: RoleSpec) -> None:
    """Rule: a role of a release has a probe of its name, and a command that the image starts in its own way. A role
    that the image does not know fails here, and not in a container."""
    assert not role.probed or role.name in PROBES
    first, *command = role.command
    assert first == "airflow"
    entrypoint = ENTRYPOINT.read_text(encoding="utf-8")
    cases = re.findall(r"^    ([^()\n]+)\)\n +set -- python3 -m airflow_stack_runtime\.boot", entrypoint, re.MULTILINE)
    patterns = [one.strip().replace('"', "") for case in cases for one in case.split("|")]
    assert len(patterns) > 4
    assert any(fnmatchcase(" ".join(command), pattern) for pattern in patterns)


def test_the_image_knows_no_role_that_no_line_has() -> None:
    """Rule: a probe of a role that no line has goes; a patch is for a command of a role, or for every role."""
    lines = [import_module(f"airflow_stack.releases.{file.stem}") for file in LINES]
    roles = [one for line in lines for one in vars(line).values() if isinstance(one, RoleSpec)]
    commands = {role.command[-1] for role in roles}
    assert PROBES.keys() <= {role.name for role in roles}
    assert {patch.where for patch in PATCHES} - {"role", "process", "dags-test"} <= commands
