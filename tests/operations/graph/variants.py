"""Stacks whose pictures differ: each switches on, or off, what has a place of its own."""

from __future__ import annotations

from typing import Any

from backends.aws.whole import CONFIGS, SWITCHED_ON, parsed
from backends.recorder import PROGRAM

from airflow_stack.airflow import describe
from airflow_stack.backends.containers import Plan, plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig
from airflow_stack.operations.graph.docker import docker_topology
from airflow_stack.operations.graph.topology import Topology
from airflow_stack.operations.target import target_of

ENDPOINTS = {"egress": "vpc_endpoints", "side_images": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/public"}

DOCKER: dict[str, dict[str, Any]] = {
    "default": {},
    "every-port": {"flower": {"enabled": True}, "webserver": {"port": 8081}, "database": {"port": 5432}},
    "external": {
        "database": {"kind": "external"},
        "broker": {"kind": "external"},
        "flower": {"enabled": True},
        "secrets_backend": {"class_name": "airflow.providers.hashicorp.secrets.vault.VaultBackend"},
        "worker": {"count": 12},
        "target": {"prefix": "team-analytics-eu", "project_dir": "/srv/airflow"},
    },
    "local-executor": {"airflow": {"executor": "LocalExecutor"}},
    "no-docker": {"docker_socket_proxy": {"enabled": False}},
    "hardened": {"hardened": True},
}
AWS: dict[str, dict[str, Any]] = {
    **CONFIGS,
    "endpoints": {"target": ENDPOINTS},
    "nat": {"target": {"egress": "nat"}},
    "oidc-public": {"target": {"load_balancer": SWITCHED_ON["load_balancer"]}},
    "no-statsd": {"target": {"metrics": {"statsd": False}, "worker": {"min": 1, "max": 1}}},
}


def docker_plan(raw: dict[str, Any]) -> tuple[LocalConfig, Plan]:
    """On a machine that is made up: the picture shows nothing of it."""
    config = LocalConfig.model_validate(raw)
    machine = Machine(PROGRAM, PROGRAM, PROGRAM / "nowhere", 1000, 999, "registry")
    return config, plan(config, describe(config), machine)


def on_docker(raw: dict[str, Any]) -> Topology:
    return docker_topology(*docker_plan(raw), "local")


def on_aws(raw: dict[str, Any]) -> Topology:
    return target_of(parsed(raw)[0], PROGRAM, "prod").topology()


def everyone() -> dict[str, Topology]:
    """All variants of both targets, by name."""
    docker = {f"docker-{name}": on_docker(raw) for name, raw in DOCKER.items()}
    return docker | {f"aws-{name}": on_aws(raw) for name, raw in AWS.items()}
