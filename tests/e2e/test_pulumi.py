"""The stack by Pulumi: what a user gets who has the engine."""

from __future__ import annotations

from e2e.conftest import Shared, engine_tests
from e2e.inspected import comparable
from e2e.pulumi import Pulumi
from e2e.stack import Stack, docker

pytestmark = engine_tests


def test_pulumi_says_what_to_do_about_the_containers_of_compose(pulumied: Stack, shared: Shared) -> None:
    """Where Compose has made the stack, `up` by Pulumi changes nothing and names the command that clears the way."""
    assert "made by Docker Compose" in shared.refused
    assert f"make down STACK={pulumied.name}" in shared.refused
    assert "Traceback" not in shared.refused


def test_up_ends_with_every_container_healthy(pulumied: Stack) -> None:
    """`pulumi up` returns when the stack works."""
    assert pulumied.unhealthy() == []
    assert len(pulumied.containers()) == 11


def test_data_of_the_compose_stack_is_there(pulumied: Stack) -> None:
    """The tool may change: volumes and secrets are the same ones, so that runs and logins of before are there."""
    assert pulumied.api().call("GET", "/variables/by_compose")["value"] == "forty-two"


def test_containers_differ_from_those_of_compose_in_labels_and_ids_alone(pulumied: Stack, shared: Shared) -> None:
    """Two implementations of one description make the same containers."""
    by_compose, by_pulumi = shared.seen["compose"], shared.seen["pulumi"]
    assert by_compose.keys() == by_pulumi.keys()
    differences = {}
    for service in by_compose:
        one, other = comparable(by_compose[service]), comparable(by_pulumi[service])
        for path in sorted(one.keys() | other.keys()):
            if one.get(path) != other.get(path):
                differences[f"{service}: {path}"] = (one.get(path), other.get(path))
    assert differences == {}
    assert pulumied.listed("volume") == [f"{pulumied.name}-af-postgres-data", f"{pulumied.name}-af-redis-data"]


def test_outputs_name_the_stack(pulumied: Stack) -> None:
    """`pulumi stack output` holds what a user needs: URLs, the admin's name, and the password as a secret."""
    outputs = Pulumi(pulumied).outputs()
    assert outputs["url"] == pulumied.url
    assert outputs["flower_url"] == f"{pulumied.url}/flower/"
    assert outputs["admin_username"] == "admin"
    assert outputs["admin_password"] == pulumied.secrets()["values/admin_password"]
    assert sorted(outputs["containers"]) == sorted(
        pulumied.container(service) for service in pulumied.containers() if service != "init"
    )


def test_a_second_up_changes_nothing(pulumied: Stack) -> None:
    """Rendering is canonical: the same config again leaves every resource and container as it is."""
    before = {service: entry["Id"] for service, entry in pulumied.containers().items()}
    output = Pulumi(pulumied).run("up", "--yes", "--expect-no-changes", config=True).check().output
    assert "unchanged" in output
    assert {service: entry["Id"] for service, entry in pulumied.containers().items()} == before


def test_refresh_finds_no_drift(pulumied: Stack) -> None:
    """What Docker reports is what was asked for, in its own words."""
    Pulumi(pulumied).run("refresh", "--yes", "--expect-no-changes", config=True).check()
    assert Pulumi(pulumied).preview().touched == {}


def test_a_container_removed_by_hand_comes_back(pulumied: Stack) -> None:
    """`pulumi up` after a refresh makes what is missing, and touches nothing else."""
    before = {name: entry["Id"] for name, entry in pulumied.containers().items() if name != "scheduler"}
    docker("rm", "--force", pulumied.container("scheduler"))
    Pulumi(pulumied).run("up", "--yes", "--refresh", config=True).check()
    after = {name: entry["Id"] for name, entry in pulumied.containers().items() if name != "scheduler"}
    assert after == before
    assert pulumied.unhealthy() == []
