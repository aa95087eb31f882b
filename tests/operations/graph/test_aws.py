"""The picture of a stack on AWS against the resources that the program registers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from backends.aws.recorded import Recorded
from backends.aws.whole import deploy

from airflow_stack.operations.graph.topology import Topology
from operations.graph.test_docker import pairs, titles
from operations.graph.variants import AWS, on_aws


@pytest.fixture(params=AWS, scope="module")
def both(request: pytest.FixtureRequest) -> tuple[Topology, Recorded]:
    """One config, drawn and deployed."""
    return on_aws(AWS[request.param]), deploy(AWS[request.param])


def details(topology: Topology, node: str) -> str:
    found = [one for one in topology.nodes if one.id == node]
    return "\n".join((found[0].title, *found[0].details)) if found else ""


def inputs(recorded: Recorded, kind: str) -> list[dict[str, Any]]:
    return [one.inputs for one in recorded.resources if one.type == kind]


def test_every_service_is_in_the_picture(both: tuple[Topology, Recorded]) -> None:
    """Rule: each task definition is drawn once, with its CPU and memory, and what runs beside Airflow in it."""
    topology, recorded = both
    definitions = recorded.of("aws:ecs/taskDefinition:TaskDefinition")
    drawn = {member: node for node in topology.nodes for member in node.members}
    assert {name.partition("-")[2] for name in definitions} == drawn.keys()
    for name, resource in definitions.items():
        node = drawn[name.partition("-")[2]]
        size = f"{int(resource.inputs['cpu']) / 1024:g} vCPU, {resource.inputs['memory']} MiB"
        assert any(detail.endswith(size) for detail in node.details)
    services = {name.partition("-")[2] for name in recorded.of("aws:ecs/service:Service")}
    assert services == drawn.keys() - {"one-off"}


# Types of resources, and the node that stands for them.
NODES = {
    "aws:lb/loadBalancer:LoadBalancer": ("load_balancer", "Load balancer"),
    "aws:rds/instance:Instance": ("database", "RDS"),
    "aws:sqs/queue:Queue": ("broker", "SQS"),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("broker", "ElastiCache"),
    "aws:s3/bucket:Bucket": ("bucket", "S3"),
    "aws:ecr/repository:Repository": ("registry", "ECR"),
    "aws:secretsmanager/secret:Secret": ("secrets", "Secrets Manager"),
    "aws:cloudwatch/logGroup:LogGroup": ("cloudwatch", "CloudWatch"),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": ("firehose", "Firehose"),
    "aws:ec2/natGateway:NatGateway": ("nat", "NAT gateway"),
}


def test_what_the_services_use_is_in_the_picture(both: tuple[Topology, Recorded]) -> None:
    """Rule: a resource that is made has its node, and a node of such a resource has one that is made."""
    topology, recorded = both
    for kind, (node, title) in NODES.items():
        drawn = details(topology, node).startswith(title)
        assert drawn == bool(inputs(recorded, kind)), f"{title}: {kind}"


def test_counts_and_names_are_those_of_the_resources(both: tuple[Topology, Recorded]) -> None:
    """Rule: NAT gateways, log groups, subnets and secrets are counted and named as they are made."""
    topology, recorded = both
    gateways = len(inputs(recorded, "aws:ec2/natGateway:NatGateway"))
    if gateways > 1:
        assert details(topology, "nat").splitlines()[0].endswith(f" {gateways}")
    groups = [one["name"] for one in inputs(recorded, "aws:cloudwatch/logGroup:LogGroup")]
    ours = [name for name in groups if name.startswith("/airflow-stack/") and not name.endswith("/service-events")]
    assert f"{len(ours)} log groups" in details(topology, "cloudwatch"), ours
    words = " ".join(detail for group in topology.groups for detail in group.details)
    for subnet in inputs(recorded, "aws:ec2/subnet:Subnet"):
        assert subnet["cidrBlock"] in words
    for secret in inputs(recorded, "aws:secretsmanager/secret:Secret"):
        name = secret["namePrefix"].partition("/")[2].rstrip("-")
        assert name in re.split(r"[\s,]+", details(topology, "secrets"))


def test_an_edge_is_what_the_security_groups_let_through(both: tuple[Topology, Recorded]) -> None:
    """Rule: between what has a security group, the picture and the rules say the same."""
    topology, recorded = both
    rules = recorded.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    opened = {
        (_key(rule.inputs["referencedSecurityGroupId"]), _key(rule.inputs["securityGroupId"]))
        for rule in rules.values()
        if "referencedSecurityGroupId" in rule.inputs
    }
    guarded = {_key(f"{name}-id") for name in recorded.of("aws:ec2/securityGroup:SecurityGroup")} - {"endpoints"}
    assert {pair for pair in pairs(topology) if set(pair) <= guarded} == opened


def _key(identifier: str) -> str:
    """Of a security group: `airflow-load-balancer-id` is load_balancer."""
    return identifier.partition("-")[2].removesuffix("-id").replace("-", "_")


CHANGES: dict[str, tuple[dict[str, Any], set[str], set[str]]] = {
    "elasticache": ({"broker": {"kind": "elasticache"}}, {"ElastiCache"}, {"SQS"}),
    "nat": ({"target": {"egress": "nat"}}, {"NAT gateway"}, set()),
    "endpoints": (AWS["endpoints"], {"VPC endpoints"}, {"Internet"}),
    "external-database": ({"database": {"kind": "external"}}, {"External database"}, {"RDS"}),
    "two-webservers": (
        {"target": {"webserver": {"count": 2}}, "database": {"instance_class": "db.t4g.small"}},
        {"webserver × 2"},  # noqa: RUF001
        {"webserver"},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_config_changes_the_picture(name: str) -> None:
    """Rule: what config adds and takes away comes and goes, and nothing else does."""
    raw, added, gone = CHANGES[name]
    before, after = titles(on_aws({})), titles(on_aws(raw))
    assert (after - before, before - after) == (added, gone)


def test_tasks_stand_where_the_egress_puts_them() -> None:
    """Rule: with addresses of their own in the public subnets, else in the private ones."""
    for raw, where in (({}, "public"), ({"target": {"egress": "nat"}}, "private")):
        found = {group.id: group.parent for group in on_aws(raw).groups}
        assert found["cluster"] == where
