"""The whole stack on AWS against Pulumi's mocks, and configs that switch everything on."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import models

from airflow_stack.config import AwsConfig, Secrets, parse
from airflow_stack.operations.target import target_of
from backends.aws.recorded import SMALLEST, Recorded, record

PROGRAM = Path(__file__).parents[3]
STACK = "prod"

SCHEDULE = {"start": "0 7 ? * MON-FRI *", "stop": "0 20 ? * MON-FRI *", "time_zone": "Europe/Berlin"}
SWITCHED_ON: dict[str, Any] = {
    "load_balancer": {
        "allowed_cidrs": ["203.0.113.0/24"],
        "domain": "airflow.example.com",
        "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
        "oidc": {
            "issuer": "https://login.example.com",
            "authorization_endpoint": "https://login.example.com/authorize",
            "token_endpoint": "https://login.example.com/token",
            "user_info_endpoint": "https://login.example.com/userinfo",
            "client_id": "airflow",
        },
    },
    "logs": {"firelens": True},
    "exec": True,
    "metrics": {"container_insights": True, "alarm_email": "ops@example.com"},
    "webserver": {"schedule": SCHEDULE},
    "scheduler": {"schedule": SCHEDULE},
    "triggerer": {"schedule": SCHEDULE},
    "worker": {"schedule": SCHEDULE, "capacity": {"on_demand_base": 1, "spot_weight": 4}, "ephemeral_storage": 50},
    "tags": {"team": "data"},
}
EXISTING: dict[str, Any] = {
    "kind": "existing",
    "vpc_id": "vpc-0a1b2c3d4e5f67890",
    "public_subnet_ids": ["subnet-0a1b2c3d4e5f67890", "subnet-0a1b2c3d4e5f67891"],
    "private_subnet_ids": ["subnet-0a1b2c3d4e5f67892", "subnet-0a1b2c3d4e5f67893"],
}

# An own network and an existing one exclude each other, and so do the databases and the brokers: two times everything.
CONFIGS: dict[str, dict[str, Any]] = {
    "default": {},
    "everything": {
        "target": SWITCHED_ON | {"egress": "nat_per_zone"},
        "database": {"kind": "rds", "multi_az": True},
        "broker": {"kind": "elasticache", "replicas": 1},
        "airflow": {"options": {"core": {"default_timezone": "Europe/Berlin"}, "email": {"subject_template": "${x}"}}},
    },
    "everything-existing": {
        "target": SWITCHED_ON | {"network": EXISTING, "egress": "nat"},
        "database": {"kind": "external"},
        "broker": {"kind": "external"},
    },
}

FERNET_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
DATABASE_URL = "postgresql://airflow:database-password@db.example.com:5432/airflow"
BROKER_URL = "rediss://:broker-password@redis.example.com:6379/0"
CLIENT_SECRET = "oidc-client-secret"


def parsed(raw: dict[str, Any]) -> tuple[AwsConfig, Secrets]:
    """The config, with the least that a target has to say, and with the secrets that it needs."""
    raw = raw | {"target": SMALLEST["target"] | raw.get("target", {})}
    needed = {
        "database_url": (raw.get("database", {}).get("kind") == "external", DATABASE_URL),
        "broker_url": (raw.get("broker", {}).get("kind") == "external", BROKER_URL),
        "oidc_client_secret": (raw["target"]["load_balancer"].get("oidc") is not None, CLIENT_SECRET),
    }
    given = {key: value for key, (is_needed, value) in needed.items() if is_needed}
    config, secrets = parse(raw | given, set(given), STACK)
    return models.aws(config), secrets


def deploy(raw: dict[str, Any], *, preview: bool = False, unmade: Collection[str] = ()) -> Recorded:
    """Run the program's resources for this config."""
    config, given = parsed(raw)
    return record(lambda: target_of(config, PROGRAM, STACK).deploy(given), preview=preview, unmade=unmade)


def inputs(recorded: Recorded) -> dict[str, Any]:
    """What the engine is asked for: inputs by type and name, and whether a destroy leaves the resource."""
    return {f"{one.type} {one.name}": (one.inputs, one.retained) for one in recorded.resources}


def containers(recorded: Recorded) -> dict[str, list[dict[str, Any]]]:
    """Containers of the task definitions, by role."""
    found = recorded.of("aws:ecs/taskDefinition:TaskDefinition")
    return {
        name.partition("-")[2]: json.loads(public(one.inputs["containerDefinitions"])) for name, one in found.items()
    }


def public(value: Any) -> Any:
    """A value that is no secret."""
    assert not (isinstance(value, dict) and set(value) == {"secret"}), "a secret, where plain text is meant"
    return value
