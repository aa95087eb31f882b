"""What the stand-in refuses as AWS does, and how it compares: in this process, without an engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.runtime import rpc

from aws.behind_mocks import in_moto
from aws.engine import CREDENTIALS
from aws.standin import UNKNOWN, StandIn
from aws.translate.kind import RefusedError, same
from aws.wire import packed, plain

REGION = "eu-central-1"
TASK = {
    "family": "app", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
    "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
}  # fmt: skip


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with in_moto(REGION):
        yield StandIn(REGION, {"stack": "test"})


def make(standin: StandIn, type_: str, label: str = "one", /, **properties: Any) -> tuple[str, dict[str, Any]]:
    return standin.create(type_, label, standin.checked(type_, label, b"seed", {}, properties))


def containers(**more: Any) -> str:
    return json.dumps([{"name": "app", "image": "app", "essential": True} | more])


def test_unknown_property_is_refused(standin: StandIn) -> None:
    """Nothing that the program says is lost on the way to AWS."""
    with pytest.raises(RefusedError, match="nothing is made of colour"):
        make(standin, "aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16", colour="red")
    with pytest.raises(RefusedError, match="ClusterSetting of AWS has no colour"):
        make(standin, "aws:ecs/cluster:Cluster", settings=[{"name": "containerInsights", "colour": "red"}])


def test_unknown_type_is_refused(standin: StandIn) -> None:
    with pytest.raises(RefusedError, match="has no aws:ec2/instance:Instance"):
        make(standin, "aws:ec2/instance:Instance")


def test_container_definitions_are_aws_own_words(standin: StandIn) -> None:
    """A misspelt key would be dropped by the real provider without a word."""
    with pytest.raises(RefusedError, match="ContainerDefinition of AWS has no stopTimeOut"):
        make(standin, "aws:ecs/taskDefinition:TaskDefinition", **TASK, containerDefinitions=containers(stopTimeOut=1))
    with pytest.raises(RefusedError, match="more than the task's 512"):
        make(standin, "aws:ecs/taskDefinition:TaskDefinition", **TASK, containerDefinitions=containers(memory=1024))


def test_service_comes_after_its_listener_and_capacity(standin: StandIn) -> None:
    """ECS refuses a target group without a load balancer, and a provider that the cluster does not have."""
    vpc, _ = make(standin, "aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16")
    cluster, _ = make(standin, "aws:ecs/cluster:Cluster", name="c")
    group, _ = make(
        standin, "aws:lb/targetGroup:TargetGroup", port=8080, protocol="HTTP", targetType="ip", vpcId=vpc
    )  # fmt: skip
    _, task = make(standin, "aws:ecs/taskDefinition:TaskDefinition", **TASK, containerDefinitions=containers())
    service = {"cluster": cluster, "taskDefinition": task["arn"], "desiredCount": 1}
    balanced = [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}]
    with pytest.raises(RefusedError, match="does not have an associated load balancer"):
        make(standin, "aws:ecs/service:Service", **service, loadBalancers=balanced)
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    with pytest.raises(RefusedError, match="FARGATE_SPOT is not associated with the cluster"):
        make(standin, "aws:ecs/service:Service", **service, capacityProviderStrategies=spot)


def test_used_group_and_subnet_stay(standin: StandIn) -> None:
    """EC2 deletes no group that a database carries or a rule names, and no subnet with a database in it."""
    vpc, _ = make(standin, "aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16")
    places = [
        make(standin, "aws:ec2/subnet:Subnet", f"s{n}", vpcId=vpc, cidrBlock=f"10.0.{n}.0/24",
             availabilityZone=f"{REGION}{zone}")
        for n, zone in enumerate("ab")
    ]  # fmt: skip
    web, _ = make(standin, "aws:ec2/securityGroup:SecurityGroup", "web", vpcId=vpc, description="w", name="web")
    data, state = make(standin, "aws:ec2/securityGroup:SecurityGroup", "data", vpcId=vpc, description="d", name="data")
    make(
        standin, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", securityGroupId=data,
        referencedSecurityGroupId=web, ipProtocol="tcp", fromPort=1, toPort=1,
    )  # fmt: skip
    group, _ = make(standin, "aws:rds/subnetGroup:SubnetGroup", subnetIds=[place for place, _ in places])
    make(
        standin, "aws:rds/instance:Instance", instanceClass="db.t4g.micro", engine="postgres", allocatedStorage=20,
        username="u", password="password", skipFinalSnapshot=True, dbSubnetGroupName=group, vpcSecurityGroupIds=[data],
    )  # fmt: skip
    with pytest.raises(RefusedError, match=r"DependencyViolation: .* is used by arn:aws:rds"):
        standin.delete("aws:ec2/securityGroup:SecurityGroup", data, state)
    with pytest.raises(RefusedError, match="a rule of"):
        standin.delete("aws:ec2/securityGroup:SecurityGroup", web, {})
    with pytest.raises(RefusedError, match="DependencyViolation"):
        standin.delete("aws:ec2/subnet:Subnet", places[0][0], places[0][1])
    with pytest.raises(RefusedError, match="InvalidDBSubnetGroupStateFault"):
        standin.delete("aws:rds/subnetGroup:SubnetGroup", group, {})


def test_differences(standin: StandIn) -> None:
    """What forces a replacement, and what has to go before its successor comes."""
    queue = "aws:sqs/queue:Queue"
    old = standin.checked(queue, "q", b"1", {}, {"fifoQueue": False, "delaySeconds": 1})
    again = standin.checked(queue, "q", b"2", old, {"fifoQueue": False, "delaySeconds": 1})
    assert again["name"] == old["name"], "a name that was made up stays"
    assert standin.difference(queue, old, again).changed == []
    found = standin.difference(queue, old, again | {"delaySeconds": 2})
    assert (found.changed, found.replacing) == (["delaySeconds"], [])
    found = standin.difference(queue, old, again | {"fifoQueue": True})
    assert (found.replacing, found.delete_first) == (["fifoQueue"], False)
    named = standin.checked(queue, "q", b"1", {}, {"name": "mine", "fifoQueue": False})
    found = standin.difference(queue, named, named | {"fifoQueue": True})
    assert found.delete_first, "two queues can't have one name"
    assert standin.difference(queue, old, again | {"delaySeconds": UNKNOWN}).changed == ["delaySeconds"]
    definition = {**TASK, "containerDefinitions": containers()}
    found = standin.difference("aws:ecs/taskDefinition:TaskDefinition", definition, definition | {"cpu": "512"})
    assert found.replacing == ["cpu"]


def test_tags_of_the_provider_reach_aws(standin: StandIn) -> None:
    url, _ = make(standin, "aws:sqs/queue:Queue", tags={"own": "1"})
    assert standin.aws.call("sqs", "list_queue_tags", QueueUrl=url)["Tags"] == {"stack": "test", "own": "1"}


def test_retention_keeps_a_protected_database(standin: StandIn) -> None:
    """A destroy fails at an instance with deletion protection, as it does on RDS."""
    database = {"instanceClass": "db.t4g.micro", "engine": "postgres", "allocatedStorage": 20, "username": "u"}
    with pytest.raises(RefusedError, match="finalSnapshotIdentifier is required"):
        make(standin, "aws:rds/instance:Instance", **database, password="password")
    identifier, state = make(
        standin, "aws:rds/instance:Instance", **database, password="password", deletionProtection=True,
        finalSnapshotIdentifier="last",
    )  # fmt: skip
    with pytest.raises(RefusedError, match=r"(?i)deletion ?protection|Cannot delete protected"):
        standin.delete("aws:rds/instance:Instance", identifier, state)


def test_values_on_the_wire() -> None:
    """Secrets are known as such wherever they stand; whole numbers are integers; what is unknown stays it."""
    struct = packed({"open": 1, "shut": {"a": ["b"]}, "later": UNKNOWN}, {"shut"})
    values, secrets = plain(struct)
    assert values == {"open": 1, "shut": {"a": ["b"]}, "later": rpc.UNKNOWN}
    assert secrets == {"shut"}
    deep = {"list": [{rpc._special_sig_key: rpc._special_secret_sig, "value": "s"}]}
    assert plain(packed(deep)) == ({"list": ["s"]}, {"list"})


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (["a", "b"], ["b", "a"], True), ('{"a": 1}', '{ "a":1 }', True), (30, "30", True), (True, "true", True),
        ("a.example.com.", "a.example.com", True), ({"a": 1}, {"a": 2}, False), (["a"], ["a", "a"], False),
    ],
)  # fmt: skip
def test_same(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal
