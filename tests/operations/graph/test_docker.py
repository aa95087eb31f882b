"""The picture of a stack on this machine against the plan that is deployed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_stack.operations.graph.topology import Line, Topology
from operations.graph.variants import DOCKER, docker_plan, on_docker


def pairs(topology: Topology, line: Line = Line.FLOW) -> set[tuple[str, str]]:
    """Source and target of every edge; a group stands for its members."""
    return {
        (node, edge.target)
        for edge in topology.edges
        if edge.line is line
        for node in ([one.id for one in topology.members(edge.source)] or [edge.source])
    }


def titles(topology: Topology) -> set[str]:
    return {node.title for node in topology.nodes}


@pytest.mark.parametrize("name", DOCKER)
def test_every_container_is_in_the_picture(name: str) -> None:
    """Rule: what is deployed is drawn, once, and nothing else is drawn as a container."""
    _, plan = docker_plan(DOCKER[name])
    drawn = [member for node in on_docker(DOCKER[name]).nodes for member in node.members]
    assert sorted(drawn) == sorted(container.service for container in plan.containers)


@pytest.mark.parametrize("name", DOCKER)
def test_everything_of_the_plan_is_named(name: str) -> None:
    """Rule: networks, volumes, published ports, memory, images and names of secrets stand in the picture."""
    config, plan = docker_plan(DOCKER[name])
    topology = on_docker(DOCKER[name])
    words = {
        word.strip(",")
        for details in [(part.title, *part.details) for part in topology.nodes]
        + [(part.title, *part.details) for part in topology.groups]
        for detail in details
        for word in detail.split()
    }
    assert {network.name for network in plan.networks.values()} <= words
    assert set(plan.volumes.values()) <= words
    assert {name for container in plan.containers for name in container.secrets} <= words
    assert {image.name for image in plan.images.values()} <= words
    assert config.airflow.version in words
    for node in topology.nodes:
        for container in plan.containers:
            if container.service in node.members:
                assert any(f"{container.memory} MiB" in detail for detail in node.details)
    ports = {port.host for container in plan.containers for port in container.ports}
    ways = [edge.label for edge in topology.edges if edge.source == "user"]
    assert len(ways) == len(ports)
    assert all(any(way.endswith(str(port)) for way in ways) for port in ports)


@pytest.mark.parametrize("name", DOCKER)
def test_whoever_waits_has_an_edge_to_whom_it_waits_for(name: str) -> None:
    """Rule: each `depends_on` of the plan is an edge, of either kind."""
    _, plan = docker_plan(DOCKER[name])
    topology = on_docker(DOCKER[name])
    node_of = {member: node.id for node in topology.nodes for member in node.members}
    drawn = pairs(topology) | {(target, source) for source, target in pairs(topology, Line.ORDER)}
    # The proxy leads to the webserver, and Airflow's roles to the database; the broker is of those who use it.
    for container in plan.containers:
        for other in container.depends_on:
            wanted = (node_of[container.service], node_of[other])
            assert wanted in drawn | {(role, "redis") for role in ("init", "webserver", "triggerer")}, wanted


CHANGES: dict[str, tuple[dict[str, Any], set[str], set[str]]] = {
    "flower": ({"flower": {"enabled": True}}, {"flower"}, set()),
    "no-docker": ({"docker_socket_proxy": {"enabled": False}}, set(), {"docker-socket-proxy", "Docker engine"}),
    "external-database": (
        {"database": {"kind": "external"}},
        {"External database"},
        {"postgres", "postgres-data"},
    ),
    "local-executor": (
        {"airflow": {"executor": "LocalExecutor"}},
        set(),
        {"worker × 2", "redis", "redis-data"},  # noqa: RUF001
    ),
    "four-workers": ({"worker": {"count": 4}}, {"worker × 4"}, {"worker × 2"}),  # noqa: RUF001
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_config_changes_the_picture(name: str) -> None:
    """Rule: what config adds and takes away comes and goes, and nothing else does."""
    raw, added, gone = CHANGES[name]
    before, after = titles(on_docker({})), titles(on_docker(raw))
    assert (after - before, before - after) == (added, gone)


def test_with_local_executor_tasks_run_beside_the_scheduler() -> None:
    """Rule: whoever runs tasks has the way to Docker."""
    assert ("worker", "docker_socket_proxy") in pairs(on_docker({}))
    assert ("scheduler", "docker_socket_proxy") in pairs(on_docker(DOCKER["local-executor"]))
    assert ("scheduler", "docker_socket_proxy") not in pairs(on_docker({}))
