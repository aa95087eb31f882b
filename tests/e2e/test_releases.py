"""From one release of Airflow to the next: only when it is asked for, with all that is there, and never back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.releases import RELEASES
from e2e.session import Session
from e2e.stack import RELEASE, Stack

pytestmark = pytest.mark.usefixtures("images")

# `make test-all` runs all tests once for each release, and these need no second time.
STEPS = [] if RELEASE else list(pairwise(RELEASES))


@pytest.mark.parametrize(("old", "new"), STEPS)
def test_a_stack_goes_to_the_next_release_only_when_it_is_asked_to(
    session: Session, tmp_path: Path, old: str, new: str
) -> None:
    """Rule: another version alone changes nothing, up or down; asked for, it comes with the data that was there."""
    stack = Stack(session, tmp_path, {"docker_socket_proxy": {"enabled": False}, "airflow": {"version": old}})
    stack.up(compose=True)
    stack.api().call("POST", "/variables", {"key": "of_the_old", "value": "forty-two"})
    before = ids(stack)

    stack.write({"airflow": {"version": new}})
    refused = stack.cli("up", "-s", stack.name, "--compose")
    assert refused.code == 1
    assert f"the stack runs Airflow {old}, and airflow-stack:airflow.version is {new}" in refused.output
    assert ids(stack) == before
    assert stack.unhealthy() == []

    stack.down()
    refused = stack.cli("up", "-s", stack.name, "--compose")
    assert refused.code == 1
    assert f"this is Airflow {new}: it is upgraded only when that is asked for" in refused.output
    assert "airflow-stack:airflow.upgrade_from" in refused.output
    assert "Traceback" not in refused.output
    stack.down()

    stack.write({"airflow": {"version": new, "upgrade_from": old}})
    stack.up(compose=True)
    assert stack.unhealthy() == []
    api = stack.api()
    assert api.call("GET", "/version")["version"] == new
    assert api.call("GET", "/variables/of_the_old")["value"] == "forty-two"
    api.trigger("example_workers", "on_the_new")
    assert api.wait("example_workers", "on_the_new") == "success"
    # The key may stay: nothing is left to be upgraded.
    stack.up(compose=True)

    stack.write({"airflow": {"version": old}})
    refused = stack.cli("up", "-s", stack.name, "--compose")
    assert refused.code == 1
    assert (
        f"the stack runs Airflow {new}, and airflow-stack:airflow.version is {old}, which can't use" in refused.output
    )
    assert stack.unhealthy() == []
    stack.down()
    refused = stack.cli("up", "-s", stack.name, "--compose")
    assert f"which Airflow {old} does not know: a newer Airflow made it" in refused.output
    stack.down()


@pytest.mark.parametrize("version", [new for _, new in STEPS])
def test_dags_are_checked_and_tested_on_it(session: Session, tmp_path: Path, version: str) -> None:
    """Rule: both verbs work in the release's own image, without a stack."""
    place = Stack(session, tmp_path, {"airflow": {"version": version}})
    checked = place.cli("dags", "check", "-s", place.name, "--strict", "--slow", "60").check()
    assert "4 DAGs in 4 files: 0 errors, 0 warnings" in checked.output
    assert f"airflow-stack/airflow:{version}-" in checked.output
    place.cli("dags", "test", "example_deferrable", "-s", place.name).check()


def ids(stack: Stack) -> dict[str, Any]:
    """Of the containers, by service."""
    return {service: entry["Id"] for service, entry in stack.containers().items()}
