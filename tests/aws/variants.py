"""Two stack files that use what the project's own one leaves out: every part, and a network without a way out."""

from __future__ import annotations

from typing import Any

REGION = "eu-central-1"
ZONE = "Z0123456789ABCDEFGHIJ"
BALANCER = {"allowed_cidrs": ["203.0.113.0/24"], "domain": "airflow.example.com"}
OIDC = {
    "issuer": "https://login.example.com",
    "authorization_endpoint": "https://login.example.com/authorize",
    "token_endpoint": "https://login.example.com/token",
    "user_info_endpoint": "https://login.example.com/user",
    "client_id": "airflow",
}
HOURS = {"start": "0 7 ? * MON-FRI *", "stop": "0 20 ? * MON-FRI *", "time_zone": "Europe/Berlin"}
ALL: dict[str, Any] = {
    "target": {
        "kind": "aws",
        "region": REGION,
        "load_balancer": BALANCER | {"hosted_zone_id": ZONE, "oidc": OIDC},
        "egress": "nat_per_zone",
        "exec": True,
        "logs": {"firelens": True},
        "metrics": {"alarm_email": "team@example.com", "container_insights": True},
        "webserver": {"cpu": 512, "memory": 1024, "schedule": HOURS},
        "worker": {"schedule": HOURS, "ephemeral_storage": 50},
    },
    "oidc_client_secret": "of-a-test",
}
CLOSED: dict[str, Any] = {
    "target": {
        "kind": "aws",
        "region": REGION,
        "load_balancer": {"allowed_cidrs": ["203.0.113.0/24"], "plain_http": True},
        "egress": "vpc_endpoints",
        "side_images": f"123456789012.dkr.ecr.{REGION}.amazonaws.com/mirror",
        "architecture": "X86_64",
        "delete_data": True,
        "confirm_delete_data": "airflow",
    },
    "broker": {"kind": "elasticache", "replicas": 1},
    "database": {"kind": "rds", "multi_az": True, "instance_class": "db.t4g.small"},
}
