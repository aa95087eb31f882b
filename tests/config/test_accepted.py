"""What a stack file may say, and the only keys that this changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from config.rows import AWS, GONE, document, editor, resolved

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
ZONE = "Z0123456789ABCDEFGHIJ"
LOAD_BALANCER = "target.load_balancer"
NETWORK = {
    "kind": "existing",
    "vpc_id": "vpc-0a1b2c3d4e5f67890",
    "public_subnet_ids": ["subnet-0a1b2c3d4e5f67890", "subnet-0a1b2c3d4e5f67891"],
    "private_subnet_ids": ["subnet-0a1b2c3d4e5f67892", "subnet-0a1b2c3d4e5f67893"],
}
GITHUB = {
    "repository": "example/airflow-stack",
    "state_bucket": "example-pulumi-state",
    "state_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
    "provider_arn": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
}
OF_RDS = [
    f"database.{key}" for key in ("version", "instance_class", "multi_az", "storage", "max_storage", "backup_days")
]

EXTERNAL = """
database: {kind: external}
broker: {kind: external}
database_url: {secure: AAABAKx9}
broker_url: {secure: AAABAKx9}
"""


def domain(**certificate: str) -> dict[str, Any]:
    """The smallest target on AWS with HTTPS."""
    by_name = {"allowed_cidrs": ["203.0.113.0/24"], "domain": "airflow.example.com"}
    return AWS | {"load_balancer": by_name | certificate}


@pytest.mark.parametrize(
    ("target", "config", "says"),
    [
        pytest.param(
            None, "database: {port: 5432}", {"database.port": 5432}, id="database-kind-is-container-by-default"
        ),
        pytest.param(
            None,
            "hardened: true\nairflow: {expose_config: non-sensitive-only}",
            {"airflow.expose_config": "non-sensitive-only", "hardened": True},
            id="hardened",
        ),
        pytest.param(
            None,
            "airflow: {own_sections: [my.plugin], options: {my_plugin: {token_cmd: x}, sentry: {debug: true}}}",
            {
                "airflow.own_sections": ["my.plugin"],
                "airflow.options": GONE,
                "airflow.options.my_plugin.token_cmd": "x",
                "airflow.options.sentry.debug": True,
            },
            id="sections-of-a-plugin-and-those-that-airflow-hands-on",
        ),
        pytest.param(
            None,
            "airflow: {executor: LocalExecutor}\nworker: {count: 2, concurrency: 4}",
            {"airflow.executor": "LocalExecutor"},
            id="local-executor-with-default-workers",
        ),
        pytest.param(
            None,
            "airflow: {executor: LocalExecutor}\nflower: {enabled: false, port: null}",
            {"airflow.executor": "LocalExecutor", "flower.port": None},
            id="local-executor",
        ),
        pytest.param(
            None,
            "database: {superuser_database: airflow, name: airflow}",
            {"database.superuser_database": "airflow"},
            id="one-database-for-superuser-and-airflow",
        ),
        pytest.param(
            None,
            "worker: {queues: [gpu], other_queues: [default, '*']}",
            {"worker.queues": ["gpu"], "worker.other_queues": ["default", "*"]},
            id="queues-of-others",
        ),
        pytest.param(None, "hardened: 'true'", {"hardened": True}, id="switch-as-pulumi-writes-it"),
        pytest.param(
            domain(certificate_arn=CERTIFICATE),
            "",
            {f"{LOAD_BALANCER}.domain": "airflow.example.com", f"{LOAD_BALANCER}.certificate_arn": CERTIFICATE}
            | {f"{LOAD_BALANCER}.plain_http": False},
            id="certificate",
        ),
        pytest.param(
            domain(hosted_zone_id=ZONE),
            "",
            {f"{LOAD_BALANCER}.domain": "airflow.example.com", f"{LOAD_BALANCER}.hosted_zone_id": ZONE}
            | {f"{LOAD_BALANCER}.plain_http": False},
            id="https",
        ),
        pytest.param(
            AWS,
            "target: {delete_data: true, confirm_delete_data: airflow}",
            {"target.delete_data": True, "target.confirm_delete_data": "airflow"},
            id="deletes-its-data",
        ),
        pytest.param(
            AWS | {"network": NETWORK, "egress": "nat"},
            "",
            {f"target.network.{key}": value for key, value in NETWORK.items()}
            | {"target.egress": "nat", "target.network.cidr": GONE, "target.network.zones": GONE},
            id="existing-network",
        ),
        pytest.param(
            AWS,
            EXTERNAL,
            {"database.kind": "external", "broker.kind": "external", "broker.visibility_timeout": 86400}
            | dict.fromkeys(OF_RDS, GONE)
            | {"broker.max_receives": GONE},
            id="external-servers",
        ),
        pytest.param(
            AWS | {"github": GITHUB},
            "",
            {f"target.github.{key}": value for key, value in GITHUB.items()}
            | {"target.github": GONE, "target.github.branch": "main", "target.github.environment": "production"}
            | {"target.github.permissions_boundary": None},
            id="github",
        ),
        pytest.param(
            AWS,
            "target: {webserver: {count: 2}, triggerer: {count: 2}}\nworker: {concurrency: 2}",
            {
                "target.webserver.count": 2,
                "target.triggerer.count": 2,
                "worker.concurrency": 2,
            },
            id="part-of-a-section-keeps-the-other-defaults",
        ),
    ],
)
def test_what_is_said_is_what_changes(target: Mapping[str, Any] | None, config: str, says: dict[str, Any]) -> None:
    """Every other key keeps its default; a key of another kind is gone. An editor marks nothing."""
    assert editor().is_valid(document(config, target))
    found = resolved(config, target)
    defaults = resolved("{}", AWS if found["target.kind"] == "aws" else None)
    keys = found.keys() | defaults.keys()
    assert {key: found.get(key, GONE) for key in keys if found.get(key, GONE) != defaults.get(key, GONE)} == says
