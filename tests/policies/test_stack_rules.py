"""Rules about resources together, and the whole pack on what the backend makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow_stack_policies import RULES
from airflow_stack_policies.rule import UNKNOWN, Seen
from backends.aws.recorded import SMALLEST, record

from airflow_stack.config import parse
from airflow_stack.operations.target import target_of
from policies.asked import problems, revealed, rule

BUCKET = "aws:s3/bucket:Bucket"
SSE = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
LB = "aws:lb/loadBalancer:LoadBalancer"
CLOSED = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "backends" / "aws" / "golden"


def said(name: str, *resources: Seen) -> list[tuple[str, str]]:
    return [(one.name, message) for one, message in rule(name).check(resources)]


def of(bucket: str) -> dict[str, Any]:
    """A resource beside a bucket, in a preview: the name is not known, what it is made of is."""
    return {"depends": {"bucket": [f"urn::{bucket}"]}}


def test_every_bucket_has_its_encryption_and_its_block() -> None:
    """Rule: those of another bucket don't count; in a preview too, where no bucket has a name."""
    first = Seen(BUCKET, "first", {}, urn="urn::first")
    second = Seen(BUCKET, "second", {}, urn="urn::second")
    beside = [
        Seen(SSE, "sse", {"bucket": UNKNOWN}, **of("first")),
        Seen(BLOCK, "block", CLOSED | {"bucket": UNKNOWN}, **of("first")),
    ]
    assert said("buckets-closed", first, *beside) == []
    assert [name for name, _ in said("buckets-closed", first, second, *beside)] == ["second", "second"]
    assert said("buckets-closed", first) == [
        ("first", "the bucket has no default encryption beside it"),
        ("first", "the bucket has no public access block beside it"),
    ]


@pytest.mark.parametrize("key", CLOSED)
def test_a_public_access_block_blocks_all(key: str) -> None:
    """Rule: three of four switches leave a bucket open."""
    assert list(rule("encrypted").check(BLOCK, CLOSED)) == []
    assert list(rule("encrypted").check(BLOCK, CLOSED | {key: False})) == [
        f"the public access block does not set {key}"
    ]


def test_buckets_are_told_by_their_names_too() -> None:
    """Rule: where a name is written, nothing is made of the bucket."""
    bucket = Seen(BUCKET, "first", {"bucket": "one"}, urn="urn::first")
    block = Seen(BLOCK, "block", CLOSED | {"bucket": "two"})
    assert [message for _, message in said("buckets-closed", bucket, block)][-1].endswith(
        "public access block beside it"
    )
    same = Seen(BLOCK, "block", CLOSED | {"bucket": "one"})
    assert len(said("buckets-closed", bucket, same)) == 1


@pytest.mark.parametrize("preview", [True, False])
def test_public_addresses_reach_the_load_balancer_alone(preview: bool) -> None:
    """Rule: a rule for 443 on the workers' group is as wrong as one for their port."""

    def ingress(group: str) -> Seen:
        known = {"securityGroupId": UNKNOWN if preview else f"sg-{group}"}
        depends = {"securityGroupId": [f"urn::{group}"]} if preview else {}
        return Seen(INGRESS, group, {"cidrIpv4": "203.0.113.0/24", "fromPort": 443.0, "toPort": 443.0} | known, depends)

    balancer = Seen(
        LB,
        "lb",
        {"securityGroups": UNKNOWN if preview else ["sg-balancer"]},
        {"securityGroups": ["urn::balancer"]} if preview else {},
    )
    assert said("public-ingress", balancer, ingress("balancer")) == []
    assert [name for name, _ in said("public-ingress", balancer, ingress("balancer"), ingress("worker"))] == ["worker"]
    assert [name for name, _ in said("public-ingress", ingress("balancer"))] == ["balancer"]


SCHEDULE = {"start": "0 7 ? * MON-FRI *", "stop": "0 20 ? * MON-FRI *"}
EVERYTHING = {
    "target": {
        "egress": "vpc_endpoints",
        "side_images": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/public",
        "exec": True,
        "logs": {"firelens": True},
        "metrics": {"alarm_email": "ops@example.com"},
        "scheduler": {"cpu": 512, "memory": 1024, "schedule": SCHEDULE},
        "worker": {"schedule": SCHEDULE},
    },
    "broker": {"kind": "elasticache"},
}
# What the rules are about: where a stack has none of these, that it passes says nothing.
SUBJECTS = {
    "pulumi:providers:aws",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:ecr/repository:Repository",
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:rds/instance:Instance",
    LB,
    BUCKET,
    SSE,
    BLOCK,
    INGRESS,
}


@pytest.mark.parametrize("asked", [{}, EVERYTHING], ids=["default", "everything"])
def test_the_whole_stack_passes(asked: dict[str, Any]) -> None:
    """Rule: what the backend makes is what the pack asks for, by default and with all that can be switched on."""
    raw = asked | {"target": SMALLEST["target"] | asked.get("target", {})}
    configured, secrets = parse(raw, set(), "prod")
    resources = record(lambda: target_of(configured, ROOT, "prod").deploy(secrets)).resources
    assert {resource.type for resource in resources} >= SUBJECTS
    assert problems(resources) == []


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.*.json")), ids=lambda file: file.stem)
def test_the_backend_s_containers_and_roles_pass(golden: Path) -> None:
    """Rule: no secret in plain text, images pinned, logs in groups of ours; rights that name what they are about."""
    parsed = json.loads(golden.read_text(encoding="utf-8"))
    if golden.name.startswith("policies."):
        found = [("aws:iam/rolePolicy:RolePolicy", {"policy": json.dumps(policy)}) for policy in parsed.values()]
    else:
        found = [("aws:ecs/taskDefinition:TaskDefinition", {"containerDefinitions": json.dumps(parsed)})]
    assert [message for one in RULES for type_, props in found for message in one.check(type_, props)] == []


def test_secrets_are_looked_at_too() -> None:
    """Rule: a value that Pulumi marks as a secret is plain to the rules, as the engine hands it over."""
    assert revealed({"a": [{"secret": {"b": {"secret": "c"}}}]}) == {"a": [{"b": "c"}]}
